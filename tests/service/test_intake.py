import errno
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import event, select, text

from service.entry import Entry
from service.errors import Refusal, RefusedError
from service.headers import read_header
from service.intake import Intake, Received, open_intake
from service.settings import Settings
from service.store import incoming, session
from service.store.files import FileStore, Incoming, StoredFile
from service.store.session import Store, open_store
from service.store.tables import AuditEvent, Instance, Job, Report, Study
from tests.service.conftest import NOON, STUDY, encoded, mr_slice, received

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
LATER = NOON + timedelta(minutes=5)


def rows(store: Store, table: type) -> list:
    with store.reading() as session:
        return list(session.scalars(select(table)))


def events(store: Store) -> list[str]:
    return [row.event for row in rows(store, AuditEvent)]


def files_in(files: FileStore) -> int:
    return sum(path.is_file() for path in files.root.rglob("*"))


def test_an_object_becomes_a_file_a_row_and_a_line_in_the_trail(intake: Intake, store: Store):
    ds = mr_slice()
    intake.take(received(ds), NOON)
    (instance,) = rows(store, Instance)
    assert instance.study_instance_uid == STUDY
    assert instance.calling_ae_title == "SCANNER"
    assert dcmread(intake.files.resolve(instance.path)) == ds
    (study,) = rows(store, Study)
    assert (study.patient_id, study.is_open, study.last_received_at) == ("P1", True, NOON)
    assert events(store) == ["instance_stored"]


def test_the_bytes_are_kept_as_received(intake: Intake, store: Store):
    request = received(mr_slice())
    intake.take(request, NOON)
    (instance,) = rows(store, Instance)
    assert intake.files.resolve(instance.path).read_bytes().endswith(bytes(request.dataset))


def test_the_trail_names_no_patient(intake: Intake, store: Store):
    intake.take(received(mr_slice()), NOON)
    assert all("SENTINEL" not in str(row.detail) for row in rows(store, AuditEvent))


def test_the_same_object_again_changes_nothing(intake: Intake, store: Store):
    intake.take(received(mr_slice()), NOON)
    intake.take(received(mr_slice()), LATER)
    assert len(rows(store, Instance)) == files_in(intake.files) == 1
    assert events(store) == ["instance_stored", "instance_repeated"]
    assert rows(store, Study)[0].last_received_at == NOON


def test_other_bytes_under_the_same_uid_are_kept_beside_and_flagged(intake: Intake, store: Store):
    intake.take(received(mr_slice()), NOON)
    intake.take(received(mr_slice(PixelData=b"\x09" * 32)), LATER)
    intake.take(received(mr_slice(PixelData=b"\x09" * 32)), LATER)
    assert [row.is_conflict for row in rows(store, Instance)] == [False, True]
    assert events(store) == ["instance_stored", "instance_conflict", "instance_repeated"]
    assert files_in(intake.files) == 2


def test_a_late_object_reopens_the_study(intake: Intake, store: Store):
    intake.take(received(mr_slice(1)), NOON)
    with store.session() as session:
        session.get_one(Study, STUDY).is_open = False
    intake.take(received(mr_slice(2)), LATER)
    (study,) = rows(store, Study)
    assert study.is_open
    assert study.last_received_at == LATER


def _remember_report(store: Store, sop_instance_uid: str) -> None:
    with store.session() as session:
        session.add(Job(job_id="j", study_instance_uid=STUDY, snapshot=1, state="done", created_at=NOON))
        session.flush()
        session.add(
            Report(
                sop_instance_uid=sop_instance_uid,
                job_id="j",
                kind="SR",
                sop_class_uid="1.2",
                series_instance_uid="1.2",
                transfer_syntax_uid="1.2",
                path="x",
                sha256="0",
            )
        )
        session.get_one(Study, STUDY).is_open = False


def test_our_own_report_coming_back_is_stored_but_reopens_nothing(intake: Intake, store: Store):
    intake.take(received(mr_slice(1)), NOON)
    report = mr_slice(9, series=8, Modality="SR", PatientBirthDate=None, SOPClassUID=COMPREHENSIVE_3D_SR)
    _remember_report(store, report.SOPInstanceUID)
    intake.take(received(report), LATER)
    (study,) = rows(store, Study)
    assert not study.is_open
    assert not study.has_identity_conflict
    assert study.last_received_at == NOON
    assert events(store)[-1] == "own_report_received"


