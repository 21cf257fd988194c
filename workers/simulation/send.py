"""Send a simulated study over C-STORE, as a scanner would: the one place in the workers that speaks DICOM over a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

_TIMEOUT_S = 20
"""For connecting, for the association and for each answer."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to send to, and as whom."""

    host: str
    port: int
    called_ae: str
    calling_ae: str

    @classmethod
    def parse(cls, address: str, called_ae: str, calling_ae: str) -> "Destination":
        """From HOST:PORT; raises ValueError."""
        host, colon, port = address.rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{address!r} is not HOST:PORT")
        return cls(host, int(port), called_ae, calling_ae)


class SendError(Exception):
    """The peer could not be reached, or refused."""


def send(files: Sequence[Path], destination: Destination) -> int:
    """Send all files over one association; returns how many were accepted, all of them. Raises SendError."""
    from pynetdicom import AE, evt  # noqa: PLC0415 - only when asked to send

    ae = AE(destination.calling_ae)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = _TIMEOUT_S
    ae.add_requested_context(MRImageStorage, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    connections: list[object] = []
    opened = [(evt.EVT_CONN_OPEN, connections.append)]
    assoc = ae.associate(
        destination.host, destination.port, ae_title=destination.called_ae, evt_handlers=opened
    )
    where = f"{destination.called_ae} at {destination.host}:{destination.port}"
    if not assoc.is_established:
        reason = "refused the association" if connections else "cannot be reached"
        raise SendError(f"{where} {reason}")
    try:
        for path in files:
            status = assoc.send_c_store(dcmread(path))
            if "Status" not in status:
                raise SendError(f"{where} stopped answering at {path}")
            if status.Status not in (0x0000, 0xB000, 0xB006, 0xB007):
                raise SendError(f"{where} refused {path}: status 0x{status.Status:04X}")
    except (ValueError, RuntimeError) as error:
        raise SendError(f"{where} did not take {path}: {error}") from error
    finally:
        assoc.release()
    return len(files)
