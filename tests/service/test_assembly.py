import threading
from datetime import datetime, timedelta

import pytest
from pydicom import Dataset
from sqlalchemy import select, text

from rules.codec import from_plain
from rules.cohort import DeclineCode
from rules.messages import Basis, StudyReady
from rules.policy import PolicyError
from rules.urgency import Priority
from service import cohort
from service.assembly import REOPEN_DAYS, run_assembly, settle, settle_due
from service.cohort_file import entry_of
from service.gate import Snapshot
from service.intake import Intake
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent, Job, Report, Study
from service.supervisor import StartError, Supervisor
from tests.service.conftest import NOON, STUDY, mr_slice, received

QUIET = NOON + timedelta(seconds=31)


@pytest.fixture
def flag(store: Store, settings: Settings):
    def flag(patient_id: str = "P1", now: datetime = NOON, **values: str) -> cohort.Change:
        entry = entry_of({"patient_id": patient_id, **values}, source="test", now=now, is_observation=True)
        with store.session() as session:
            return cohort.add(session, entry, settings, "tester", now)

    return flag


@pytest.fixture
def run(store: Store, settings: Settings):
    def run(now: datetime = QUIET) -> list[Snapshot]:
        with store.session() as session:
            return settle(session, settings, now)

    return run


@pytest.fixture
def take(intake: Intake, run):
    """Receive one slice and let its study settle."""

    def take(ds: Dataset) -> None:
        intake.take(received(ds), NOON)
        run()

    return take


def jobs(store: Store) -> list[Job]:
    with store.reading() as session:
        return list(session.scalars(select(Job).order_by(Job.id)))


def events(store: Store) -> list[str]:
    with store.reading() as session:
        return [row.event for row in session.scalars(select(AuditEvent).order_by(AuditEvent.id))]


def ready(job: Job) -> StudyReady:
    found: StudyReady = from_plain(StudyReady, job.ready)
    return found


def test_a_study_that_still_arrives_does_not_settle(intake: Intake, store: Store, run):
    intake.take(received(mr_slice()), NOON)
    assert run(NOON + timedelta(seconds=29)) == []
    assert jobs(store) == []


def test_a_quiet_study_of_a_flagged_patient_is_owed_with_its_evidence(
    intake: Intake, store: Store, flag, run
):
    flag(infusion_date="2026-04-28", icans_grade="2")
    for number in (3, 1, 2):
        intake.take(received(mr_slice(number)), NOON)
    (snapshot,) = run()
    (job,) = jobs(store)
    assert (job.state, job.job_id, job.ring_at, job.snapshot) == ("owed", snapshot.job_id, QUIET, 1)
    message = ready(job)
    assert [file.sop_instance_uid for file in message.instances] == [f"{STUDY}.1.{n}" for n in (1, 2, 3)]
    assert (message.completeness.basis, message.completeness.instances) == (Basis.QUIET_TIME, 3)
    assert message.context.icans_grade is not None
    assert message.context.icans_grade.value == 2
    assert message.requested_at == QUIET
    assert events(store)[-2:] == ["study_settled", "study_admitted"]
    for file in message.instances:
        assert intake.files.resolve(file.path).exists()


def test_a_study_of_nobody_flagged_is_declined_and_audited(intake: Intake, store: Store, run):
    intake.take(received(mr_slice()), NOON)
    run()
    (job,) = jobs(store)
    assert (job.state, job.decline_code, job.ready, job.ring_at) == (
        "declined",
        DeclineCode.NOT_FLAGGED,
        None,
        None,
    )
    assert events(store)[-1] == "study_declined"


def test_settling_again_changes_nothing(intake: Intake, store: Store, flag, run):
    flag()
    intake.take(received(mr_slice()), NOON)
    run()
    before = events(store)
    with store.session() as session:
        session.get_one(Study, STUDY).is_open = True
    run(QUIET + timedelta(minutes=1))
    assert len(jobs(store)) == 1
    assert events(store) == before


def test_late_images_make_the_next_snapshot_with_a_predecessor(intake: Intake, store: Store, flag, run):
    flag()
    intake.take(received(mr_slice(1)), NOON)
    run()
    later = QUIET + timedelta(minutes=5)
    intake.take(received(mr_slice(2)), later)
    run(later + timedelta(seconds=31))
    first, second = jobs(store)
    assert (second.snapshot, second.state) == (2, "owed")
    assert ready(second).predecessor_job_id == first.job_id
    assert len(ready(second).instances) == 2