@pytest.mark.parametrize("change", [{"PatientID": "P2"}, {"PatientBirthDate": "19800101"}])
def test_a_study_that_names_two_patients_is_marked(intake: Intake, store: Store, change: dict[str, str]):
    intake.take(received(mr_slice(1)), NOON)
    intake.take(received(mr_slice(2, **change)), NOON)
    intake.take(received(mr_slice(3, **change)), NOON)
    assert rows(store, Study)[0].has_identity_conflict
    assert events(store).count("identity_conflict") == 1


def test_what_an_object_leaves_out_contradicts_nothing_and_is_filled_in_later(intake: Intake, store: Store):
    intake.take(received(mr_slice(1, PatientBirthDate=None)), NOON)
    intake.take(received(mr_slice(2, IssuerOfPatientID="HOSPITAL")), NOON)
    intake.take(received(mr_slice(3, PatientID="", PatientBirthDate="")), NOON)
    (study,) = rows(store, Study)
    assert not study.has_identity_conflict
    assert (study.patient_id, study.issuer, str(study.birth_date)) == ("P1", "HOSPITAL", "1970-01-02")


REFUSED = [
    ("no dataset at all", received(mr_slice(), dataset=b"\x13\x37 not DICOM"), Refusal.UNREADABLE),
    ("no dataset", received(mr_slice(), dataset=b""), Refusal.UNREADABLE),
    ("no study", received(mr_slice(StudyInstanceUID=None)), Refusal.UID_MISSING),
    (
        "another class",
        received(mr_slice(), sop_class_uid="1.2.840.10008.5.1.4.1.1.2"),
        Refusal.CLASS_MISMATCH,
    ),
    ("another instance", received(mr_slice(), sop_instance_uid="1.2.3"), Refusal.CLASS_MISMATCH),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("request_", "refusal"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_refused_leaves_a_line_in_the_trail_and_nothing_else(
    intake: Intake, store: Store, request_: Received, refusal: Refusal
):
    with pytest.raises(RefusedError) as caught:
        intake.take(request_, NOON)
    assert caught.value.refusal is refusal
    assert rows(store, Instance) == rows(store, Study) == []
    assert files_in(intake.files) == 0
    (line,) = rows(store, AuditEvent)
    assert (line.event, line.detail["status"]) == ("instance_refused", f"0x{refusal.value:04X}")


def test_a_nearly_full_disk_refuses(store: Store, settings: Settings):
    full = settings.model_copy(update={"disk_watermark_mb": 10**9})
    with open_intake(store, full) as intake, pytest.raises(RefusedError) as caught:
        intake.take(received(mr_slice()), NOON)
    assert caught.value.refusal is Refusal.OUT_OF_RESOURCES
    assert rows(store, Instance) == []


def test_a_locked_database_refuses_and_the_re_send_completes(
    intake: Intake, store: Store, settings: Settings
):
    impatient = open_store(settings)
    event.listen(
        impatient.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50")
    )
    with open_intake(impatient, settings) as hurried:
        with store.session() as holder:
            holder.execute(text("SELECT 1"))
            with pytest.raises(RefusedError) as caught:
                hurried.take(received(mr_slice()), NOON)
        assert caught.value.refusal is Refusal.OUT_OF_RESOURCES
        assert rows(store, Instance) == []
        hurried.take(received(mr_slice()), NOON)
    assert len(rows(store, Instance)) == files_in(intake.files) == 1
    impatient.close()


def test_many_senders_hear_of_a_locked_database_together_and_not_one_after_the_other(
    store: Store, settings: Settings, monkeypatch
):
    """Each would wait for its own try else, and the last ones longer than a sender does."""
    monkeypatch.setattr(session, "_BUSY_TIMEOUT_S", 0.5)
    impatient = open_store(settings)
    with (
        open_intake(impatient, settings) as intake,
        ThreadPoolExecutor(8) as senders,
        store.session() as holder,
    ):
        holder.execute(text("SELECT 1"))  # holds the write lock
        began = time.monotonic()
        taken = [senders.submit(intake.take, received(mr_slice(number)), NOON) for number in range(8)]
        refused = [one.exception(10) for one in taken]
        took_s = time.monotonic() - began
    impatient.close()
    assert {one.refusal for one in refused} == {Refusal.OUT_OF_RESOURCES}
    assert took_s < 3 * 0.5 + 1
    with open_intake(store, settings) as intake:
        intake.take(received(mr_slice(1)), NOON)


def test_a_file_without_a_row_is_harmless_and_the_re_send_completes(intake: Intake, store: Store):
    """A node killed between file and row leaves this."""
    intake.take(received(mr_slice()), NOON)
    with store.session() as session:
        session.execute(text("DELETE FROM instance"))
    intake.take(received(mr_slice()), LATER)
    assert len(rows(store, Instance)) == files_in(intake.files) == 1


def test_a_row_whose_file_a_power_cut_took_is_withdrawn_at_the_next_start(
    intake: Intake, store: Store, settings
):
    for number in (1, 2, 3):
        intake.take(received(mr_slice(number)), NOON)
    first, second, third = rows(store, Instance)
    intake.files.resolve(first.path).unlink()
    torn = intake.files.resolve(second.path)
    torn.write_bytes(bytes(second.size_bytes))
    with open_intake(store, settings) as again:
        assert [row.sop_instance_uid for row in rows(store, Instance)] == [third.sop_instance_uid]
        assert events(store).count("instance_withdrawn") == 2
        again.take(received(mr_slice(2)), LATER)
    assert len(rows(store, Instance)) == 2
    assert dcmread(torn).SOPInstanceUID == second.sop_instance_uid


def test_a_disk_that_is_full_once_a_small_object_is_whole_refuses_it(
    intake: Intake, store: Store, monkeypatch
):
    def full(_root: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(incoming, "new_file", full)
        with pytest.raises(RefusedError) as caught:
            intake.take(received(mr_slice()), NOON)
    assert caught.value.refusal is Refusal.OUT_OF_RESOURCES
    assert rows(store, Instance) == []
    intake.take(received(mr_slice()), NOON)
    assert len(rows(store, Instance)) == files_in(intake.files) == 1


def test_a_disk_that_fails_after_the_row_takes_the_row_back(intake: Intake, store: Store, monkeypatch):
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "disk")

    monkeypatch.setattr(Incoming, "sync", broken)
    with pytest.raises(OSError, match="disk"):
        intake.take(received(mr_slice()), NOON)
    assert rows(store, Instance) == []


def test_a_disk_that_fails_on_a_repetition_leaves_the_row_of_the_first(
    intake: Intake, store: Store, monkeypatch
):
    intake.take(received(mr_slice()), NOON)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "disk")

    monkeypatch.setattr(Incoming, "sync", broken)
    with pytest.raises(OSError, match="disk"):
        intake.take(received(mr_slice()), LATER)
    (row,) = rows(store, Instance)
    assert row.received_at == NOON


def test_many_senders_share_transactions_and_one_bad_entry_fails_alone(intake: Intake, store: Store):
    stored = StoredFile(path="x", sha256="0", size_bytes=1)
    headers = [read_header(encoded(mr_slice(number)), str(ExplicitVRLittleEndian)) for number in range(20)]
    entries = [Entry(header, stored, "1.2", "SCANNER", NOON) for header in headers]
    entries[7].received_at = NOON.replace(tzinfo=None)  # no column takes it
    for entry in entries:
        intake.rows.enter(entry)
    for entry in entries:
        if entry is entries[7]:
            with pytest.raises(ValueError, match="time zone"):
                entry.wait()
        else:
            entry.wait()
    assert len(rows(store, Instance)) == 19


def test_a_compressed_object_is_kept_compressed(intake: Intake, store: Store):
    syntax = "1.2.840.10008.1.2.4.90"
    ds = mr_slice(PixelData=b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00")
    intake.take(received(ds, transfer_syntax_uid=syntax, dataset=encoded(ds)), NOON)
    (instance,) = rows(store, Instance)
    assert instance.transfer_syntax_uid == syntax
    assert (
        dcmread(intake.files.resolve(instance.path), stop_before_pixels=True).file_meta.TransferSyntaxUID
        == syntax
    )
