"""Cases in processes of their own, with a stand-in for the one that analyses."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from rules.codec import from_plain
from tests.workers.evaluation.made_up import outcome, write_truth
from workers.evaluation import running
from workers.evaluation.one_case import SCRATCH, Job
from workers.evaluation.outcome import Ending, load, save
from workers.evaluation.running import Plan, left, run_all
from workers.evaluation.suites import Study
from workers.evaluation.truth import Truth

_CASE = """
import json, pathlib, sys, time
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
home = pathlib.Path(job["home"])
(home / "runs").write_text((home / "runs").read_text() + "." if (home / "runs").exists() else ".")
(home / "scratch-1").mkdir(exist_ok=True)
done = json.loads((home.parent.parent / "done.json").read_text())
name = job["study"]["name"]
if name != "early":
    (home / "outcome.json").write_text(json.dumps({**done, "name": name, "identity": "", "ending": "crash"}))
if name in {"crash", "early"}:
    sys.exit("KeyError: 'no such key'")
if name == "slow":
    time.sleep(60)
(home / "outcome.json").write_text(json.dumps({**done, "name": name, "identity": job["identity"]}))
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Run studies with the stand-in."""
    script = tmp_path / "case.py"
    script.write_text(_CASE)
    save(outcome("done", Truth(("R03",)), {}), tmp_path / "done.json")
    monkeypatch.setattr(running, "COMMAND", (sys.executable, "-S", str(script)))

    def run(*names: str, version: str = "1"):
        return run_all([Study(name) for name in names], Plan(tmp_path, 2, 2.0, versions=(version,)))

    return run


def _runs(tmp_path: Path, name: str) -> int:
    return len((tmp_path / "cases" / name / "runs").read_text())


def test_outcomes_come_in_the_order_of_the_studies(start):
    assert [one.name for one in start("c", "a", "b")] == ["c", "a", "b"]


def test_a_crash_and_a_timeout_keep_the_truth_and_the_others_go_on(start, tmp_path):
    crash, slow, early, fine = start("crash", "slow", "early", "fine")
    assert (crash.ending, crash.detail) == (Ending.CRASH, "KeyError: 'no such key'")
    assert crash.truth.present == ("R03",)
    assert (slow.ending, slow.detail) == (Ending.TIMEOUT, "not done within 2 s")
    assert slow.truth.present == ("R03",)
    assert (early.ending, early.truth) == (Ending.CRASH, None)
    assert fine.ending is Ending.DONE
    assert not list((tmp_path / "cases").glob(f"*/{SCRATCH}*"))


def test_what_is_done_is_not_done_again(start, tmp_path):
    start("a", "crash")
    start("a", "crash", "b")
    assert [_runs(tmp_path, name) for name in ("a", "crash", "b")] == [1, 1, 1]


def test_other_code_makes_every_case_anew(start, tmp_path):
    start("a")
    start("a", version="2")
    assert _runs(tmp_path, "a") == 2


def test_a_case_that_was_cut_off_is_done_again(start, tmp_path):
    start("a")
    path = tmp_path / "cases" / "a" / "outcome.json"
    cut = {**json.loads(path.read_text()), "identity": ""}
    path.write_text(json.dumps(cut))
    start("a")
    assert _runs(tmp_path, "a") == 2


def test_an_outcome_survives_its_file(tmp_path):
    one = outcome("a", Truth(("R03",), strata=(("case", "pres"),)), {})
    save(one, tmp_path / "outcome.json")
    assert load(tmp_path / "outcome.json") == one


def test_a_job_is_plain_data(start, tmp_path):
    start("a")
    job = from_plain(Job, json.loads((tmp_path / "cases" / "a" / "job.json").read_text()))
    assert job.study == Study("a")


def test_asked_to_end_it_ends_its_cases_too(start, tmp_path):
    asked = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGTERM))
    asked.start()
    with pytest.raises(SystemExit):
        start("slow")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert load(tmp_path / "cases" / "slow" / "outcome.json").identity == ""


def test_only_simulated_studies_are_kept(start, tmp_path):
    kept = tmp_path / "kept"
    run_all([Study("a"), Study("b", folder="/given")], Plan(tmp_path, 2, 2.0, kept=kept))
    jobs = [json.loads((tmp_path / "cases" / name / "job.json").read_text()) for name in ("a", "b")]
    assert [job["kept"] for job in jobs] == [str(kept / "a"), ""]


def test_what_another_version_left_is_reported_with_its_truth_read_anew(start, tmp_path):
    start("a", "b")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "a").mkdir()
    write_truth(kept / "a" / "study-truth", expected_rules=["R08"])
    plan = Plan(tmp_path, 2, 2.0, versions=("another",), kept=kept)
    found = left([Study("a"), Study("b"), Study("never run")], plan)
    assert [(one.name, one.truth.present) for one in found] == [("a", ("R08",)), ("b", ("R03",))]
    assert _runs(tmp_path, "a") == 1
