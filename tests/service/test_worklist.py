import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from rules.codec import to_plain
from rules.decision import Decision, PolicyIdentity
from rules.policy import load
from rules.urgency import Priority
from service.assembly import settle
from service.cli import main
from service.cohort import add, remove
from service.cohort_file import entry_of
from service.intake import Intake
from service.settings import Settings
from service.store.session import Store
from service.store.tables import Delivery, Job, Report
from service.worklist import Row, Status, worklist
from tests.service.conftest import NOON, SENTINEL, mr_slice, received

POLICY = load()
QUIET = NOON + timedelta(seconds=31)
DECISION = Decision(
    priority=Priority.P2,
    imaging_priority=Priority.P2,
    floors=(),
    patterns=(),
    is_assessed=True,
    not_assessed=(),
    could_be=None,
    headline="PRES-type distribution: symmetric parieto-occipital FLAIR hyperintensity",
    sentences=("Symmetric parieto-occipital FLAIR hyperintensity of 38 mL.",),
    disclaimers=(),
    day_after_infusion=8,
    policy=PolicyIdentity("cart", "1", "0"),
)


class House:
    """Studies in every state of the walk, without workers."""

    def __init__(self, store: Store, settings: Settings, intake: Intake) -> None:
        self.store, self.settings, self.intake = store, settings, intake

    def flag(self, patient_id: str, **values: str) -> None:
        given = {"patient_id": patient_id, "infusion_date": "2026-04-26", **values}
        entry = entry_of(given, source="test", now=NOON, is_observation=True)
        with self.store.session() as session:
            add(session, entry, self.settings, "tester", NOON)

    def receive(
        self, patient_id: str, at: datetime = NOON, *, settles: bool = True, **elements: object
    ) -> str:
        uid = f"1.2.3.{sum(patient_id.encode())}.{len(patient_id)}"
        for number in (1, 2):
            self.intake.take(received(mr_slice(number, study=uid, PatientID=patient_id, **elements)), at)
        if settles:
            with self.store.session() as session:
                settle(session, self.settings, at + timedelta(seconds=31))
        return uid

    def job(self, uid: str, **columns: object) -> None:
        with self.store.session() as session:
            job = session.scalars(
                select(Job).where(Job.study_instance_uid == uid).order_by(Job.id.desc())
            ).first()
            for name, value in columns.items():
                setattr(job, name, value)

    def decide(self, uid: str, decision: Decision, *, stored: int = 0, owed: int = 0) -> None:
        self.job(
            uid,
            state="done",
            triaged={"decision": to_plain(decision)},
            priority=decision.priority.value,
            done_at=QUIET,
        )
        with self.store.session() as session:
            job_id = session.scalars(
                select(Job.job_id).where(Job.study_instance_uid == uid).order_by(Job.id.desc())
            ).first()
            for number in range(stored + owed):
                sop = f"{uid}.{number}"
                columns = {
                    "sop_class_uid": "1",
                    "series_instance_uid": "1",
                    "transfer_syntax_uid": "1",
                    "path": "x",
                }
                session.add(Report(sop_instance_uid=sop, job_id=job_id, kind="SR", sha256="0", **columns))
                session.flush()
                state = "stored" if number < stored else "owed"
                times = {"try_at": NOON, "created_at": NOON}
                session.add(
                    Delivery(
                        study_instance_uid=uid,
                        job_id=job_id,
                        cargo="SR",
                        sop_instance_uid=sop,
                        destination="PACS",
                        priority="P2",
                        state=state,
                        **times,
                    )
                )

    def rows(self, now: datetime = QUIET, **options: bool) -> list[Row]:
        with self.store.reading() as session:
            return worklist(session, POLICY, now, days=14, **options)


@pytest.fixture
def house(store: Store, settings: Settings, intake: Intake) -> House:
    return House(store, settings, intake)


def test_a_decided_study_shows_its_priority_reason_and_deliveries(house: House):
    house.flag("P1", icans_grade="3")
    uid = house.receive("P1")
    house.decide(uid, DECISION, stored=1, owed=1)
    (row,) = house.rows()
    assert (row.study_instance_uid, row.priority, row.status) == (uid, Priority.P2, Status.DECIDED)
    assert row.headline == DECISION.headline
    assert (row.day_after_infusion, row.icans_grade) == (8, 3)
    assert (row.deliveries_stored, row.deliveries) == (1, 2)