def test_the_most_urgent_earlier_result_goes_with_the_next_snapshot(intake: Intake, store: Store, flag, run):
    flag()
    for number, priority in ((1, "P2"), (2, "P3"), (3, None)):
        at = NOON + timedelta(minutes=10 * number)
        intake.take(received(mr_slice(number)), at)
        run(at + timedelta(seconds=31))
        with store.session() as session:
            job = session.scalars(select(Job).order_by(Job.id.desc())).first()
            assert job is not None
            job.priority, job.state = priority, "done" if priority else "owed"
    earlier = [ready(job).earlier_priority for job in jobs(store)]
    assert earlier == [None, Priority.P2, Priority.P2]


def test_a_conflicting_copy_is_left_out_and_told(intake: Intake, store: Store, flag, run):
    flag()
    intake.take(received(mr_slice(1)), NOON)
    intake.take(received(mr_slice(1, PixelData=b"\x09" * 32)), NOON)
    run()
    (job,) = jobs(store)
    assert len(ready(job).instances) == 1
    assert "1 conflicting" in ready(job).completeness.detail


def test_our_own_report_is_no_input(intake: Intake, store: Store, flag, run):
    flag()
    intake.take(received(mr_slice(1)), NOON)
    run()
    (job,) = jobs(store)
    report = mr_slice(9, series=8, Modality="SR")
    with store.session() as session:
        columns = {"kind": "SR", "sop_class_uid": "1", "series_instance_uid": "1", "transfer_syntax_uid": "1"}
        session.add(
            Report(sop_instance_uid=report.SOPInstanceUID, job_id=job.job_id, path="x", sha256="0", **columns)
        )
    intake.take(received(report), QUIET)
    intake.take(received(mr_slice(2)), QUIET)
    run(QUIET + timedelta(minutes=1))
    assert len(ready(jobs(store)[1]).instances) == 2


def test_a_patient_flagged_after_the_study_came_gets_it_analysed(intake: Intake, store: Store, flag, run):
    intake.take(received(mr_slice()), NOON)
    run()
    change = flag(now=NOON + timedelta(days=2))
    assert [one.state for one in change.reopened] == ["owed"]
    declined, owed = jobs(store)
    assert (declined.state, owed.state, owed.snapshot) == ("declined", "owed", 1)


def test_a_changed_context_decides_the_same_snapshot_again(intake: Intake, store: Store, flag, run):
    flag(icans_grade="1")
    intake.take(received(mr_slice()), NOON)
    run()
    flag(now=NOON + timedelta(hours=3), icans_grade="3")
    first, second = jobs(store)
    assert second.snapshot == first.snapshot == 1
    assert ready(second).predecessor_job_id == first.job_id
    assert ready(second).instances == ready(first).instances


def test_an_old_study_keeps_what_was_decided(intake: Intake, store: Store, flag, run):
    intake.take(received(mr_slice()), NOON)
    run()
    assert flag(now=NOON + timedelta(days=REOPEN_DAYS + 1)).reopened == ()
    assert len(jobs(store)) == 1


def test_an_open_study_takes_the_new_context_when_it_settles(intake: Intake, store: Store, flag, run):
    intake.take(received(mr_slice()), NOON)
    assert flag().reopened == ()
    run()
    assert [job.state for job in jobs(store)] == ["owed"]


@pytest.mark.parametrize(
    ("study", "registry", "outcome"),
    [
        ({}, {}, ""),
        ({"IssuerOfPatientID": "A"}, {"issuer": "A"}, ""),
        ({"IssuerOfPatientID": "A"}, {}, ""),
        ({}, {"issuer": "A"}, ""),
        ({"IssuerOfPatientID": "A"}, {"issuer": "B"}, "not_flagged"),
        ({"PatientID": ""}, {}, "not_flagged"),
        ({}, {"birth_date": "1970-01-02"}, ""),
        ({}, {"birth_date": "1970-01-03"}, "identity_mismatch"),
        ({"PatientBirthDate": None}, {"birth_date": "1970-01-03"}, ""),
        ({"Modality": "CT"}, {}, "not_mr_head"),
    ],
)
def test_identifiers_decide_whose_study_it_is(store, take, flag, study: dict, registry: dict, outcome: str):
    flag(**registry)
    take(mr_slice(**study))
    (job,) = jobs(store)
    assert (job.decline_code, job.state) == (outcome, "declined" if outcome else "owed")


