"""`cartriage evaluate` as a person uses it, with a stand-in for the process that analyses."""

import json
import sys

import pytest
from click.testing import CliRunner

from rules.decision import Status
from rules.urgency import Priority
from tests.workers.evaluation.made_up import outcome
from workers.evaluation import running
from workers.evaluation.cli import evaluate
from workers.evaluation.outcome import save
from workers.evaluation.truth import Truth

_CASE = """
import json, pathlib, sys
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
done = json.loads(pathlib.Path(sys.argv[0]).with_name("done.json").read_text())
(pathlib.Path(job["home"]) / "outcome.json").write_text(
    json.dumps({**done, "name": job["study"]["name"], "identity": job["identity"]}))
"""


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    (tmp_path / "case.py").write_text(_CASE)
    given = {"R03": (Status.PRESENT, 1.0)}
    save(
        outcome("done", Truth(("R03",)), given, imaging_priority=Priority.P2),
        tmp_path / "done.json",
    )
    monkeypatch.setattr(running, "COMMAND", (sys.executable, "-S", str(tmp_path / "case.py")))
    return lambda *options: CliRunner().invoke(evaluate, [*options, "--out", str(tmp_path / "out")])


def test_a_folder_suite_ends_in_a_report(invoke, tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "m.yaml").write_text("- {folder: study, present: [R03]}\n- {folder: study, name: again}\n")
    result = invoke("--suite", "folder", str(tmp_path / "m.yaml"))
    assert result.exit_code == 0, result.output
    assert "(0 left)" in result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["suite"], report["studies"]) == ("folder", 2)
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")


def test_the_synthetic_suite_is_limited_to_its_first_studies(invoke, tmp_path):
    result = invoke("--suite", "synthetic", "--half", "reporting", "--limit", "3")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out" / "cases").iterdir())) == 3
    assert json.loads((tmp_path / "out" / "report.json").read_text())["suite"] == "synthetic, reporting half"


def test_a_report_of_what_lies_there_measures_nothing(invoke, tmp_path):
    asked = ("--suite", "synthetic", "--half", "reporting", "--limit", "2")
    assert invoke(*asked).exit_code == 0
    (tmp_path / "case.py").write_text("raise SystemExit(1)")
    result = invoke("--suite", "synthetic", "--half", "reporting", "--limit", "3", "--report-only")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["suite"] == "synthetic, reporting half; measured before, 2 of 3 studies"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--suite", "folder"), "needs a MANIFEST"),
        (("--suite", "synthetic", "--insert"), "belong to --suite folder"),
        (("--suite", "synthetic", "--seed-offset", "9000"), "reporting half"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(invoke, options, words):
    result = invoke(*options)
    assert result.exit_code == 2
    assert words in result.output
