from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import MRImageStorage

from workers.simulation.send import Destination, SendError, send


@contextmanager
def _peer(status: int, received: list[str]) -> Iterator[int]:
    """A storage SCP that answers every image with `status`; yields its port."""

    def store(event):
        received.append(event.request.AffectedSOPInstanceUID)
        return status

    ae = AE("PEER")
    ae.require_called_aet = True
    ae.add_supported_context(MRImageStorage)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def test_every_file_is_sent(pres_study):
    received: list[str] = []
    with _peer(0x0000, received) as port:
        assert send(pres_study.files[:3], Destination("127.0.0.1", port, "PEER", "SCANNER")) == 3
    assert len(set(received)) == 3


def test_refused_image_is_an_error(pres_study):
    with _peer(0xA700, []) as port, pytest.raises(SendError, match="0xA700"):
        send(pres_study.files[:1], Destination("127.0.0.1", port, "PEER", "SCANNER"))


def test_refused_association_is_an_error(pres_study):
    with _peer(0x0000, []) as port, pytest.raises(SendError, match="refused the association"):
        send(pres_study.files[:1], Destination("127.0.0.1", port, "OTHER", "SCANNER"))


# pynetdicom leaves the socket of a refused connection to the garbage collector (3.0.4, _shutdown_socket).
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_unreachable_peer_is_an_error(pres_study):
    with _peer(0x0000, []) as port:
        pass
    with pytest.raises(SendError, match="cannot be reached"):
        send(pres_study.files[:1], Destination("127.0.0.1", port, "PEER", "SCANNER"))


@pytest.mark.parametrize("address", ["nowhere", ":104", "host:", "host:99999", "host:dicom"])
def test_malformed_address_is_refused(address):
    with pytest.raises(ValueError, match="HOST:PORT"):
        Destination.parse(address, "PEER", "SCANNER")
