"""Receiving: pynetdicom's server, waiting for the network instead of polling it, with C-STORE data going straight to the intake.

This module, `acceptor` and `upper_layer` are the places that reach into pynetdicom (3.0). Association negotiation, its state
machine, release, abort and all services but C-STORE stay its own. What is replaced, and why:

- `DULServiceProvider` polls the socket and its queue every millisecond, and so does `Association`: two sleeps for each message,
  and a processor kept busy by idle associations. Here both wait for news.
- It reads a PDU as a whole, then a message as a whole, then hands it to another thread. Here a C-STORE dataset goes from the
  socket to the file, and its response leaves from the same thread.
- It waits for the rest of a PDU without limit. Here every message has a deadline.
"""

import socket
import ssl
import threading
from typing import Any

import structlog
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from service.acceptor import Acceptor
from service.intake import Intake
from service.upper_layer import Limits

_log = structlog.get_logger(__name__)


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
        assoc = Acceptor(ae, server.intake, server.limits)
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