def test_an_unflagged_study_appears_only_on_request_and_last(house: House):
    house.receive("NOBODY")
    house.flag("P1")
    house.decide(house.receive("P1"), replace(DECISION, priority=Priority.P4))
    assert [row.patient_id for row in house.rows()] == ["P1"]
    rows = house.rows(with_unflagged=True)
    assert [row.patient_id for row in rows] == ["P1", "NOBODY"]
    assert (rows[1].headline, rows[1].priority) == ("not flagged: position untouched", None)


def test_the_most_urgent_and_then_the_oldest_stand_first(house: House):
    for patient, priority, minutes in (
        ("ROUTINE", Priority.P4, 0),
        ("YOUNG", Priority.P2, 9),
        ("OLD", Priority.P2, 1),
        ("CRITICAL", Priority.P1, 12),
        ("SOON", Priority.P3, 0),
    ):
        house.flag(patient)
        uid = house.receive(patient, NOON + timedelta(minutes=minutes))
        house.decide(uid, replace(DECISION, priority=priority))
    house.flag("WAITING")
    house.receive("WAITING")
    order = [row.patient_id for row in house.rows()]
    assert order == ["CRITICAL", "OLD", "YOUNG", "WAITING", "SOON", "ROUTINE"]


def test_each_state_has_its_word(house: House):
    for patient in ("WAITS", "WORKS", "FAILS", "UNSEEN", "OPEN"):
        house.flag(patient)
    uids = {patient: house.receive(patient) for patient in ("WAITS", "WORKS", "FAILS", "UNSEEN")}
    house.receive("OPEN", settles=False)
    house.job(uids["WORKS"], rings=1)
    house.job(uids["FAILS"], state="failed")
    house.decide(
        uids["UNSEEN"], replace(DECISION, is_assessed=False, headline="Not assessed: no FLAIR series")
    )
    assert {row.patient_id: row.status for row in house.rows()} == {
        "WAITS": Status.RECEIVED,
        "WORKS": Status.ANALYSING,
        "FAILS": Status.FAILED,
        "UNSEEN": Status.NOT_ASSESSED,
        "OPEN": Status.SETTLING,
    }


def test_a_mismatch_is_never_hidden(house: House):
    house.flag("P1", birth_date="1999-09-09")
    house.receive("P1")
    (row,) = house.rows()
    assert (row.status, row.headline) == (Status.NOT_ANALYSED, "identity mismatch: not analysed")


def test_a_result_stays_in_sight_while_a_newer_one_is_on_its_way(house: House):
    house.flag("P1")
    uid = house.receive("P1")
    house.decide(uid, DECISION)
    house.flag("P1", icans_grade="4")
    (row,) = house.rows()
    assert (row.priority, row.status, row.icans_grade) == (Priority.P2, Status.RECEIVED, 4)


def test_a_later_result_never_lets_a_study_sink(house: House):
    house.flag("P1")
    uid = house.receive("P1")
    house.decide(uid, DECISION)
    house.flag("P1", icans_grade="1")
    house.decide(uid, replace(DECISION, priority=Priority.P3, headline="overtaken"))
    (row,) = house.rows()
    assert row.priority is Priority.P2


def test_a_patient_taken_off_the_registry_keeps_the_result(house: House):
    house.flag("P1")
    uid = house.receive("P1")
    house.decide(uid, DECISION)
    with house.store.session() as session:
        remove(session, "P1", "", "tester", QUIET)
    house.intake.take(received(mr_slice(3, study=uid)), QUIET)
    with house.store.session() as session:
        settle(session, house.settings, QUIET + timedelta(minutes=1))
    (row,) = house.rows()
    assert row.priority is Priority.P2


