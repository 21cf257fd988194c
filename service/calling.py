"""How we call a DICOM peer: an application entity whose every wait ends, and whose failed calls leave nothing open."""

from typing import Any, Protocol

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

from service.destinations import Tls
from service.tls import client_context


class Peer(Protocol):
    """Whom we may call."""

    @property
    def ae_title(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def tls(self) -> Tls | None: ...


class Caller(AE):
    """An application entity that only calls. Connecting, negotiating, answers and silence each end after `timeout_s`."""

    def __init__(self, ae_title: str, timeout_s: float) -> None:
        super().__init__(ae_title)
        self.connection_timeout = self.acse_timeout = timeout_s
        self.dimse_timeout = self.network_timeout = timeout_s

    def call(self, peer: Peer, **named: Any) -> Association:
        """Associate with a peer, over TLS where its settings say so; `named` are further arguments of `AE.associate`.

        Raises OSError if a certificate or key of the settings cannot be read.
        """
        secured = (client_context(peer.tls), peer.host) if peer.tls else None
        return self.associate(peer.host, peer.port, ae_title=peer.ae_title, tls_args=secured, **named)

    def _create_socket(self, assoc: Any, address: Any, tls_args: Any) -> AssociationSocket:
        made = _ClosedSocket(assoc, address=address)
        made.tls_args = tls_args
        return made


class _ClosedSocket(AssociationSocket):
    # pynetdicom 3.0 leaves a socket open whose shutdown fails, as that of a refused call does: until the garbage
    # collector came round, each try at a dead destination would hold one.
    def _shutdown_socket(self) -> None:
        super()._shutdown_socket()
        if self.socket is not None:
            self.socket.close()
