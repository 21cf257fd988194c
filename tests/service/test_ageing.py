from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from rules.policy import load
from rules.urgency import Priority
from service.ageing import note_aged, shown
from service.store.desk_tables import Assessment
from service.store.session import Store
from service.store.tables import AuditEvent, Job, Study
from tests.service.conftest import NOON

POLICY = load()
STUDY = "1.2.3"
DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def study(store: Store) -> str:
    with store.session() as session:
        session.add(Study(study_instance_uid=STUDY, patient_id="P1", received_at=NOON, last_received_at=NOON))
    return STUDY


def give(store: Store, study: str, priority: Priority | None, at: datetime) -> None:
    """A job of the study; with a priority it is done."""
    with store.session() as session:
        number = len(session.scalars(select(Job)).all())
        session.add(
            Job(
                job_id=f"{number}",
                study_instance_uid=study,
                snapshot=1,
                state="done" if priority else "owed",
                priority=priority,
                created_at=at,
            )
        )


def events(store: Store) -> list[AuditEvent]:
    with store.reading() as session:
        return list(
            session.scalars(
                select(AuditEvent).where(AuditEvent.event == "study_raised_by_age").order_by("id")
            )
        )


def test_a_study_is_told_once_when_its_limit_has_passed(store: Store, study: str):
    give(store, study, Priority.P4, NOON)
    assert note_aged(store, POLICY, NOON + DAY) == 0
    assert note_aged(store, POLICY, NOON + DAY + MINUTE) == 1
    assert note_aged(store, POLICY, NOON + DAY + 2 * MINUTE) == 0
    (event,) = events(store)
    assert (event.study_instance_uid, event.at) == (STUDY, NOON + DAY + MINUTE)
    assert (event.detail["decided"], event.detail["shown"]) == ("P4", "P3")
    assert event.detail["waits_since"] == NOON.isoformat()
    assert event.detail["late_since"] == (NOON + DAY).isoformat()
    assert event.detail["policy"]["digest"] == POLICY.digest


def test_each_step_is_told_and_the_wait_counts_anew_for_a_higher_priority(store: Store, study: str):
    give(store, study, Priority.P4, NOON)
    note_aged(store, POLICY, NOON + DAY + MINUTE)
    later = NOON + 2 * DAY
    give(store, study, Priority.P2, later)
    assert note_aged(store, POLICY, later + timedelta(minutes=60)) == 0
    assert note_aged(store, POLICY, later + timedelta(minutes=61)) == 1
    assert [event.detail["shown"] for event in events(store)] == ["P3", "P1"]


def test_what_was_overtaken_or_given_again_is_told_by_the_first_that_gave_it(store: Store, study: str):
    give(store, study, Priority.P3, NOON)
    give(store, study, Priority.P3, NOON + MINUTE)
    give(store, study, Priority.P4, NOON + 2 * MINUTE)
    assert note_aged(store, POLICY, NOON + 2 * DAY) == 1
    (event,) = events(store)
    assert (event.detail["job_id"], event.detail["shown"]) == ("0", "P2")


def test_a_late_critical_study_is_not_told_as_raised(store: Store, study: str):
    give(store, study, Priority.P1, NOON)
    assert note_aged(store, POLICY, NOON + DAY) == 0
    assert events(store) == []


def test_the_wait_counts_from_the_first_snapshot_that_asked_for_the_priority(store: Store, study: str):
    for priority, minutes in ((Priority.P4, 0), (Priority.P3, 10), (None, 15), (Priority.P3, 20)):
        give(store, study, priority, NOON + minutes * MINUTE)
    with store.reading() as session:
        jobs = session.scalars(select(Job)).all()
    assert shown(jobs, POLICY, NOON + timedelta(minutes=490)).late_since is None
    late = shown(jobs, POLICY, NOON + timedelta(minutes=491))
    assert (late.decided, late.priority, late.late_since) == (
        Priority.P3,
        Priority.P2,
        NOON + timedelta(minutes=490),
    )


def test_without_a_result_there_is_no_limit_to_pass(store: Store, study: str):
    give(store, study, None, NOON)
    assert note_aged(store, POLICY, NOON + 9 * DAY) == 0
    with store.reading() as session:
        assert shown(session.scalars(select(Job)).all(), POLICY, NOON + 9 * DAY) is None


def read(store: Store, study: str, job_id: str, at: datetime) -> None:
    """A radiologist assesses a result."""
    with store.session() as session:
        session.add(
            Assessment(
                study_instance_uid=study,
                job_id=job_id,
                user_name="meyer",
                at=at,
                verdict="agree",
                text="",
                is_positive=False,
            )
        )


def test_a_study_that_was_read_in_time_is_not_told(store: Store, study: str):
    give(store, study, Priority.P2, NOON)
    read(store, study, "0", NOON + timedelta(minutes=59))
    assert note_aged(store, POLICY, NOON + timedelta(minutes=61)) == 0
    assert events(store) == []


def test_a_new_result_of_a_study_that_was_read_waits_again(store: Store, study: str):
    give(store, study, Priority.P4, NOON)
    read(store, study, "0", NOON + MINUTE)
    give(store, study, Priority.P2, NOON + timedelta(minutes=10))
    assert note_aged(store, POLICY, NOON + timedelta(minutes=71)) == 1
    assert [event.detail["shown"] for event in events(store)] == ["P1"]
