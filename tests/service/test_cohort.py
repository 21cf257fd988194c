import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from rules.codec import to_plain
from rules.context_file import FIELDS, OBSERVED, context_from_mapping
from service.cli import main
from service.cohort import Change, NotFlaggedError, add, context_of, flagged, remove
from service.cohort_file import entry_of, read_cohort_file
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent
from tests.service.conftest import NOON

LATER = NOON + timedelta(days=1)


@pytest.fixture
def enter(store: Store, settings: Settings):
    def enter(now=NOON, *, typed: bool = True, **values: str) -> Change:
        entry = entry_of({"patient_id": "P1", **values}, source="test", now=now, is_observation=typed)
        with store.session() as session:
            return add(session, entry, settings, "tester", now)

    return enter


def held(store: Store):
    with store.reading() as session:
        (patient,) = flagged(session)
        return context_of(patient)


def events(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.scalars(select(AuditEvent.event).order_by(AuditEvent.id)))


def test_a_flagged_patient_is_on_the_registry_and_in_the_trail(store: Store, enter):
    change = enter(icans_grade="2", birth_date="1970-01-02")
    assert (change.is_new, change.is_changed) == (True, True)
    context = held(store)
    assert context.is_cart_recipient
    assert (context.icans_grade.value, context.icans_grade.at) == (2, NOON)
    with store.reading() as session:
        (line,) = session.scalars(select(AuditEvent))
    assert (line.event, line.actor) == ("cohort_patient_added", "tester")


def test_what_is_left_out_stays_as_it_was(store: Store, enter):
    enter(infusion_date="2026-04-28", icans_grade="1")
    enter(LATER, icans_grade="3")
    context = held(store)
    assert str(context.infusion_date) == "2026-04-28"
    assert (context.icans_grade.value, context.icans_grade.at) == (3, LATER)
    assert events(store) == ["cohort_patient_added", "cohort_patient_changed"]


def test_a_file_that_repeats_a_grade_does_not_make_it_fresh(store: Store, enter):
    enter(icans_grade="2")
    assert not enter(LATER, typed=False, icans_grade="2").is_changed
    assert held(store).icans_grade.at == NOON
    assert events(store) == ["cohort_patient_added"]


def test_a_file_with_a_new_grade_or_a_new_time_does(store: Store, enter):
    enter(icans_grade="2")
    assert enter(LATER, typed=False, icans_grade="3").is_changed
    assert enter(LATER, typed=False, icans_grade="3", recorded_at="2026-05-05T08:00+02:00").is_changed


def test_a_person_who_states_a_grade_again_makes_it_fresh(store: Store, enter):
    enter(icans_grade="2")
    enter(LATER, icans_grade="2")
    assert held(store).icans_grade.at == LATER


def test_a_removed_patient_is_off_the_registry_and_can_come_back_blank(store: Store, enter):
    enter(icans_grade="2")
    with store.session() as session:
        remove(session, "P1", "", "tester", LATER)
    with store.reading() as session:
        assert list(flagged(session)) == []
    assert enter(LATER).is_new
    assert held(store).icans_grade is None


def test_nobody_can_be_removed_who_is_not_flagged(store: Store):
    with pytest.raises(NotFlaggedError), store.session() as session:
        remove(session, "P1", "", "tester", NOON)


GOOD = "patient_id,issuer,infusion_date,icans_grade\nP1,A,2026-04-28,2\nP2,,,\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_file_is_read_with_its_separator_and_byte_order_mark(separator: str, start: str):
    read = read_cohort_file(start + GOOD.replace(",", separator), source="f.csv", now=NOON)
    assert read.problems == ()
    first, second = read.entries
    assert (first.context.patient_id, first.context.issuer, first.context.icans_grade.value) == ("P1", "A", 2)
    assert second.fields == {"patient_id"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "no column `patient_id`"),
        ("name\nx\n", 1, "no column `patient_id`"),
        ("patient_id,patient_id\nx,y\n", 1, "twice"),
        ("patient_id\n\nx,y\nz\n", 3, "more cells"),
        ("patient_id,icans_grade\nP1,5\n", 2, "icans_grade"),
        ("patient_id,icans_grade\n,2\n", 2, "patient_id is empty"),
        ("patient_id,color\nP1,red\n", 2, "color"),
        ("patient_id,is_cart_recipient\nP1,false\n", 2, "cohort remove"),
        ("patient_id,infusion_date\nP1,2026-01-01\nP1,2026-01-02\n", 3, "earlier line"),
        ('patient_id\n"P1\n', 2, "unexpected end"),
    ],
)
def test_each_bad_row_has_its_line_and_reason(text: str, line: int, words: str):
    (problem,) = read_cohort_file(text, source="f.csv", now=NOON).problems
    assert words in problem.text
    assert problem.line == line


