"""A site's overlay in the service: what a study is decided by, what the trail tells at the start, and that workers load the same."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from rules.codec import from_plain
from rules.messages import StudyReady
from rules.policy import PolicyError, load
from rules.site import load_policy
from service import cohort
from service.assembly import run_assembly, settle
from service.cohort_file import entry_of
from service.environment import environment_of
from service.gate import policy_in_force
from service.intake import open_intake
from service.settings import Settings
from service.store.session import Store
from service.store.tables import AuditEvent, Job
from service.supervisor import StartError, Supervisor
from tests.service.conftest import NOON, mr_slice, received
from workers.cli import triage
from workers.settings import WorkerSettings
from workers.tasks import _policy

OVERLAY = """site: here
policy: cart_neurotoxicity
targets: {P2: {value: 45, unit: min, source: reading room rules, date: 2026-11-27}}
floors:
  - floor: F1
    disabled: true
    accept_risk: {name: Dr A, reason: none is seen here}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site.yaml").write_text(OVERLAY, encoding="utf-8")
    return folder


@pytest.fixture
def with_site(settings: Settings, site: Path) -> Settings:
    return settings.model_copy(update={"site_policy": site})


def events(store: Store, name: str) -> list[AuditEvent]:
    with store.reading() as session:
        return list(session.scalars(select(AuditEvent).where(AuditEvent.event == name)))


def assemble(settings: Settings) -> None:
    stop = threading.Event()
    stop.set()
    run_assembly(settings, stop)


def test_a_study_is_handed_over_under_the_overlay(store: Store, with_site: Settings, site: Path):
    with store.session() as session:
        entry = entry_of({"patient_id": "P1"}, source="test", now=NOON, is_observation=True)
        cohort.add(session, entry, with_site, "tester", NOON)
    with open_intake(store, with_site) as intake:
        intake.take(received(mr_slice()), NOON)
    with store.session() as session:
        settle(session, with_site, NOON + timedelta(seconds=31))
    with store.reading() as session:
        (job,) = session.scalars(select(Job))
    ready = from_plain(StudyReady, job.ready)
    assert ready.policy_digest == load_policy(site=site).digest != load().digest
    (admitted,) = events(store, "study_admitted")
    assert admitted.detail["policy"]["version"].endswith("+here")
    assert admitted.detail["policy"]["digest"] == ready.policy_digest


def test_the_trail_tells_at_each_start_what_the_site_changes_and_who_answers_for_it(
    store: Store, with_site: Settings
):
    assemble(with_site)
    assemble(with_site)
    first, _ = events(store, "site_policy_in_force")
    assert first.study_instance_uid is None
    assert first.detail["site"] == "here"
    assert first.detail["policy"]["digest"] == policy_in_force(with_site.site_policy).digest
    (risk,) = first.detail["accepted_risks"]
    assert (risk["name"], risk["reason"]) == ("Dr A", "none is seen here")
    assert risk["what"] == "floor F1 (ASTCT feature of grade 4) is switched off"
    assert {change["what"] for change in first.detail["changes"]} >= {"target of P2", "floor removed"}


def test_without_an_overlay_there_is_nothing_to_tell(store: Store, settings: Settings):
    assemble(settings)
    assert events(store, "site_policy_in_force") == []


def test_an_overlay_that_is_refused_stops_the_service_at_its_start(with_site: Settings, site: Path):
    (site / "site.yaml").write_text(
        OVERLAY.replace("    accept_risk: {name: Dr A, reason: none is seen here}\n", "")
    )
    with pytest.raises(PolicyError, match=r"site.yaml:5: floor F1"):
        assemble(with_site)
    supervisor = Supervisor(with_site, lambda _: None)
    with pytest.raises(StartError, match=r"policy: site.yaml:5: floor F1"):
        supervisor.start()


def test_every_process_gets_the_same_overlay(with_site: Settings, settings: Settings, monkeypatch):
    for name, value in environment_of(with_site).items():
        monkeypatch.setenv(name, value)
    assert Settings().site_policy == with_site.site_policy
    worker = WorkerSettings()
    assert _policy(worker.site_policy).digest == policy_in_force(with_site.site_policy).digest
    monkeypatch.setenv("CARTRIAGE_SITE_POLICY", environment_of(settings)["CARTRIAGE_SITE_POLICY"])
    assert Settings().site_policy is None
    assert WorkerSettings().site_policy is None
    assert _policy(None).digest == policy_in_force(None).digest == load().digest


def test_the_offline_door_takes_the_same_overlay_and_refuses_a_broken_one(tmp_path: Path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "site.yaml").write_text("site: here\n", encoding="utf-8")
    runner = CliRunner(env={"CARTRIAGE_SITE_POLICY": str(tmp_path / "broken")})
    outcome = runner.invoke(triage, [str(tmp_path), "--out", str(tmp_path / "out")])
    assert outcome.exit_code == 1
    assert "site.yaml:1: key `policy` is missing" in outcome.output
