from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from pydicom import Dataset, Sequence
from pynetdicom import AE
from pynetdicom.sop_class import InstanceAvailabilityNotification, ModalityPerformedProcedureStep
from sqlalchemy import select

from rules.codec import from_plain
from rules.messages import Basis, StudyReady
from service import cohort
from service.assembly import settle
from service.cohort_file import entry_of
from service.intake import Intake
from service.settings import Settings
from service.store.session import Store
from service.store.tables import Announced, AuditEvent, Job
from tests.service.conftest import MR_IMAGE_STORAGE, NOON, STUDY, mr_slice, received

# pynetdicom's client side leaves sockets to the garbage collector; see `swept`.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("swept"),
]

STEP = "1.2.3.4.5"
SOON, QUIET = NOON + timedelta(seconds=3), NOON + timedelta(seconds=31)


def item(**elements: object) -> Dataset:
    ds = Dataset()
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def images(count: int) -> Sequence:
    return Sequence(
        [
            item(ReferencedSOPClassUID=MR_IMAGE_STORAGE, ReferencedSOPInstanceUID=f"{STUDY}.1.{number}")
            for number in range(1, count + 1)
        ]
    )


def begun(study: str | None = STUDY) -> Dataset:
    scheduled = item(StudyInstanceUID=study) if study else item(AccessionNumber="ACC1")
    return item(
        ScheduledStepAttributesSequence=Sequence([scheduled]),
        PerformedProcedureStepStatus="IN PROGRESS",
        PerformedSeriesSequence=Sequence([]),
    )


def ended(count: int, state: str = "COMPLETED") -> Dataset:
    series = item(SeriesInstanceUID=f"{STUDY}.1", ReferencedImageSequence=images(count))
    return item(PerformedProcedureStepStatus=state, PerformedSeriesSequence=Sequence([series]))


def available(count: int) -> Dataset:
    series = item(SeriesInstanceUID=f"{STUDY}.1", ReferencedSOPSequence=images(count))
    return item(StudyInstanceUID=STUDY, ReferencedSeriesSequence=Sequence([series]))


@contextmanager
def scanner(port: int) -> Iterator[object]:
    ae = AE("SCANNER")
    for uid in (ModalityPerformedProcedureStep, InstanceAvailabilityNotification):
        ae.add_requested_context(uid)
    assoc = ae.associate("127.0.0.1", port, ae_title="CARTRIAGE")
    assert assoc.is_established
    yield assoc
    assoc.release()


@pytest.fixture
def run(store: Store, settings: Settings):
    """Flag the patient and settle what is due; returns the completeness of each new job."""
    entry = entry_of({"patient_id": "P1"}, source="test", now=NOON, is_observation=True)
    with store.session() as session:
        cohort.add(session, entry, settings, "tester", NOON)

    def run(now):
        with store.session() as session:
            settled = settle(session, settings, now)
            found = session.scalars(select(Job).where(Job.job_id.in_([one.job_id for one in settled])))
            return [from_plain(StudyReady, job.ready).completeness for job in found]

    return run


def take(intake: Intake, *numbers: int) -> None:
    for number in numbers:
        intake.take(received(mr_slice(number)), NOON)


def test_a_finished_step_settles_the_study_long_before_the_quiet_time(listen, settings, store, intake, run):
    with listen(settings) as node, scanner(node.port) as assoc:
        status, _ = assoc.send_n_create(begun(), ModalityPerformedProcedureStep, STEP)
        assert status.Status == 0x0000
        take(intake, 1, 2)
        assert run(SOON) == []
        status, _ = assoc.send_n_set(ended(2), ModalityPerformedProcedureStep, STEP)
        assert status.Status == 0x0000
    (completeness,) = run(SOON)
    assert (completeness.basis, completeness.is_degraded) == (Basis.MPPS, False)
    with store.reading() as session:
        lines = {line.event: line.detail for line in session.scalars(select(AuditEvent))}
    assert lines["study_settled"]["basis"] == "mpps"
    assert lines["study_announced"]["series"] == {f"{STUDY}.1": 2}