@given(text=st.text(max_size=200))
def test_any_text_is_read_or_told(text: str):
    read_cohort_file("patient_id,icans_grade\n" + text, source="f.csv", now=NOON)


@pytest.fixture
def command(settings: Settings):
    def command(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["cohort", *arguments, "--data", str(settings.data)])

    return command


def test_the_command_adds_lists_and_removes(command):
    assert (
        command("add", "P1", "--infusion-date", "2026-04-28", "--icans-grade", "2", "--ice", "7").exit_code
        == 0
    )
    (patient,) = json.loads(command("list", "--json").output)
    assert (patient["patient_id"], patient["ice_score"]["value"]) == ("P1", 7)
    assert "2026-04-28" in command("list").output
    assert command("remove", "P1").exit_code == 0
    assert "No patient is flagged" in command("list").output


VALUES = {
    "issuer": "HOSPITAL",
    "birth_date": "1960-02-03",
    "infusion_date": "2026-04-28",
    "product": "axi-cel",
    "motor_depth": "deep",
    "has_neuro_indication": "true",
    "order_priority": "STAT",
    "order_text": "day 8",
    "history": "migraine;hhv6_risk",
    "notes": "known lymphoma",
    "icans_grade": "3",
    "ice_score": "2",
    "capd_score": "9",
    "crs_grade": "1",
    "blood_pressure": "187/109",
    "seizure": "status",
    "motor": "hemiparesis",
    "raised_icp_signs": "false",
    "consciousness": "touch",
    "cord_signs": "true",
    "steroid_taper": "true",
    "platelets": "41",
    "anticoagulant": "false",
    "ventilation": "oxygen",
    "recorded_at": "2026-05-05T08:00:00+02:00",
}


def test_the_command_takes_every_field_that_a_file_has(command):
    assert set(VALUES) == set(FIELDS) - {"patient_id", "is_cart_recipient"}
    flags = {"ice_score": "ice", "capd_score": "capd", "recorded_at": "at"}
    options = [
        part
        for name, value in VALUES.items()
        for part in (f"--{flags.get(name, name.replace('_', '-'))}", value)
    ]
    assert command("add", "P1", *options).exit_code == 0
    (patient,) = json.loads(command("list", "--json").output)
    wanted = to_plain(context_from_mapping({"patient_id": "P1", **VALUES}, source=""))
    for name in set(VALUES) - {"recorded_at", *OBSERVED}:
        assert patient[name] == wanted[name], name
    for name in OBSERVED:
        assert (patient[name]["value"], patient[name]["at"]) == (wanted[name]["value"], wanted[name]["at"])


def test_a_bad_value_is_told_without_a_traceback(command):
    outcome = command("add", "P1", "--icans-grade", "7")
    assert outcome.exit_code == 1
    assert "icans_grade" in outcome.output
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit)


def test_an_import_takes_all_rows_or_none(command, tmp_path: Path):
    file = tmp_path / "cohort.csv"
    file.write_text(GOOD + "P3,,never,\n")
    outcome = command("import", str(file))
    assert outcome.exit_code == 1
    assert "line 4" in outcome.output
    assert json.loads(command("list", "--json").output) == []
    file.write_text(GOOD)
    assert "2 new" in command("import", str(file)).output
    assert "2 unchanged" in command("import", str(file)).output
    assert len(json.loads(command("list", "--json").output)) == 2


def test_a_dry_run_tells_and_changes_nothing(command, tmp_path: Path):
    file = tmp_path / "cohort.csv"
    file.write_text(GOOD)
    outcome = command("import", str(file), "--dry-run")
    assert outcome.exit_code == 0
    assert "2 new" in outcome.output
    assert json.loads(command("list", "--json").output) == []


def test_a_file_that_is_not_text_is_told(command, tmp_path: Path):
    file = tmp_path / "cohort.csv"
    file.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in command("import", str(file)).output
