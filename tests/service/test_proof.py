"""Proof of delivery: from a real Orthanc over Storage Commitment, C-FIND and DICOMweb, and from peers that misbehave."""

import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel

from rules.urgency import Priority
from service import commitment
from service.audit import trail
from service.courier import take
from service.delivery import Outbox, deliver_due, serve
from service.destinations import FolderDestination, StowDestination, Tls
from service.proof import prove_due
from service.settings import Destination
from service.store.tables import Commitment, Delivery
from tests.peers import need_file
from tests.service.sending import NOON, STUDY, archive, owe_job, result, write_report
from tests.service.wrong_peers import certificate
from tests.walk.orthanc import Orthanc, free_port, running_orthanc

_DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
NODE_PORT = free_port()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    more = {
        "DicomModalities": {"cartriage": ["CARTRIAGE", "127.0.0.1", NODE_PORT]},
        "Plugins": [str(need_file(Path(_DICOMWEB)))],
    }
    with running_orthanc(tmp_path_factory.mktemp("orthanc"), **more) as peer:
        yield peer


@pytest.fixture
def outbox(store, settings):
    return Outbox(
        store,
        settings.model_copy(update={"delivery_timeout_s": 3.0, "port": NODE_PORT, "proof_timeout_s": 5.0}),
    )


@pytest.fixture
def owe(store, settings, tmp_path):
    """Owe a report, with a UID that no other test uses, to a destination."""

    def owing(destination, uid, priority=Priority.P1, at=NOON):
        sending = settings.model_copy(update={"destinations": (destination,)})
        report = write_report(settings.files, uid)
        take(
            store,
            result(owe_job(store, f"{int(uid.rpartition('.')[2]):064x}"), (report,), priority=priority),
            sending,
            at,
        )
        return uid

    return owing


def dimse(peer: Orthanc, proof):
    return Destination(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=peer.dicom_port, proof=proof)


def row(store, uid):
    with store.reading() as session:
        return session.query(Delivery).filter(Delivery.sop_instance_uid == uid).one()


def events(store):
    with store.reading() as session:
        return [one.event for one in trail(session, STUDY)]


def rounds(outbox, destination, uid, state="proven"):
    """Serve until the delivery is in a state; the clock is the real one."""
    for _ in range(100):
        serve(outbox, destination, datetime.now(UTC))
        if row(outbox.store, uid).state == state:
            return
        threading.Event().wait(0.1)
    pytest.fail(f"{row(outbox.store, uid).state}: {row(outbox.store, uid).last_error}")


def test_orthanc_commits_to_what_it_keeps_and_the_proof_stands_in_the_trail(
    orthanc, outbox, owe, store, listen
):
    destination = dimse(orthanc, "commitment")
    uid = owe(destination, "1.2.3.101", at=datetime.now(UTC))
    with listen(outbox.settings):
        rounds(outbox, destination, uid)
    assert row(store, uid).proof == "commitment"
    assert events(store)[-2:] == ["report_stored", "report_proven"]
    with store.reading() as session:
        assert [one.state for one in session.query(Commitment)] == ["answered"]


def test_what_orthanc_accepted_and_lost_is_not_committed_and_sent_again(orthanc, outbox, owe, store, listen):
    destination = dimse(orthanc, "commitment")
    now = datetime.now(UTC)  # an older result would be late, and its alarm stand somewhere between
    uid = owe(destination, "1.2.3.102", at=now)
    deliver_due(outbox, destination, now)
    orthanc.forget(STUDY)
    with listen(outbox.settings):
        rounds(outbox, destination, uid)
    told = events(store)
    assert told.count("report_stored") == 2
    assert told[-3:] == ["report_lost", "report_stored", "report_proven"]
    assert [one["ID"] for one in orthanc.instances(STUDY)]


@pytest.mark.parametrize("way", ["c-find", "qido-rs"])
def test_what_can_be_read_back_is_proven_and_what_cannot_is_sent_again(orthanc, outbox, owe, store, way):
    number = {"c-find": 103, "qido-rs": 104}[way]
    destination = dimse(orthanc, "read_back")
    if way == "qido-rs":
        url = f"http://127.0.0.1:{orthanc.http_port}/dicom-web"
        destination = StowDestination(name="pacs", kind="stow", url=url, proof="read_back")
    uid = owe(destination, f"1.2.3.{number}")
    deliver_due(outbox, destination, NOON)
    assert row(store, uid).state == "stored", row(store, uid).last_error
    orthanc.forget(STUDY)
    now = row(store, uid).stored_at + timedelta(seconds=0.5)  # whatever the machine needed until here
    hasty = Outbox(store, outbox.settings.model_copy(update={"proof_timeout_s": 1.0}))
    prove_due(hasty, destination, now)
    assert row(store, uid).state == "stored", "an archive may index what it took in its own time"
    prove_due(hasty, destination, now + timedelta(seconds=6))
    assert row(store, uid).state == "owed"
    rounds(outbox, destination, uid)
    assert row(store, uid).proof == "read_back"
    assert "report_lost" in events(store)


