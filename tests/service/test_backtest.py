"""Stored studies decided again by another policy: what moves and why, what cannot be decided again, and that nothing is written."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from click.testing import CliRunner

from rules.anatomy import Role
from rules.backtest import Movement, compare
from rules.case_file import read_cases
from rules.codec import to_plain
from rules.decide import decide
from rules.facts import Case
from rules.messages import Basis, Completeness, InstanceFile, SeriesUse, StudyReady, StudyTriaged
from rules.policy import Policy, load
from service.backtest import NotRedecided, backtest
from service.cli import main
from service.settings import Settings
from service.store.session import Store
from service.store.tables import Instance, Job, Study

POLICY = load()
THALAMI = "context: {day: 5, age: 40}\n  findings: {flair_volume both thalamus: 1.5 mL}"
CLEAN = "context: {day: 5, age: 40, icans_grade: 1}"


def case_of(text: str) -> Case:
    (story,) = read_cases(f"- name: a\n  {text}\n  expect: {{priority: P4}}", "case.yaml", POLICY)
    return replace(story.steps[0].variants[0].case, earlier=None)


class Stored:
    """Results in the rows of a store, as courier and gate leave them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def keep(self, uid: str, *cases: Case, policy: Policy = POLICY) -> None:
        earlier = None
        for number, case in enumerate(cases, start=1):
            decision = decide(policy, replace(case, earlier_priority=earlier))
            earlier = decision.priority
            self.job(uid, number, case, decision)

    def job(self, uid: str, number: int, case: Case, decision) -> None:
        job_id = f"{uid}.{number}".ljust(64, "0")
        uses = tuple(SeriesUse(f"{uid}.{i}", role, True, "x", 1) for i, role in enumerate(case.roles))
        ready = StudyReady(
            job_id=job_id,
            study_instance_uid=uid,
            snapshot=number,
            instances=(InstanceFile(f"{uid}.1.1", f"{uid}.1", "1.2", "x", "0"),),
            completeness=Completeness(Basis.QUIET_TIME, 1),
            context=replace(case.context, birth_date=None),
            policy_digest=decision.policy.digest,
            requested_at=case.now,
        )
        triaged = StudyTriaged(job_id, uid, number, decision, case.findings, uses, (), (), {"cartriage": "0"})
        with self.store.session() as session:
            self._study(session, uid, case)
            session.add(
                Job(
                    job_id=job_id,
                    study_instance_uid=uid,
                    snapshot=number,
                    state="done",
                    ready=to_plain(ready),
                    triaged=to_plain(triaged),
                    priority=decision.priority.value,
                    created_at=case.now,
                )
            )

    def other(self, uid: str, **columns: object) -> None:
        case = case_of(CLEAN)
        with self.store.session() as session:
            self._study(session, uid, case)
            if columns:
                row = {
                    "job_id": uid.ljust(64, "0"),
                    "study_instance_uid": uid,
                    "snapshot": 1,
                    "created_at": case.now,
                }
                session.add(Job(**{**row, **columns}))

    def _study(self, session, uid: str, case: Case) -> None:
        if session.get(Study, uid):
            return
        moment = case.now - timedelta(hours=1)
        session.add(
            Study(
                study_instance_uid=uid,
                patient_id="PHI^SENTINEL",
                birth_date=case.context.birth_date,
                study_date=case.study_date,
                received_at=moment,
                last_received_at=moment,
            )
        )
        session.flush()
        session.add(
            Instance(
                study_instance_uid=uid,
                series_instance_uid=f"{uid}.1",
                sop_instance_uid=f"{uid}.1.1",
                sop_class_uid="1.2",
                transfer_syntax_uid="1.2",
                modality="MR",
                path="x",
                sha256="0",
                size_bytes=1,
                calling_ae_title="X",
                received_at=moment,
            )
        )


@pytest.fixture
def stored(store: Store) -> Stored:
    return Stored(store)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with as_file(files("rules").joinpath("policies", "cart_neurotoxicity")) as packaged:
        yield Path(shutil.copytree(packaged, tmp_path / "policy"))


def edited(folder: Path, name: str, old: str, new: str) -> Policy:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return load(folder)


def again(store: Store, policy: Policy):
    with store.reading() as session:
        return list(backtest(session, policy))


def test_the_same_policy_changes_nothing(stored: Stored, store: Store):
    stored.keep("1.1", case_of(THALAMI))
    stored.keep("1.2", case_of(CLEAN), case_of(THALAMI))
    movements = [one.comparison.movement for one in again(store, POLICY)]
    assert movements == [Movement.UNCHANGED, Movement.UNCHANGED]


def test_a_higher_cut_lowers_with_its_reason(stored: Stored, store: Store, folder: Path):
    stored.keep("1.1", case_of(THALAMI))
    policy = edited(folder, "rules/R02_deep_grey.yaml", "value: 1, unit: mL", "value: 2, unit: mL")
    (one,) = again(store, policy)
    assert one.comparison.movement is Movement.LOWERED
    assert (one.comparison.before.priority, one.comparison.after.priority) == ("P2", "P4")
    (thalami, _) = one.comparison.reasons
    assert thalami.startswith("R02 bilateral thalamic signal (deep grey type): present, P2 → absent: ")
    assert "left thalamus: 1.5 mL (cut ≥ 2 mL), 0.5 mL below – no" in thalami  # noqa: RUF001


