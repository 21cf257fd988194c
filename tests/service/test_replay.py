"""Stored decisions made again: identical, tampered with, by another policy, by one that is gone, and with nothing to replay."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from click.testing import CliRunner

from rules.case_file import read_cases
from rules.codec import to_plain
from rules.decide import decide
from rules.facts import LastResult
from rules.findings import Measured
from rules.identity import digest_of, input_digest, job_id
from rules.messages import (
    Basis,
    Completeness,
    EarlierResult,
    InstanceFile,
    SeriesUse,
    StudyReady,
    StudyTriaged,
)
from rules.policy import Policy, load
from service.audit import record, trail
from service.backtest import NotRedecided, backtest
from service.cli import main
from service.policies import keep_policy
from service.settings import Settings
from service.store.session import Store
from service.store.tables import Instance, Job, Study

POLICY = load()
THALAMI = "context: {day: 5, age: 40}\n  findings: {flair_volume both thalamus: 1.5 mL}"
UID = "1.2.840.7"


def case_of(text: str = THALAMI):
    (story,) = read_cases(f"- name: a\n  {text}\n  expect: {{priority: P4}}", "case.yaml", POLICY)
    return replace(story.steps[0].variants[0].case, earlier=None)


def job_of(case, policy: Policy) -> Job:
    """The row of a result, named after its inputs as the gate does it."""
    objects = (InstanceFile(f"{UID}.1.1", f"{UID}.1", "1.2", "x", "0"),)
    context = replace(case.context, birth_date=None)
    name = job_id(UID, input_digest(objects), digest_of(context), policy.digest)
    last = case.last_result
    ready = StudyReady(
        job_id=name,
        study_instance_uid=UID,
        snapshot=1,
        instances=objects,
        completeness=Completeness(Basis.QUIET_TIME, 1),
        context=context,
        policy_digest=policy.digest,
        requested_at=case.now,
        last_result=EarlierResult("1.2.3", last.study_date, last.findings) if last else None,
    )
    uses = tuple(SeriesUse(f"{UID}.{i}", role, True, "x", 1) for i, role in enumerate(case.roles))
    decision = decide(policy, case)
    triaged = StudyTriaged(name, UID, 1, decision, case.findings, uses, (), (), {"cartriage": "0.0.9"})
    return Job(
        job_id=name,
        study_instance_uid=UID,
        snapshot=1,
        state="done",
        ready=to_plain(ready),
        triaged=to_plain(triaged),
        priority=decision.priority.value,
        created_at=case.now,
        done_at=case.now,
    )


@pytest.fixture
def stored(store: Store) -> Callable[..., None]:
    """A study with its result and the trail that tells of it, as gate and courier leave them."""

    def keep(policy: Policy = POLICY, text: str = THALAMI, **changes: object) -> None:
        case = replace(case_of(text), **changes)
        moment = case.now - timedelta(hours=1)
        study = Study(
            study_instance_uid=UID,
            patient_id="PHI^SENTINEL",
            birth_date=case.context.birth_date,
            study_date=case.study_date,
            received_at=moment,
            last_received_at=moment,
        )
        held = Instance(
            study_instance_uid=UID,
            series_instance_uid=f"{UID}.1",
            sop_instance_uid=f"{UID}.1.1",
            sop_class_uid="1.2",
            transfer_syntax_uid="1.2",
            modality="MR",
            path="x",
            sha256="0",
            size_bytes=1,
            calling_ae_title="X",
            received_at=moment,
        )
        job = job_of(case, policy)
        with store.session() as session:
            session.add(study)
            session.flush()
            session.add_all([held, job])
            detail = {
                "job_id": job.job_id,
                "result_digest": digest_of(job.triaged),
                "policy": policy.identity,
            }
            record(session, "study_triaged", UID, "courier", case.now, **detail)

    return keep


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A policy that asks for less in the deep grey matter."""
    with as_file(files("rules").joinpath("policies", "cart_neurotoxicity")) as packaged:
        folder = Path(shutil.copytree(packaged, tmp_path / "policy"))
    path = folder / "rules" / "R02_deep_grey.yaml"
    text = path.read_text(encoding="utf-8")
    assert "priority: P2" in text
    path.write_text(text.replace("priority: P2", "priority: P1", 1), encoding="utf-8")
    return folder


def run(settings: Settings, *arguments: object):
    runner = CliRunner(env={"COLUMNS": "160", "CARTRIAGE_DATA": str(settings.data)})
    outcome = runner.invoke(main, ["replay", *map(str, arguments)])
    assert "SENTINEL" not in outcome.output
    return outcome


def told(outcome):
    (one,) = json.loads(outcome.output)
    return one


def events(store: Store):
    with store.reading() as session:
        return [one for one in trail(session, UID) if one.event == "decision_replayed"]


def change(store: Store, column: str, edit: Callable[[dict], None]) -> None:
    """Somebody edits a stored JSON column."""
    with store.session() as session:
        job = session.query(Job).one()
        data = json.loads(json.dumps(getattr(job, column)))
        edit(data)
        setattr(job, column, data)


