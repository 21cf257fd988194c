"""The reading list: its order, what moves a study in it, and that nothing is hidden from it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from rules.urgency import Priority
from service.accounts import Role
from service.answers import (
    Answer,
    NewerResultError,
    TextNeededError,
    Verdict,
    acknowledge,
    assess,
)
from service.cohort import remove
from service.escalation import escalate_due
from service.gate import policy_in_force
from service.listing import CursorError, Show, Wanted, listed, standing
from service.reading_list import follow
from service.settings import Step
from service.store.desk_tables import Acknowledgement, WorklistEntry
from service.store.tables import AuditEvent, Job
from tests.service.web.conftest import DEEP, HEALTHY, PRES, Browser, Hospital

POLICY = policy_in_force(None)


def entries(hospital: Hospital, **wanted: object) -> list[WorklistEntry]:
    with hospital.store.reading() as session:
        return list(listed(session, Wanted(**wanted)).entries)  # type: ignore[arg-type]


def order(hospital: Hospital, **wanted: object) -> list[str]:
    return [entry.patient_id for entry in entries(hospital, **wanted)]


def test_the_most_urgent_stands_first_and_what_has_no_result_before_the_expedited(hospital: Hospital):
    hospital.study("CALM", HEALTHY)
    hospital.study("DEEP", DEEP)
    hospital.study("PRES", PRES)
    hospital.flag("WAIT")
    hospital.receive("WAIT")
    hospital.receive("STRANGER")
    assert order(hospital) == ["DEEP", "PRES", "WAIT", "CALM"]
    assert "STRANGER" in order(hospital, show=Show.ALL)
    with hospital.store.reading() as session:
        assert standing(session).counts == {"P1": 1, "P2": 1, "P3": 0, "P4": 1, "none": 1}


def test_a_study_rises_when_its_target_passes(hospital: Hospital):
    hospital.study("OLD", PRES)
    hospital.study("DEEP", DEEP)
    before = entries(hospital, text="OLD")[0]
    assert (before.decided, before.shown, before.why_raised) == ("P2", "P2", "")
    assert before.target_at
    follow(hospital.store, POLICY, before.target_at + timedelta(seconds=1))
    after = entries(hospital, text="OLD")[0]
    assert (after.decided, after.shown) == ("P2", "P1")
    assert "ageing guard" in after.why_raised
    assert order(hospital) == ["DEEP", "OLD"]
    assert order(hospital, priority=Priority.P1) == ["DEEP", "OLD"]


def test_a_read_study_sinks_and_stays_in_sight_until_a_newer_result(hospital: Hospital):
    uid = hospital.study("DEEP", DEEP)
    hospital.study("CALM", HEALTHY)
    with hospital.store.session() as session:
        job = session.query(Job).filter_by(study_instance_uid=uid).one()
        assess(session, Answer(uid, job.job_id, Verdict.AGREE, "", "meyer"), POLICY, datetime.now(UTC))
    hospital.follow()
    assert order(hospital) == ["CALM", "DEEP"]
    assert order(hospital, show=Show.READ) == ["DEEP"]
    hospital.flag("DEEP", icans_grade="4")
    hospital.decide(uid, DEEP)
    assert order(hospital) == ["DEEP", "CALM"]


def test_a_study_that_rises_has_to_be_acknowledged_again(hospital: Hospital):
    uid = hospital.study("PRES", PRES)
    with hospital.store.session() as session:
        made = acknowledge(session, uid, "meyer", POLICY, datetime.now(UTC))
        assert (made.priority, made.target_seconds) == ("P2", 3600)
    with hospital.store.session() as session:
        acknowledge(session, uid, "other", POLICY, datetime.now(UTC))
    hospital.follow()
    assert entries(hospital)[0].acknowledged_by == "meyer"
    hospital.flag("PRES", icans_grade="4")
    hospital.decide(uid, PRES)
    entry = entries(hospital)[0]
    assert (entry.decided, entry.acknowledged_at) == ("P1", None)
    with hospital.store.reading() as session:
        assert session.query(Acknowledgement).count() == 1


def test_an_answer_is_to_the_result_that_was_seen(hospital: Hospital):
    uid = hospital.study("PRES", PRES)
    with hospital.store.reading() as session:
        first = session.query(Job).one().job_id
    hospital.flag("PRES", icans_grade="2")
    hospital.decide(uid, PRES)
    now = datetime.now(UTC)
    with pytest.raises(NewerResultError), hospital.store.session() as session:
        assess(session, Answer(uid, first, Verdict.AGREE, "", "meyer"), POLICY, now)
    with hospital.store.reading() as session:
        latest = session.query(Job).order_by(Job.id.desc()).first()
        assert latest
    with pytest.raises(TextNeededError), hospital.store.session() as session:
        assess(session, Answer(uid, latest.job_id, Verdict.DISAGREE, " ", "meyer"), POLICY, now)


def test_an_unanswered_alert_climbs_the_ladder_once_a_step(hospital: Hospital):
    hospital.study("DEEP", DEEP)
    hospital.study("CALM", HEALTHY)
    uid = hospital.study("OTHER", DEEP)
    with hospital.store.session() as session:
        acknowledge(session, uid, "meyer", POLICY, datetime.now(UTC))
    hospital.follow()
    ladder = (
        Step(priority="P1", after_min=15, tell="on call"),
        Step(priority="P1", after_min=30, tell="head of the department"),
    )
    start = datetime.now(UTC)
    climbed = []
    for minutes in (1, 16, 17, 31, 60):
        climbed.append(escalate_due(hospital.store, ladder, start + timedelta(minutes=minutes)))
        hospital.follow()
    assert climbed == [0, 1, 0, 1, 0]
    with hospital.store.reading() as session:
        told = session.query(AuditEvent).filter_by(event="alert_escalated").order_by(AuditEvent.sequence)
        assert [event.detail["to"] for event in told] == ["on call", "head of the department"]
    assert entries(hospital, text="DEEP")[0].escalated == 2


def test_a_changed_registry_shows_in_studies_that_are_still_arriving(hospital: Hospital):
    hospital.receive("P1")
    assert order(hospital) == []
    hospital.flag("P1")
    hospital.follow()
    assert order(hospital) == ["P1"]
    with hospital.store.session() as session:
        remove(session, "P1", "", "tester", datetime.now(UTC))
    hospital.follow()
    assert order(hospital) == ["P1"]  # it was handed over; what is owed stays in sight


def test_pages_follow_one_another_without_gap_or_repeat(hospital: Hospital):
    for number in range(7):
        hospital.flag(f"P{number}")
        hospital.receive(f"P{number}")
    seen: list[str] = []
    cursor, pages = "", 0
    while pages == 0 or cursor:
        with hospital.store.reading() as session:
            page = listed(session, Wanted(limit=3, cursor=cursor))
        seen += [entry.patient_id for entry in page.entries]
        cursor, pages = page.next_cursor, pages + 1
    assert (pages, sorted(seen)) == (3, [f"P{number}" for number in range(7)])
    with pytest.raises(CursorError), hospital.store.reading() as session:
        listed(session, Wanted(cursor="nonsense"))


UID = f"1.2.3.{int.from_bytes(b'MRN12', 'big')}"


@pytest.mark.parametrize("text", ["MRN1", "okaf", "MRN12", UID])
def test_a_study_is_found_by_what_people_type(hospital: Hospital, text: str):
    hospital.flag("MRN12")
    hospital.receive("MRN12")
    hospital.flag("X9")
    hospital.receive("X9", "Moreau^Paul")
    assert order(hospital, text=text) == ["MRN12"]
    assert order(hospital, text="%") == []


def test_a_list_that_nobody_keeps_says_so(hospital: Hospital, browse: Callable[..., Browser]):
    reader = browse(Role.RADIOLOGIST)
    assert "This list is not up to date" in reader.page("/")
    hospital.study("P1", HEALTHY)
    assert "This list is not up to date" not in reader.page("/")