def test_a_higher_priority_raises(stored: Stored, store: Store, folder: Path):
    stored.keep("1.1", case_of(THALAMI))
    policy = edited(folder, "rules/R02_deep_grey.yaml", "priority: P2", "priority: P1")
    (one,) = again(store, policy)
    assert one.comparison.movement is Movement.RAISED
    assert one.comparison.reasons == (
        "R02 bilateral thalamic signal (deep grey type): present, P2 → present, P1",
    )


def test_a_floor_that_is_gone_is_told(stored: Stored, store: Store, folder: Path):
    stored.keep("1.1", case_of(CLEAN))
    policy = edited(folder, "floors.yaml", "value: 1, unit", "value: 2, unit")
    (one,) = again(store, policy)
    assert one.comparison.movement is Movement.LOWERED
    (reason,) = one.comparison.reasons
    assert reason.startswith("floor F3 (P3, ICANS grade 1, recorded 3 h before")
    assert reason.endswith(") holds no longer")


def test_rules_that_come_and_go_are_told():
    decision = decide(POLICY, case_of(THALAMI))
    fewer = replace(decision, patterns=decision.patterns[2:])
    assert compare(decision, fewer).reasons == (
        "R02 bilateral thalamic signal (deep grey type): present, P2 → no such rule",
    )
    added = compare(fewer, decision)
    assert added.movement is Movement.OTHER
    assert added.reasons[0].startswith(
        "R02 bilateral thalamic signal (deep grey type): no such rule → present, P2: "
    )


def test_a_rule_that_comes_or_goes_without_a_word_is_no_change():
    decision = decide(POLICY, case_of(CLEAN))
    fewer = replace(decision, patterns=decision.patterns[1:])
    assert decision.patterns[0].status == "absent"
    assert compare(decision, fewer).movement is Movement.UNCHANGED
    assert compare(fewer, decision).reasons == ()


def test_what_an_earlier_result_asked_for_under_the_other_policy_stands(
    stored: Stored, store: Store, folder: Path
):
    stored.keep("1.1", case_of(THALAMI), case_of(CLEAN))
    policy = edited(folder, "rules/R02_deep_grey.yaml", "priority: P2", "priority: P1")
    (one,) = again(store, policy)
    assert (one.comparison.before.priority, one.comparison.after.priority) == ("P2", "P1")
    assert one.snapshot == 2


def test_what_was_not_measured_then_is_named(stored: Stored, store: Store):
    case = case_of(CLEAN)
    stored.keep(
        "1.1", replace(case, findings=tuple(f for f in case.findings if f.quantity != "midline_shift"))
    )
    (one,) = again(store, POLICY)
    assert one.not_measured == ("midline shift",)


def test_what_cannot_be_decided_again_says_why(stored: Stored, store: Store):
    stored.other("1.1")
    stored.other("1.2", state="declined", decline_code="not_flagged")
    stored.other("1.3", state="failed")
    stored.other("1.4", state="owed")
    stored.other("1.5", state="done", ready={}, triaged={"decision": 1})
    found = {one.study_instance_uid: one.why for one in again(store, POLICY)}
    assert found.pop("1.5").startswith("stored by another version: ")
    assert found == {
        "1.1": "not settled yet",
        "1.2": "not analysed (not flagged)",
        "1.3": "the analysis gave no result",
        "1.4": "waits for its result",
    }


def test_a_result_that_its_rows_do_not_explain_is_not_compared(stored: Stored, store: Store):
    case = case_of(CLEAN)
    stored.job("1.1", 1, replace(case, roles=(Role.FLAIR,)), decide(POLICY, case_of(THALAMI)))
    assert again(store, POLICY) == [NotRedecided("1.1", "its rows do not hold all that it was decided on")]


def run(settings: Settings, *arguments: object):
    runner = CliRunner(env={"COLUMNS": "100", "CARTRIAGE_DATA": str(settings.data)})
    return runner.invoke(main, ["rules", "backtest", *map(str, arguments)])


def dump(settings: Settings) -> list[str]:
    with sqlite3.connect(settings.database_file) as connection:
        return list(connection.iterdump())


def test_the_command_tells_what_moved_and_writes_nothing(stored: Stored, settings: Settings, folder: Path):
    stored.keep("1.1", case_of(THALAMI))
    stored.keep("1.2", case_of(CLEAN))
    stored.other("1.3", state="failed")
    edited(folder, "rules/R02_deep_grey.yaml", "value: 1, unit: mL", "value: 2, unit: mL")
    before = dump(settings)
    outcome = run(settings, "--policy", folder)
    assert outcome.exit_code == 0, outcome.output
    said = " ".join(outcome.output.split())
    assert "P2 → P4 lowered 1.1 snapshot 1" in said
    assert "was: P2 urgent: suspected bilateral thalamic signal" in said
    assert "now: P4 routine" in said
    assert "1 lowered" in said
    assert "1 unchanged" in said
    assert "1 not decided again: the analysis gave no result" in said
    assert "SENTINEL" not in outcome.output
    assert dump(settings) == before


def test_programs_get_both_decisions(stored: Stored, settings: Settings):
    stored.keep("1.1", case_of(THALAMI))
    (one,) = json.loads(run(settings, "--json").output)
    assert one["comparison"]["movement"] == "unchanged"
    assert one["comparison"]["before"]["priority"] == one["comparison"]["after"]["priority"] == "P2"


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path):
    outcome = run(Settings(data=tmp_path / "none"))
    assert outcome.exit_code == 1
    assert "there is no database at" in outcome.output
    assert not (tmp_path / "none").exists()