def test_one_id_under_two_issuers_matches_nobody_without_an_issuer(intake: Intake, store: Store, flag, run):
    flag(issuer="A")
    flag(issuer="B")
    intake.take(received(mr_slice()), NOON)
    run()
    assert jobs(store)[0].decline_code == DeclineCode.IDENTITY_MISMATCH


def test_a_study_of_two_patients_fuses_no_context(intake: Intake, store: Store, flag, run):
    flag()
    intake.take(received(mr_slice(1)), NOON)
    intake.take(received(mr_slice(2, PatientID="P2")), NOON)
    run()
    assert jobs(store)[0].decline_code == DeclineCode.IDENTITY_MISMATCH


def test_a_mismatch_that_follows_a_plain_decline_is_told(intake: Intake, store: Store, flag, run):
    intake.take(received(mr_slice()), NOON)
    run()
    flag(birth_date="1999-09-09")
    assert [job.decline_code for job in jobs(store)] == ["not_flagged", "identity_mismatch"]


def test_a_corrected_birth_date_gets_the_study_analysed(intake: Intake, store: Store, flag, run):
    flag(birth_date="1999-09-09")
    intake.take(received(mr_slice()), NOON)
    run()
    flag(birth_date="1970-01-02")
    assert [job.state for job in jobs(store)] == ["declined", "owed"]


def test_the_order_s_own_priority_reaches_the_decision(intake: Intake, store: Store, flag, run):
    flag()
    intake.take(received(mr_slice(RequestedProcedurePriority="STAT")), NOON)
    run()
    assert ready(jobs(store)[0]).context.order_priority == "STAT"


def test_a_clock_that_goes_back_loses_no_study(intake: Intake, store: Store, flag, run):
    flag()
    intake.take(received(mr_slice()), NOON + timedelta(days=365))
    run(NOON)
    assert jobs(store) == []
    assert "clock_went_back" in events(store)
    run(NOON + timedelta(seconds=29))
    assert jobs(store) == []
    run(QUIET)
    assert [job.state for job in jobs(store)] == ["owed"]


def test_a_clock_that_is_a_little_ahead_is_no_event(intake: Intake, store: Store, run):
    intake.take(received(mr_slice()), NOON + timedelta(seconds=20))
    assert run(NOON) == []
    assert "clock_went_back" not in events(store)


def test_a_study_that_fails_does_not_hold_up_the_others(
    intake: Intake, store: Store, settings: Settings, flag
):
    flag("BROKEN")
    intake.take(received(mr_slice(study="1.2.3.1", PatientID="BROKEN")), NOON)
    intake.take(received(mr_slice(study="1.2.3.2")), NOON)
    with store.session() as session:
        session.execute(text("UPDATE cohort_patient SET context = '{\"no_such_field\": 1}'"))
    waiting: dict[str, datetime] = {}
    settle_due(store, settings, QUIET, waiting)
    assert [job.study_instance_uid for job in jobs(store)] == ["1.2.3.2"]
    assert list(waiting) == ["1.2.3.1"]
    settle_due(store, settings, QUIET, waiting)


def test_the_loop_settles_and_stops(intake: Intake, store: Store, settings: Settings, flag):
    flag()
    intake.take(received(mr_slice()), NOON)
    stop = threading.Event()
    loop = threading.Thread(target=run_assembly, args=(settings, stop))
    loop.start()
    for _ in range(100):
        if jobs(store):
            break
        stop.wait(0.1)
    stop.set()
    loop.join(20)
    assert not loop.is_alive()
    assert [job.state for job in jobs(store)] == ["owed"]


def refuse(_site):
    raise PolicyError("floors.yaml", 3, "unknown key `x`")


def test_the_loop_does_not_start_with_a_policy_that_is_refused(settings: Settings, monkeypatch):
    monkeypatch.setattr("service.assembly.policy_in_force", refuse)
    with pytest.raises(PolicyError, match=r"floors.yaml:3"):
        run_assembly(settings, threading.Event())


def test_the_service_does_not_start_with_a_policy_that_is_refused(settings: Settings, monkeypatch):
    monkeypatch.setattr("service.supervisor.policy_in_force", refuse)
    supervisor = Supervisor(settings, lambda _: None)
    with pytest.raises(StartError, match=r"policy: floors.yaml:3"):
        supervisor.start()
    assert not supervisor.children