def test_an_archive_that_refuses_to_be_asked_leaves_the_object_visibly_unproven(outbox, owe, store):
    with archive() as pacs:
        destination = pacs.destination.model_copy(update={"proof": "read_back"})
        uid = owe(destination, "1.2.3.111")
        start = datetime.now(UTC)
        for seconds in range(0, 30, 5):
            serve(outbox, destination, start + timedelta(seconds=seconds))
    assert (row(store, uid).state, row(store, uid).last_error) == ("stored", "stored, but no proof in time")
    assert "proof_not_given" in events(store)


def test_stow_tells_each_refusal_and_a_wrong_address(orthanc, outbox, owe, store):
    base = f"http://127.0.0.1:{orthanc.http_port}"
    uid = owe(StowDestination(name="pacs", kind="stow", url=f"{base}/nothing"), "1.2.3.105")
    deliver_due(outbox, StowDestination(name="pacs", kind="stow", url=f"{base}/nothing"), NOON)
    assert row(store, uid).last_error == "no such service"
    dead = StowDestination(name="pacs", kind="stow", url=f"http://127.0.0.1:{free_port()}")
    deliver_due(outbox, dead, datetime.now(UTC) + timedelta(hours=1))
    assert row(store, uid).last_error == "no connection to the destination"


def test_a_folder_gets_whole_files_and_is_not_made_by_itself(outbox, owe, store, tmp_path):
    destination = FolderDestination(name="copy", kind="folder", folder=tmp_path / "share")
    uid = owe(destination, "1.2.3.106")
    deliver_due(outbox, destination, NOON)
    assert (row(store, uid).state, row(store, uid).last_error) == ("owed", "no connection to the destination")
    (tmp_path / "share").mkdir()
    deliver_due(outbox, destination, datetime.now(UTC) + timedelta(hours=1))
    assert (row(store, uid).state, row(store, uid).proof) == ("proven", "read_back")
    sent = outbox.settings.files / row(store, uid).path
    assert (tmp_path / "share" / STUDY / f"{uid}.dcm").read_bytes() == sent.read_bytes()


@contextmanager
def silent_committer(status=0x0000):
    """A PACS that stores, takes the question for commitment, and never answers it."""
    ae = AE(ae_title="PACS")
    ae.add_supported_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
    ae.add_supported_context(StorageCommitmentPushModel)
    asked = []

    def on_action(event):
        asked.append(str(event.action_information.TransactionUID))
        return status, None

    handlers = [(evt.EVT_C_STORE, lambda _: 0x0000), (evt.EVT_N_ACTION, on_action)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        port = server.socket.getsockname()[1]
        yield (
            Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port, proof="commitment"),
            asked,
        )
    finally:
        server.shutdown()


def test_an_unanswered_question_is_asked_anew_and_a_person_is_told_in_the_end(outbox, owe, store):
    with silent_committer() as (destination, asked):
        uid = owe(destination, "1.2.3.107")
        start = datetime.now(UTC)
        for seconds in range(0, 40, 2):
            serve(outbox, destination, start + timedelta(seconds=seconds))
    assert len(asked) >= 4
    assert len(set(asked)) == len(asked), "each in a transaction of its own"
    assert row(store, uid).state == "stored"
    told = events(store)
    assert told.count("report_stored") == 1, "silence is no reason to send it again"
    assert "proof_not_given" in told
    assert "delivery_unproven" in told, "it is urgent"


def test_a_late_answer_still_proves_but_a_late_refusal_does_not_undo_what_was_sent_since(outbox, owe, store):
    with silent_committer() as (destination, asked):
        uid = owe(destination, "1.2.3.108")
        start = datetime.now(UTC)
        for seconds in range(0, 10, 2):
            serve(outbox, destination, start + timedelta(seconds=seconds))
    assert commitment.take(store, asked[0], [], {uid: 0x0112}, start)
    assert row(store, uid).state == "stored"
    assert commitment.take(store, asked[0], [uid], {}, start)
    assert (row(store, uid).state, row(store, uid).proof) == ("proven", "commitment")
    assert not commitment.take(store, "1.2.3.4", [uid], {}, start), "no transaction of ours"


def test_a_peer_without_commitment_leaves_the_object_visibly_unproven(outbox, owe, store):
    with archive() as pacs:
        destination = pacs.destination.model_copy(update={"proof": "commitment"})
        uid = owe(destination, "1.2.3.109")
        start = datetime.now(UTC)
        for seconds in range(0, 30, 3):
            serve(outbox, destination, start + timedelta(seconds=seconds))
    assert row(store, uid).state == "stored"
    assert row(store, uid).last_error == "stored, but no proof in time: destination takes no such object"
    assert "proof_not_given" in events(store)


def test_over_tls_only_a_peer_whose_certificate_we_trust_gets_anything(outbox, owe, store, tmp_path):
    ours, key = certificate(tmp_path, "pacs")
    other, _ = certificate(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours, key)
    with archive(tls=context) as pacs:
        wrong = pacs.destination.model_copy(update={"tls": Tls(ca=other)})
        uid = owe(wrong, "1.2.3.110")
        deliver_due(outbox, wrong, NOON)
        assert row(store, uid).last_error == "no secure connection: certificate or TLS settings"
        right = pacs.destination.model_copy(update={"tls": Tls(ca=ours)})
        deliver_due(outbox, right, datetime.now(UTC) + timedelta(hours=1))
    assert pacs.stored == [uid]