def test_what_was_decided_is_decided_again(stored, store: Store, settings: Settings):
    stored()
    outcome = run(settings, UID)
    assert outcome.exit_code == 0, outcome.output
    assert f"identical  {UID} snapshot 1, decided P2" in outcome.output
    assert "made by cartriage 0.0.9" in outcome.output
    (event,) = events(store)
    assert (event.detail["outcome"], event.policy_digest) == ("identical", POLICY.digest)


def test_a_comparison_with_the_last_result_is_part_of_the_inputs(stored, store: Store, settings: Settings):
    """A stored result beside an earlier one is replayed, and taken by a backtest, with what it was compared with."""
    case = case_of()
    made = case.study_date - timedelta(days=9)
    stored(last_result=LastResult(made, case.findings))
    assert run(settings, UID).exit_code == 0
    with store.reading() as session:
        (one,) = backtest(session, POLICY)
    assert not isinstance(one, NotRedecided), one


def test_a_finding_that_was_edited_shows_in_digest_and_rule(stored, store: Store, settings: Settings):
    stored()

    def halve(triaged: dict) -> None:
        for finding in triaged["findings"]:
            if finding["type"] == Measured.__name__ and finding["value"] == 1.5:
                finding["value"] = 0.1

    change(store, "triaged", halve)
    outcome = run(settings, UID, "--json")
    assert outcome.exit_code == 1
    one = told(outcome)
    assert one["faults"] == ["the stored result is not the one whose digest stands in the trail"]
    found = {(row["where"], row["field"]): (row["stored"], row["replayed"]) for row in one["differences"]}
    assert found["R02 bilateral thalamic signal (deep grey type)", "status"] == ("present", "absent")
    assert found["decision", "priority"] == ("P2", "P4")
    assert events(store)[0].detail["outcome"] == "differs"


def test_an_edited_decision_differs_in_that_field_only(stored, store: Store, settings: Settings):
    stored()
    change(store, "triaged", lambda triaged: triaged["decision"].update(headline="P4 routine"))
    one = told(run(settings, UID, "--json"))
    assert [(row["where"], row["field"], row["stored"]) for row in one["differences"]] == [
        ("decision", "headline", "P4 routine")
    ]


def test_an_edited_context_is_not_what_the_job_is_named_after(stored, store: Store, settings: Settings):
    stored()
    change(store, "ready", lambda ready: ready["context"].update(product="other"))
    outcome = run(settings, UID, "--json")
    assert outcome.exit_code == 1
    assert told(outcome)["faults"] == [
        "the stored inputs (objects, context, policy) are not those that the job is named after"
    ]


def test_another_installed_policy_is_told_beside_the_kept_one(stored, settings: Settings, other: Path):
    stored()
    keep_policy(POLICY, settings.policies)
    outcome = run(settings, UID, "--policy", other)
    assert outcome.exit_code == 0, outcome.output
    said = " ".join(outcome.output.split())
    assert "Another policy is installed now" in said
    assert "would decide otherwise" in said
    one = told(run(settings, UID, "--policy", other, "--json"))
    assert one["policy"]["digest"] == POLICY.digest != one["installed"]["digest"]
    found = {(row["where"], row["field"]): row["replayed"] for row in one["by_installed"]}
    assert found["decision", "priority"] == "P1"


def test_a_policy_that_is_gone_cannot_be_replayed_and_says_what_would_differ(
    stored, store: Store, settings: Settings, other: Path
):
    stored(load(other))
    outcome = run(settings, UID, "--json")
    assert outcome.exit_code == 2
    one = told(outcome)
    assert one["why_not"].endswith("is neither installed nor kept")
    found = {(row["where"], row["field"]): (row["stored"], row["replayed"]) for row in one["by_installed"]}
    assert found["decision", "priority"] == ("P1", "P2")
    assert events(store)[0].detail["outcome"] == "cannot be replayed"


def test_a_kept_policy_that_was_edited_is_not_used(stored, settings: Settings, other: Path):
    old = load(other)
    stored(old)
    keep_policy(old, settings.policies)
    assert run(settings, UID).exit_code == 0
    path = settings.policies / f"{old.digest}.json"
    path.write_text(path.read_text().replace('"P1"', '"P2"'), encoding="utf-8")
    outcome = run(settings, UID, "--json")
    assert outcome.exit_code == 2
    assert "is not the policy of its digest" in told(outcome)["why_not"]


def test_a_result_of_another_version_cannot_be_replayed(stored, store: Store, settings: Settings):
    stored()
    change(store, "triaged", lambda triaged: triaged.update(unheard_of=1))
    outcome = run(settings, UID, "--json")
    assert outcome.exit_code == 2
    assert told(outcome)["why_not"].startswith("stored by another version: ")


def test_nothing_to_replay_ends_with_two(stored, store: Store, settings: Settings):
    assert run(settings, "1.9").exit_code == 2
    stored()
    assert run(settings, UID, "--snapshot", 2).exit_code == 2
    with store.session() as session:
        session.query(Job).one().state = "failed"
    outcome = run(settings, UID)
    assert (outcome.exit_code, events(store)) == (2, [])
    assert "no result" in outcome.output
