"""Pass-through: what a sender stores goes on as it came, whatever state the destination is in."""

import threading
import time
from contextlib import contextmanager

import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE, evt
from pynetdicom.sop_class import MRImageStorage
from sqlalchemy import select

from service import cohort
from service.assembly import settle
from service.cohort_file import entry_of
from service.delivery import run_delivery
from service.intake import open_intake
from service.settings import Settings
from service.store.files import Incoming
from service.store.tables import Delivery, Job
from tests.service.conftest import NOON, encoded, mr_slice, received
from tests.walk.orthanc import free_port

# pynetdicom's client side leaves sockets to the garbage collector; see `swept`.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("swept"),
]
WAIT_S = 20


@contextmanager
def archive(port):
    """Keeps the bytes of each dataset and its transfer syntax, by SOP Instance UID."""
    kept = {}

    def on_store(event):
        syntax = str(event.context.transfer_syntax)
        kept[str(event.request.AffectedSOPInstanceUID)] = (syntax, event.request.DataSet.getvalue())
        return 0x0000

    ae = AE("PACS")
    for syntax in (ImplicitVRLittleEndian, JPEG2000Lossless, "1.2.840.10008.1.2.1"):
        ae.add_supported_context(MRImageStorage, syntax)
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    try:
        yield kept
    finally:
        server.shutdown()


@contextmanager
def delivering(settings):
    stop = threading.Event()
    thread = threading.Thread(target=run_delivery, args=(settings, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def forwarding(settings, port=104, **more):
    pacs = {"kind": "dimse", "name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": port}
    given = {
        "destinations": [pacs],
        "forward": [{"sender": "SCANNER", "to": ["pacs"]}],
        "delivery_backoff_s": 0.2,
        "delivery_timeout_s": 3.0,
    }
    return Settings.model_validate(settings.model_dump() | given | more)


def owed(store):
    with store.reading() as session:
        return session.scalars(select(Delivery).order_by(Delivery.id)).all()


def test_a_dead_destination_delays_neither_sender_nor_analysis_and_gets_every_byte_in_the_end(
    settings, store
):
    port = free_port()
    given = forwarding(settings, port)
    entry = entry_of({"patient_id": "P1"}, source="test", now=NOON, is_observation=True)
    with store.session() as session:
        cohort.add(session, entry, given, "tester", NOON)
    plain = [mr_slice(number) for number in range(1, 6)]
    odd = mr_slice(6, PixelData=b"\xfe\xff\x00\xe0" + b"\0" * 4)
    odd["PixelData"].is_undefined_length = True
    sent = {ds.SOPInstanceUID: ("1.2.840.10008.1.2.1", encoded(ds)) for ds in plain}
    sent[odd.SOPInstanceUID] = (str(JPEG2000Lossless), encoded(odd))
    with delivering(given), open_intake(store, given) as intake:
        for ds in plain:
            began = time.monotonic()
            intake.take(received(ds), NOON)
            assert time.monotonic() - began < 2
        intake.take(received(odd, transfer_syntax_uid=str(JPEG2000Lossless)), NOON)
        with store.session() as session:
            settle(session, given, NOON.replace(hour=13))
        with store.reading() as session:
            assert [one.state for one in session.scalars(select(Job))] == ["owed"]
        await_(lambda: any(one.tries for one in owed(store)))
        assert {(one.state, one.cargo) for one in owed(store)} == {("owed", "originals")}
        with archive(port) as kept:
            await_(lambda: {one.state for one in owed(store)} == {"proven"})
    assert kept == sent


def test_only_what_its_sender_brings_anew_is_passed_on(settings, store):
    given = forwarding(settings)
    with open_intake(store, given) as intake:
        intake.take(received(mr_slice(1)), NOON)
        intake.take(received(mr_slice(1)), NOON)
        intake.take(received(mr_slice(2), calling_ae_title="ANOTHER"), NOON)
        intake.take(received(mr_slice(3, Manufacturer="Cartriage")), NOON)
        first = owed(store)
        assert [one.sop_instance_uid for one in first] == [mr_slice(1).SOPInstanceUID]
        intake.take(received(mr_slice(1, PatientComments="other bytes")), NOON)
    (newest,) = owed(store)
    assert newest.sha256 != first[0].sha256
    assert (newest.state, newest.path != first[0].path) == ("owed", True)


def test_what_was_not_acknowledged_is_not_passed_on_either_and_once_it_comes_again_it_is(
    settings, store, monkeypatch
):
    def broken(_self, _stored):
        raise OSError

    with open_intake(store, forwarding(settings)) as intake:
        with monkeypatch.context() as patch:
            patch.setattr(Incoming, "sync", broken)
            with pytest.raises(OSError):
                intake.take(received(mr_slice(1)), NOON)
        assert owed(store) == []
        intake.take(received(mr_slice(1)), NOON)
    assert len(owed(store)) == 1


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        ({"sender": "SCANNER", "to": ["elsewhere"]}, "elsewhere"),
        ({"sender": "PACS", "to": ["pacs"]}, "would get back"),
        ({"sender": "SCANNER", "to": []}, "at least 1"),
    ],
)
def test_a_forward_list_that_cannot_work_is_told_at_the_start(settings, forward, words):
    with pytest.raises(ValueError, match=words):
        forwarding(settings, forward=[forward])


def await_(is_so):
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
