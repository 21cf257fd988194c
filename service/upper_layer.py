"""Upper layer (PS3.8): the PDUs of one association, read as they come; see `service.receiving`."""

import contextlib
import os
import queue
import select
import socket
import ssl
import time
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dul import _PDU_TYPES, DULServiceProvider
from pynetdicom.pdu import A_ASSOCIATE_RQ

from service.dimse import LAST_DATA, P_DATA
from service.errors import MalformedError
from service.inbox import Inbox
from service.intake import Intake
from service.reader import Reader

MAXIMUM_PDU_BYTES = 1 << 18
"""What we announce (PS3.8 D.1); DCMTK sends up to 128 kB in one."""
NEWS_S = 0.1
"""Longest wait for news, so that timers are looked at."""
_OTHER_PDU_BYTES = 1 << 20
"""An association request with hundreds of contexts has some 100 kB."""
_ESTABLISHED = "Sta6"
_ENDED = frozenset({"Sta1", "Sta13"})
"""States of the state machine (PS3.8 9.2.2): data may be transferred; idle, or waiting for the connection to close."""
_CLOSED, _INVALID, _REQUESTED = "Evt17", "Evt19", "Evt6"
"""Events of the state machine: the connection is gone; an unrecognised or invalid PDU; an A-ASSOCIATE-RQ (PS3.8 9.2.1)."""
_ASSOCIATE_RQ = 0x01
_REMEMBERED, _REMEMBERED_BYTES = 8, 1 << 14
"""Association requests that are remembered decoded, and how long one may be."""
_PDU_HEADER = Struct(">BBI")
_PDV_HEADER = Struct(">IBB")
_NOTHING = memoryview(b"")
_CLOSING_S = 0.005
"""Pause between looks at a connection that is about to close."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a sender may take."""

    idle_s: float
    """Without a byte."""
    message_s: float
    """For one message, from its first byte to its last."""
    association_s: float
    """For an association, between messages."""


class UpperLayer(DULServiceProvider):
    """The upper layer of one association: waits for the peer or for us, whoever comes first."""

    def __init__(self, assoc: Association, intake: Intake, limits: Limits) -> None:
        super().__init__(assoc)
        self._run_loop_delay = 0
        self._limits = limits
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._news = select.poll()  # select(2) knows no descriptor above 1023
        self._news.register(self._bell, select.POLLIN)
        self._inbox = Inbox(assoc, intake)
        self._reader: Reader
        self.is_working = False
        """Reading, with limits of its own, or storing: a peer that waits for our answer is not idle."""

    @property
    def is_busy(self) -> bool:
        """Whether a message has begun to arrive, and not ended."""
        return self._inbox.is_busy

    def send_pdu(self, primitive: Any) -> None:
        super().send_pdu(primitive)
        self._wake()

    def answer(self, encoded: bytes) -> None:
        """Send a PDU from the thread that reads: at once, where Python's own `send` asks first whether it may.

        Raises OSError if the peer is gone.
        """
        connection, sent = self.socket.socket, 0
        if not isinstance(connection, ssl.SSLSocket):
            with contextlib.suppress(BlockingIOError):
                sent = os.write(connection.fileno(), encoded)
        if sent < len(encoded):
            connection.sendall(encoded[sent:])

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
        self._reader = Reader(connection, self._limits.idle_s)
        self._news.register(connection, select.POLLIN)
        try:
            super().run_reactor()
        finally:
            # Who connects and leaves asks for nothing: pynetdicom would keep a thread waiting for it until the time-out.
            self.to_user_queue.put(None)
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
        if not self.event_queue.empty():
            return False  # first what has happened: each association would begin with a wait for news that are there
        if self.socket is None or self.socket.socket is None or self.state_machine.current_state == "Sta13":
            time.sleep(_CLOSING_S)
            return super()._is_transport_event()
        is_heard = False
        while self._wait():
            is_heard = True
            self.is_working = True
            self._read_pdu_data()
            self._idle_timer.restart()
            self.is_working = False
            if self._kill_thread or not (self.event_queue.empty() and self.to_provider_queue.empty()):
                break  # else on with the next PDU: the loop outside would sleep first, and lose its turn on a busy machine
        return is_heard

    def _wait(self) -> bool:
        """Wait for the peer or for us; whether the peer sent something."""
        if self._reader.is_ahead:
            return True
        bell = self._bell.fileno()
        ready = [descriptor for descriptor, _ in self._news.poll(NEWS_S * 1000)]
        if bell in ready:
            with contextlib.suppress(BlockingIOError):
                self._bell.recv(4096)
            ready.remove(bell)
        return bool(ready)

    def _read_pdu_data(self) -> None:
        reader = self._reader
        reader.deadline = time.monotonic() + self._limits.message_s
        try:
            kind, _, length = _PDU_HEADER.unpack(reader.head(_PDU_HEADER.size))
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
        encoded = bytearray(_PDU_HEADER.pack(kind, 0, length)) + reader.whole(length)
        try:
            if kind == _ASSOCIATE_RQ and length <= _REMEMBERED_BYTES:
                pdu, event = _request(bytes(encoded)), _REQUESTED
            else:
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
            size, context_id, control = _PDV_HEADER.unpack(reader.head(_PDV_HEADER.size))
            length -= size + 4
            if size < 2 or length < 0:
                raise MalformedError("presentation data value")
            self._take_value(reader, size - 2, context_id, control)

    def _take_value(self, reader: Reader, length: int, context_id: int, control: int) -> None:
        """Hand a fragment over piece by piece, as it comes; its last piece alone may be the last of the message."""
        if not length:
            self._inbox.take(context_id, control, _NOTHING)
        while length:
            piece = reader.part(length)
            length -= len(piece)
            self._inbox.take(context_id, control & ~LAST_DATA if length else control, piece)


class _Request(A_ASSOCIATE_RQ):
    """An association request whose presentation contexts are made once: negotiation reads them, and makes its own of them."""

    _primitive: Any = None

    def to_primitive(self) -> Any:
        """As pynetdicom's, an object of its own for each association."""
        if self._primitive is None:
            self._primitive = super().to_primitive()
        return copy(self._primitive)


@lru_cache(_REMEMBERED)
def _request(encoded: bytes) -> _Request:
    """An association request. A scanner sends the same one for each series, and pynetdicom takes 10 ms for 128 contexts."""
    request = _Request()
    request.decode(encoded)
    return request