def test_what_is_missing_after_the_quiet_time_is_told_and_the_study_goes_on(listen, settings, intake, run):
    with listen(settings) as node, scanner(node.port) as assoc:
        assoc.send_n_create(begun(), ModalityPerformedProcedureStep, STEP)
        assoc.send_n_set(ended(3), ModalityPerformedProcedureStep, STEP)
    take(intake, 1, 2)
    assert run(SOON) == []
    (completeness,) = run(QUIET)
    assert (completeness.basis, completeness.is_degraded) == (Basis.QUIET_TIME, True)
    assert completeness.missing == (f"series {STUDY}.1: 2 of 3 objects",)
    assert "2 of 3 objects" in completeness.detail
    take(intake, 3)
    (late,) = run(SOON)
    assert (late.basis, late.instances) == (Basis.MPPS, 3)


@pytest.mark.parametrize(
    "case",
    [
        (2, "completeness_confirmed", {"snapshot": 1, "basis": "mpps"}),
        (3, "completeness_refuted", {"missing": f"series {STUDY}.1: 2 of 3 objects"}),
    ],
)
def test_a_scanner_that_finishes_after_the_quiet_time_confirms_or_refutes_it(
    listen, settings, store, intake, run, case
):
    count, event, told = case
    take(intake, 1, 2)
    (completeness,) = run(QUIET)
    assert completeness.basis is Basis.QUIET_TIME
    with listen(settings) as node, scanner(node.port) as assoc:
        assoc.send_n_create(begun(), ModalityPerformedProcedureStep, STEP)
        assoc.send_n_set(ended(count), ModalityPerformedProcedureStep, STEP)
    with store.reading() as session:
        late = [one for one in session.scalars(select(AuditEvent)) if one.event.startswith("completeness_")]
    assert [(one.event, one.detail) for one in late] == [(event, told)]
    assert run(QUIET) == [], "the same images are not analysed again"


def test_a_scanner_that_never_finishes_holds_nothing_back(listen, settings, intake, run):
    with listen(settings) as node, scanner(node.port) as assoc:
        assoc.send_n_create(begun(), ModalityPerformedProcedureStep, STEP)
    take(intake, 1)
    (completeness,) = run(QUIET)
    assert completeness.missing == ("the scanner has not finished",)


def test_a_notification_of_availability_settles_too(listen, settings, intake, run):
    take(intake, 1, 2)
    with listen(settings) as node, scanner(node.port) as assoc:
        status, _ = assoc.send_n_create(available(2), InstanceAvailabilityNotification, "1.2.3.9")
        assert status.Status == 0x0000
    (completeness,) = run(SOON)
    assert completeness.basis is Basis.AVAILABILITY


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_each_wrong_announcement_has_its_status(listen, settings: Settings, store: Store):
    step = ModalityPerformedProcedureStep
    with listen(settings) as node, scanner(node.port) as assoc:
        assert assoc.send_n_create(begun(None), step, STEP)[0].Status == 0x0120
        assert assoc.send_n_create(begun("1.2.x"), step, STEP)[0].Status == 0x0106
        assert assoc.send_n_set(ended(1), step, STEP)[0].Status == 0x0112
        assert assoc.send_n_create(begun(), step, STEP)[0].Status == 0x0000
        assert assoc.send_n_create(begun(), step, STEP)[0].Status == 0x0111
        assert assoc.send_n_set(ended(1, "FORGOTTEN"), step, STEP)[0].Status == 0x0106
        assert assoc.send_n_set(ended(1, "DISCONTINUED"), step, STEP)[0].Status == 0x0000
        assert assoc.send_n_set(ended(1), step, STEP)[0].Status == 0x0110
        empty = item(StudyInstanceUID=STUDY)
        assert assoc.send_n_create(empty, InstanceAvailabilityNotification, "1.2.3.9")[0].Status == 0x0120
    with store.reading() as session:
        (row,) = session.scalars(select(Announced))
    assert (row.is_final, row.series, row.sender) == (True, {f"{STUDY}.1": 1}, "SCANNER")