def _command(house: House, *arguments: str, columns: int = 100) -> str:
    outcome = CliRunner().invoke(
        main, [*arguments, "--data", str(house.settings.data)], env={"COLUMNS": str(columns)}
    )
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_the_table_fits_the_terminal_and_says_nothing_is_normal(house: House, columns: int):
    house.flag("P1", icans_grade="3")
    now = datetime.now(NOON.tzinfo)
    house.decide(house.receive("P1", now), DECISION, stored=2)
    house.receive("NOBODY", now)
    output = _command(house, "worklist", "--all", columns=columns)
    assert max(len(line) for line in output.splitlines()) <= columns
    for words in ("P2", "PRES-type", "2 of 2", "not flagged"):
        assert words in output
    assert "normal" not in output.lower()
    assert SENTINEL not in output


def test_the_worklist_for_programs_is_json(house: House):
    house.flag("P1")
    uid = house.receive("P1", datetime.now(NOON.tzinfo))
    house.decide(uid, DECISION)
    (row,) = json.loads(_command(house, "worklist", "--json"))
    assert (row["study_instance_uid"], row["priority"], row["status"]) == (uid, "P2", "decided")


def test_an_empty_worklist_says_so(house: House):
    assert "No study" in _command(house, "worklist")


@pytest.mark.parametrize("asked", ["1.2.3.129.2", "1.2.3.12", "ACC1"])
def test_the_trail_is_found_by_uid_prefix_or_accession_number(house: House, asked: str):
    house.flag("P1", icans_grade="3")
    assert house.receive("P1") == "1.2.3.129.2"
    output = _command(house, "audit", asked)
    for words in (
        "2 objects in 1 series stored",
        "snapshot 1: 2 objects",
        "study admitted",
        "The patient is on the registry",
    ):
        assert words in output


def test_the_trail_for_programs_has_every_event(house: House):
    uid = house.receive("P1")
    events = json.loads(_command(house, "audit", uid, "--json"))
    assert [event["event"] for event in events] == [
        *["instance_stored"] * 2,
        "study_settled",
        "study_declined",
    ]
    assert events[-1]["detail"]["code"] == "not_flagged"


def test_an_ambiguous_or_unknown_study_is_an_error(house: House):
    house.receive("P1", AccessionNumber="A")
    house.receive("P22", AccessionNumber="A")
    for asked, said in (("A", "Several studies"), ("9.9", "No study")):
        outcome = CliRunner().invoke(main, ["audit", asked, "--data", str(house.settings.data)])
        assert outcome.exit_code == 1
        assert said in outcome.output


def test_the_day_is_known_before_the_result(house: House):
    house.flag("P1")
    house.receive("P1", StudyDate=date(2026, 5, 4).strftime("%Y%m%d"))
    assert house.rows()[0].day_after_infusion == 8


def test_a_study_past_its_limit_stands_one_level_higher_behind_those_that_were_decided_so(house: House):
    for patient, priority in (("ROUTINE", Priority.P4), ("LATE", Priority.P2)):
        house.flag(patient)
        house.decide(house.receive(patient), replace(DECISION, priority=priority))
    evening = NOON + timedelta(hours=25)
    for patient, priority in (("SOON", Priority.P3), ("CRITICAL", Priority.P1), ("YOUNG", Priority.P2)):
        house.flag(patient)
        uid = house.receive(patient, evening)
        house.decide(uid, replace(DECISION, priority=priority))
    rows = house.rows(evening + timedelta(minutes=5))
    assert [row.patient_id for row in rows] == ["CRITICAL", "LATE", "YOUNG", "SOON", "ROUTINE"]
    late, routine = rows[1], rows[4]
    assert (late.priority, late.shown.priority, late.shown.is_raised) == (Priority.P2, Priority.P1, True)
    assert (routine.priority, routine.shown.priority) == (Priority.P4, Priority.P3)
    assert "the limit of P4; shown as P3 by the ageing guard" in routine.shown.why


def test_the_command_marks_what_only_its_age_raised(house: House, settings: Settings):
    house.flag("P1")
    house.decide(house.receive("P1"), replace(DECISION, priority=Priority.P4))
    shown = CliRunner().invoke(main, ["worklist", "--data", str(settings.data), "--days", "36500"])
    assert shown.exit_code == 0, shown.output
    assert "P3↑" in shown.output
    assert "ageing guard" in " ".join(shown.output.split())
