"""Receiving: pynetdicom's acceptor, waiting for the network instead of polling it, with C-STORE data going straight to the intake.

This is the one place that reaches into pynetdicom (3.0). Association negotiation, its state machine, release, abort and all
services but C-STORE stay its own. What is replaced, and why:

- `DULServiceProvider` polls the socket and its queue every millisecond, and so does `Association`: two sleeps for each message,
  and a processor kept busy by idle associations. Here both wait for news.
- It reads a PDU as a whole, then a message as a whole, then hands it to another thread. Here a C-STORE dataset goes from the
  socket to the file, and its response leaves from the same thread.
- It waits for the rest of a PDU without limit. Here every message has a deadline.
"""

import contextlib
import queue
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from struct import Struct
from typing import Any

import structlog
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dul import _PDU_TYPES, DULServiceProvider
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from service.dimse import P_DATA
from service.errors import MalformedError
from service.inbox import Inbox, Reader
from service.intake import Intake

MAXIMUM_PDU_BYTES = 1 << 18
"""What we announce (PS3.8 D.1); DCMTK sends up to 128 kB in one."""
_OTHER_PDU_BYTES = 1 << 20
"""An association request with hundreds of contexts has some 100 kB."""
_NEWS_S = 0.1
"""Longest wait for news, so that timers are looked at."""
_ESTABLISHED = "Sta6"
_ENDED = frozenset({"Sta1", "Sta13"})
"""States of the state machine (PS3.8 9.2.2): data may be transferred; idle, or waiting for the connection to close."""
_CLOSED, _INVALID = "Evt17", "Evt19"
"""Events of the state machine: the connection is gone; an unrecognised or invalid PDU (PS3.8 9.2.1)."""
_PDU_HEADER = Struct(">BBI")
_PDV_HEADER = Struct(">IBB")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a sender may take."""

    idle_s: float
    """Without a byte."""
    message_s: float
    """For one message, from its first byte to its last."""
    association_s: float
    """For an association, between messages."""


class Server(ThreadedAssociationServer):
    """Listens on a socket that is given, and hands each connection to an association of ours."""

    def __init__(
        self, ae: ApplicationEntity, *arguments: Any, intake: Intake, limits: Limits, **named: Any
    ) -> None:
        """Take what pynetdicom's server takes, and where objects go."""
        self.intake = intake
        self.limits = limits
        super().__init__(ae, *arguments, request_handler=_Handler, **named)

        self._admitted: set[Association] = set()
        self._door = threading.Lock()

    request_queue_size = 128

    def admits(self, assoc: Association, limit: int) -> bool:
        """Whether there is room for one more association; then it has its place until its thread ends.

        pynetdicom counts connections that have not asked yet: of a crowd that comes at once it would turn everybody away.
        """
        with self._door:
            self._admitted = {one for one in self._admitted if one.is_alive()}
            if len(self._admitted) >= limit:
                return False
            self._admitted.add(assoc)
            return True

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept; a TLS handshake is left to the association's own thread, so that a silent peer stops nobody else."""
        connection, address = self.socket.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(self.limits.idle_s)
        if self.ssl_context is not None:
            connection = self.ssl_context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address


def admits(assoc: Any, limit: int) -> bool:
    """Whether the server of an association has room for it; see `Server.admits`."""
    return bool(assoc._server.admits(assoc, limit))


def listen(
    ae: ApplicationEntity,
    address: tuple[str, int],
    handlers: list[Any],
    intake: Intake,
    limits: Limits,
    tls: ssl.SSLContext | None,
) -> Server:
    """Listen in a thread of its own, until `ae.shutdown()`. Raises OSError if the port is taken."""
    server: Server = ae.make_server(
        address, evt_handlers=handlers, server_class=Server, ssl_context=tls, intake=intake, limits=limits
    )
    ae._servers.append(server)
    threading.Thread(target=server.serve_forever, name="listener", daemon=True).start()
    return server


