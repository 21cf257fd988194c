"""Storage Commitment with us as SCP: asked by pynetdicom on its own association and off it, and by a real Orthanc."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    MRImageStorage,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)
from sqlalchemy import select

from service.pledge_answers import PledgeAnswers
from service.pledges import RequestError, note
from service.settings import Destination
from service.store.pledge_tables import Pledge
from service.store.tables import AuditEvent, Instance
from tests.service.conftest import NOON, mr_slice, received
from tests.walk.orthanc import free_port, running_orthanc

# pynetdicom's client side leaves sockets to the garbage collector; see `swept`.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("swept"),
]

TRANSACTION = "1.2.3.4.77"
WAIT_S = 20


class Answers:
    """N-EVENT-REPORTs as a peer gets them."""

    def __init__(self):
        self.got = []
        self.came = threading.Event()

    def handlers(self, status=0x0000):
        def on_report(event):
            answer = event.event_information
            kept = {one.ReferencedSOPInstanceUID for one in answer.get("ReferencedSOPSequence") or ()}
            failed = {
                one.ReferencedSOPInstanceUID: one.FailureReason
                for one in answer.get("FailedSOPSequence") or ()
            }
            self.got.append((event.event_type, answer.TransactionUID, kept, failed))
            self.came.set()
            return status, None

        return [(evt.EVT_N_EVENT_REPORT, on_report)]

    def wait(self):
        assert self.came.wait(WAIT_S)
        return self.got[0]


def request(*uids, sop_class=MRImageStorage, transaction=TRANSACTION):
    ds = Dataset()
    ds.TransactionUID = transaction
    ds.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        ds.ReferencedSOPSequence.append(item)
    return ds


@contextmanager
def scanner(port, handlers=()):
    ae = AE("SCANNER")
    ae.add_requested_context(StorageCommitmentPushModel)
    ae.add_requested_context(MRImageStorage)
    assoc = ae.associate("127.0.0.1", port, ae_title="CARTRIAGE", evt_handlers=list(handlers))
    assert assoc.is_established
    yield assoc
    assoc.release()


@contextmanager
def listening(handlers, port):
    """The scanner's own listener."""
    ae = AE("SCANNER")
    ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    try:
        yield
    finally:
        server.shutdown()


def ask(assoc, ds, action=1, instance=StorageCommitmentPushModelInstance):
    status, _ = assoc.send_n_action(ds, action, StorageCommitmentPushModel, instance)
    return status.Status


def knowing(settings, port):
    peer = Destination(name="scanner", ae_title="SCANNER", host="127.0.0.1", port=port)
    return settings.model_copy(update={"commitment_peers": (peer,), "delivery_timeout_s": 3.0})


def events(store, name):
    with store.reading() as session:
        return session.scalars(select(AuditEvent).where(AuditEvent.event == name)).all()


def pledge(store):
    with store.reading() as session:
        return session.get_one(Pledge, TRANSACTION)


def owe(store, *uids, at=NOON):
    with store.session() as session:
        note(session, TRANSACTION, "SCANNER", [(MRImageStorage, uid) for uid in uids], at)


def test_a_peer_that_stays_is_answered_on_its_own_association(listen, settings, store):
    answers, slices = Answers(), [mr_slice(1), mr_slice(2)]
    uids = [ds.SOPInstanceUID for ds in slices]
    with listen(settings) as node, scanner(node.port, answers.handlers()) as assoc:
        for ds in slices:
            assert send(assoc, ds) == 0
        assert ask(assoc, request(*uids)) == 0
        assert answers.wait() == (1, TRANSACTION, set(uids), {})
        assert send(assoc, mr_slice(3)) == 0, "the association goes on"
    await_(lambda: pledge(store).state == "answered")
    assert [one.detail["failed"] for one in events(store, "commitment_answered")] == [0]


def test_a_peer_that_left_is_called_back_and_told_the_truth_object_by_object(listen, settings, store, intake):
    answers, port = Answers(), free_port()
    for number in (1, 2):
        intake.take(received(mr_slice(number)), NOON)
    kept, damaged = (mr_slice(number).SOPInstanceUID for number in (1, 2))
    with store.reading() as session:
        row = session.scalars(select(Instance).where(Instance.sop_instance_uid == damaged)).one()
    wanted = request(kept, damaged, "1.2.3.999")
    wanted.ReferencedSOPSequence.append(request(kept, sop_class="1.2.3").ReferencedSOPSequence[0])
    with listening(answers.handlers(), port), listen(knowing(settings, port)) as node:
        file = settings.files / row.path
        file.write_bytes(file.read_bytes()[:-1] + b"!")
        with scanner(node.port) as assoc:
            assert ask(assoc, wanted) == 0
        event, transaction, stored, failed = answers.wait()
    assert (event, transaction, stored) == (2, TRANSACTION, {kept})
    assert failed == {damaged: 0x0110, "1.2.3.999": 0x0112, kept: 0x0119}
    assert [one.detail["sop_instance_uid"] for one in events(store, "instance_damaged")] == [damaged]


