"""How we call a DICOM peer: an application entity whose every wait ends, and whose failed calls leave nothing open."""

from typing import Any

from pynetdicom import AE
from pynetdicom.transport import AssociationSocket


class Caller(AE):
    """An application entity that only calls. Connecting, negotiating, answers and silence each end after `timeout_s`."""

    def __init__(self, ae_title: str, timeout_s: float) -> None:
        super().__init__(ae_title)
        self.connection_timeout = self.acse_timeout = timeout_s
        self.dimse_timeout = self.network_timeout = timeout_s

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