class _Handler(RequestHandler):
    """Makes one association for one connection."""

    def handle(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            try:
                self.request.do_handshake()
            except OSError as error:  # ssl.SSLError is one
                _log.warning("tls_failed", address=self.client_address[0], error=type(error).__name__)
                self.request.close()
                return
        super().handle()

    def _create_association(self) -> Association:
        ae, server = self.ae, self.server
        assoc = _Association(ae, server.intake, server.limits)
        assoc._server = server
        assoc.name = f"AcceptorThread@{self.client_address[0]}"
        assoc.set_socket(AssociationSocket(assoc, client_socket=self.request))
        assoc.acceptor.maximum_length = ae.maximum_pdu_size
        assoc.acceptor.ae_title = server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.acceptor.implementation_class_uid = ae.implementation_class_uid
        assoc.acceptor.implementation_version_name = ae.implementation_version_name
        # Negotiation reads them only, so hundreds of contexts are not copied for each association.
        assoc.acceptor._contexts = server.contexts
        assoc.requestor.address_info = self.remote
        for event, handlers in server._handlers.items():
            if event.is_intervention:
                if handlers:
                    assoc.bind(event, *handlers)
            else:
                for handler, arguments in handlers:
                    assoc.bind(event, handler, arguments)
        return assoc


class _Heard(queue.Queue[Any]):
    """A queue that tells when something was put in."""

    def __init__(self, news: threading.Event) -> None:
        super().__init__()
        self._news = news

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 - as in queue
        super().put(item, block, timeout)
        self._news.set()


class _Association(Association):
    """An acceptor's association whose reactor waits for news."""

    def __init__(self, ae: ApplicationEntity, intake: Intake, limits: Limits) -> None:
        super().__init__(ae, "acceptor")
        self._news = threading.Event()
        self.dul = _Receiver(self, intake, limits)
        self.dul.to_user_queue = _Heard(self._news)
        self.dimse.msg_queue = _Heard(self._news)
        self.acse_timeout = ae.acse_timeout  # set anew: their timers are the receiver's
        self.network_timeout = ae.network_timeout
        self._ends_at = time.monotonic() + limits.association_s
        self._answers: queue.Queue[Any] = queue.Queue(1)

    @property
    def is_free(self) -> bool:
        """Whether a request of ours may go to the peer now: not while its own message is under way."""
        return bool(self.is_established) and not self.dul.is_busy

    def ask(self, request: Any, context_id: int, wait_s: float) -> Any:
        """Send the peer a request of ours and return its response, or None if none came in time or before the association's end.

        pynetdicom's own way holds the reactor meanwhile, so that a peer which releases instead of answering is kept waiting.
        """
        with contextlib.suppress(queue.Empty):
            self._answers.get_nowait()
        self.dimse.send_msg(request, context_id)
        until = time.monotonic() + wait_s
        while self.is_established and time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                response = self._answers.get(timeout=_NEWS_S)
                if response.MessageIDBeingRespondedTo == request.MessageID:
                    return response
        return None

    def _run_reactor(self) -> None:
        self._is_paused = False
        while not self._kill:
            self._news.wait(_NEWS_S)
            self._news.clear()
            self._pause_if_asked()
            context_id, message = self.dimse.get_msg(block=False)
            if message:
                self._take(message, context_id)
                self._news.set()  # there may be another one
            if self._has_ended():
                return

    def _take(self, message: Any, context_id: int) -> None:
        if message.MessageIDBeingRespondedTo is None:
            self._serve_request(message, context_id)
        else:
            with contextlib.suppress(queue.Full):  # nobody asked for so many
                self._answers.put_nowait(message)

    def _pause_if_asked(self) -> None:
        self._is_paused = True
        self._reactor_checkpoint.wait()
        self._is_paused = False

    def _has_ended(self) -> bool:
        if self.is_established and self.acse.is_release_requested():
            self.acse.send_release(is_response=True)
            self.is_released = True
            self._end(evt.EVT_RELEASED)
        elif self.acse.is_aborted():
            self.dul.receive_pdu(wait=False)
            self.is_aborted = True
            self._end(evt.EVT_ABORTED)
        elif not self.dul.is_alive():
            self.kill()
        elif self._is_idle() or (time.monotonic() > self._ends_at and not self.dul.is_busy):
            _log.warning("association_timed_out", address=self.requestor.address)
            self.abort()
            self.kill()
        else:
            return False
        return True

    def _is_idle(self) -> bool:
        return self.dul.idle_timer_expired() and not self.dul.is_working

    def _end(self, event: Any) -> None:
        self.is_established = False
        evt.trigger(self, event, {})
        self.kill()


class _Receiver(DULServiceProvider):
    """The upper layer of one association: waits for the peer or for us, whoever comes first."""

    def __init__(self, assoc: _Association, intake: Intake, limits: Limits) -> None:
        super().__init__(assoc)
        self._run_loop_delay = 0
        self._limits = limits
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._inbox = Inbox(assoc, intake)
        self.is_working = False
        """Reading, with limits of its own, or storing: a peer that waits for our answer is not idle."""

    @property
    def is_busy(self) -> bool:
        """Whether a message has begun to arrive, and not ended."""
        return self._inbox.is_busy

    def send_pdu(self, primitive: Any) -> None:
        super().send_pdu(primitive)
        self._wake()

    def kill_dul(self) -> None:
        super().kill_dul()
        self._wake()

    def stop_dul(self) -> bool:
        if self.state_machine.current_state == "Sta1":
            self._kill_thread = True
            self._wake()
        return super().stop_dul()

    def run_reactor(self) -> None:
        connection = self.socket.socket
        try:
            super().run_reactor()
        finally:
            self._inbox.drop()
            connection.close()  # pynetdicom forgets it where the peer was gone first
            self._bell.close()
            self._ringer.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # the thread has ended, and closed it
            self._ringer.send(b"!")

    def _process_recv_primitive(self) -> bool:
        if self.state_machine.current_state in _ENDED:
            # An abort of ours that comes after the end would be an invalid event, and end the thread with an error.
            with contextlib.suppress(queue.Empty):
                self.to_provider_queue.get(block=False)
            return False
        return super()._process_recv_primitive()

    def _is_transport_event(self) -> bool:
        connection = self.socket.socket if self.socket is not None else None
        if connection is None or self.state_machine.current_state == "Sta13":
            self._wait(None)
            return super()._is_transport_event()
        is_heard = False
        while self._wait(connection):
            is_heard = True
            self.is_working = True
            self._read_pdu_data()
            self._idle_timer.restart()
            self.is_working = False
            if self._kill_thread or not self.event_queue.empty():
                break  # else on with the next PDU: the loop outside would sleep first, and lose its turn on a busy machine
        return is_heard

    def _wait(self, connection: socket.socket | None) -> bool:
        """Wait for the peer or for us; whether the peer sent something."""
        if isinstance(connection, ssl.SSLSocket) and connection.pending():
            return True
        poll = select.poll()  # select(2) knows no descriptor above 1023
        poll.register(self._bell, select.POLLIN)
        if connection is not None:
            poll.register(connection, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(_NEWS_S * 1000 if connection is not None else 5)}
        if self._bell.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._bell.recv(4096)
        return connection is not None and connection.fileno() in ready

    def _read_pdu_data(self) -> None:
        reader = Reader(self.socket.socket, time.monotonic() + self._limits.message_s)
        try:
            kind, _, length = _PDU_HEADER.unpack(reader.read(_PDU_HEADER.size))
            if kind == P_DATA and self.state_machine.current_state == _ESTABLISHED:
                self._take_data(reader, length)
            else:
                self._take_other(reader, kind, length)
        except MalformedError:
            self.event_queue.put(_INVALID)
        except OSError:
            self._inbox.drop()
            self.socket.close()  # tells the state machine
            self.event_queue.put(_CLOSED)

    def _take_other(self, reader: Reader, kind: int, length: int) -> None:
        kind_byte = bytes((kind,))
        if kind == P_DATA or kind_byte not in _PDU_TYPES or length > _OTHER_PDU_BYTES:
            raise MalformedError("PDU")
        encoded = bytearray(_PDU_HEADER.pack(kind, 0, length)) + reader.read(length)
        try:
            pdu, event = self._decode_pdu(encoded)
        except Exception as error:  # whatever pynetdicom stumbles over
            raise MalformedError("PDU") from error
        self._recv_pdu.put(pdu)
        self.event_queue.put(event)

    def _take_data(self, reader: Reader, length: int) -> None:
        if length > MAXIMUM_PDU_BYTES:
            raise MalformedError("PDU longer than announced")
        while length:
            if length < _PDV_HEADER.size:
                raise MalformedError("presentation data value")
            size, context_id, control = _PDV_HEADER.unpack(reader.read(_PDV_HEADER.size))
            length -= size + 4
            if size < 2 or length < 0:
                raise MalformedError("presentation data value")
            self._inbox.take(context_id, control, reader.read(size - 2))