def test_what_was_asked_for_before_a_restart_is_answered_after_it(listen, settings, store, intake):
    answers, port, ds = Answers(), free_port(), mr_slice()
    intake.take(received(ds), NOON)
    owe(store, ds.SOPInstanceUID)
    with listening(answers.handlers(), port), listen(knowing(settings, port)):
        assert answers.wait() == (1, TRANSACTION, {ds.SOPInstanceUID}, {})


def test_a_peer_that_releases_while_it_is_told_is_let_go_at_once_and_called_back(listen, settings, store):
    """It takes no notice of the report on its association: the release must not wait for its response."""
    here, there, port = Answers(), Answers(), free_port()
    with listening(there.handlers(), port), listen(knowing(settings, port)) as node:
        with scanner(node.port) as assoc:
            assoc.dimse.receive_primitive = deaf(assoc.dimse.receive_primitive, here.came)
            assert ask(assoc, request("1.2.3.999")) == 0
            assert here.came.wait(WAIT_S)
            began = time.monotonic()
            assoc.release()
            assert assoc.is_released
            assert time.monotonic() - began < 2
        assert there.wait()[3] == {"1.2.3.999": 0x0112}


def test_a_peer_that_never_takes_its_answer_is_given_up_in_the_end_and_a_person_sees_it(settings, store):
    hasty = knowing(settings, free_port())
    answers = PledgeAnswers(store, hasty)
    owe(store, "1.2.3.999")
    now, tries = NOON, 0
    while pledge(store).state == "owed":
        now = max(now + timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1))
        tries += answers.answer_due(now)
        assert tries <= 12
    assert (pledge(store).state, tries) == ("given_up", 12)
    assert [one.detail["outcome"] for one in events(store, "commitment_not_taken")] == [
        "no association with the destination"
    ]


def test_a_caller_without_a_known_address_is_never_called_where_it_came_from(settings, store):
    owe(store, "1.2.3.999")
    assert PledgeAnswers(store, settings).answer_due(NOON + timedelta(minutes=1)) == 1
    assert pledge(store).last_error == "no address of the caller is known"


def test_the_same_request_again_is_answered_again_and_another_with_its_uid_is_refused(store):
    owe(store, "1.2.3.1")
    owe(store, "1.2.3.1", at=NOON + timedelta(minutes=1))
    with pytest.raises(RequestError, match="0x0115"):
        owe(store, "1.2.3.2")
    assert [one.detail["is_repeated"] for one in events(store, "commitment_asked")] == [False, True]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_each_wrong_request_has_its_status_and_leaves_nothing(listen, settings, store):
    good = request("1.2.3.1")
    wrong = [
        (0x0123, good, {"action": 2}),
        (0x0112, good, {"instance": "1.2.3"}),
        (0x0114, request("1.2.3.1", transaction=""), {}),
        (0x0114, request(), {}),
        (0x0115, request("1.2.3.1", transaction="1..2"), {}),
        (0x0115, request("1..2"), {}),
    ]
    with listen(settings) as node, scanner(node.port) as assoc:
        assert [ask(assoc, ds, **more) for _, ds, more in wrong] == [status for status, _, _ in wrong]
    with store.reading() as session:
        assert session.scalars(select(Pledge)).all() == []


def test_orthanc_asks_for_what_it_sent_here_and_gets_our_word(listen, settings, store, tmp_path):
    port = free_port()
    ours = settings.model_copy(update={"port": port})
    modalities = {"node": {"AET": "CARTRIAGE", "Host": "127.0.0.1", "Port": port}}
    with running_orthanc(tmp_path, DicomModalities=modalities) as orthanc:
        peer = Destination(name="o", ae_title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port)
        with listen(ours.model_copy(update={"commitment_peers": (peer,)})):
            path = tmp_path / "slice.dcm"
            as_file(mr_slice()).save_as(path, enforce_file_format=True)
            orthanc.upload(path)
            identifier = orthanc.instances(mr_slice().StudyInstanceUID)[0]["ID"]
            orthanc.post("/modalities/node/store", identifier)
            instances = [[str(MRImageStorage), mr_slice().SOPInstanceUID], [str(MRImageStorage), "1.2.3.999"]]
            asked = orthanc.post("/modalities/node/storage-commitment", {"DicomInstances": instances})
            await_(lambda: orthanc.json(f"/storage-commitment/{asked['ID']}")["Status"] != "Pending")
            answer = orthanc.json(f"/storage-commitment/{asked['ID']}")
    assert answer["Status"] == "Failure", "one of the two is not here"
    assert [one["SOPInstanceUID"] for one in answer["Success"]] == [mr_slice().SOPInstanceUID]
    assert [(one["SOPInstanceUID"], one["FailureReason"]) for one in answer["Failures"]] == [
        ("1.2.3.999", 0x0112)
    ]


def deaf(take, came):
    """A peer's ear that drops what it is told, and notes that it was."""

    def receive(primitive):
        data = primitive.presentation_data_value_list[0][1]
        if b"\x00\x00\x00\x01\x02\x00\x00\x00\x00\x01" in data:  # command field N-EVENT-REPORT-RQ
            came.set()
        if not came.is_set():
            take(primitive)

    return receive


def send(assoc, ds):
    return assoc.send_c_store(as_file(ds)).Status


def as_file(ds):
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return ds


def await_(is_so):
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
