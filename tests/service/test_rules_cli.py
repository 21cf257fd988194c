"""`cartriage rules`: what a user of the commands sees, and the exit status that a script sees."""

import json
import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from click.testing import CliRunner

from rules.policy import load
from rules.rule_table import markdown, undated
from service.cli import main

POLICY = load()
CASES = """
- name: the thalami are seen
  context: {age: 40, day: 4, icans_grade: 1}
  findings: {flair_volume both thalamus: 2 to 3 mL}
  expect: {priority: P2, present: [R02]}
  then:
    - when: the grade rises
      context: {icans_grade: 4}
      expect: {priority: P1, change: raised}
- name: nothing is seen
  missing: [SWI]
  expect: {priority: P4, open: [R08]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with as_file(files("rules").joinpath("policies", "cart_neurotoxicity")) as packaged:
        yield Path(shutil.copytree(packaged, tmp_path / "policy"))


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "cases.yaml"
    path.write_text(CASES, encoding="utf-8")
    return path


def run(*arguments: object):
    return CliRunner(env={"COLUMNS": "100"}).invoke(main, ["rules", *map(str, arguments)])


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_installed_policy_can_be_used():
    outcome = run("check")
    assert outcome.exit_code == 0
    assert f"{POLICY.name} {POLICY.version} can be used: {len(POLICY.rules)} rules" in outcome.output
    assert POLICY.digest in outcome.output


def test_each_broken_file_is_named_with_its_line(folder: Path):
    edit(folder / "rules" / "R03_pres.yaml", "priority: P2", "priority: P9")
    edit(folder / "floors.yaml", "code: F1", "cod: F1")
    outcome = run("check", folder)
    assert outcome.exit_code == 1
    assert "rules/R03_pres.yaml:4: `P9` is none of P1, P2, P3, P4" in outcome.output
    assert "floors.yaml:3: unknown key `cod`" in outcome.output
    assert "2 files with an error" in outcome.output


def test_a_double_rule_is_found_too(folder: Path):
    shutil.copy(folder / "rules" / "R03_pres.yaml", folder / "rules" / "R03_again.yaml")
    outcome = run("check", folder)
    assert outcome.exit_code == 1
    assert "R03 stands in another file too" in outcome.output


@pytest.mark.parametrize("columns", [60, 100, 200])
def test_the_table_names_every_rule_floor_and_its_confidence(columns: int):
    outcome = CliRunner(env={"COLUMNS": str(columns)}).invoke(main, ["rules", "show"])
    assert outcome.exit_code == 0
    for rule in POLICY.rules:
        assert rule.code in outcome.output
    for floor in POLICY.floors:
        assert floor.code in outcome.output
    assert max(len(line) for line in outcome.output.splitlines()) <= columns
    assert POLICY.digest[:16] in outcome.output


def test_one_rule_is_shown_in_full():
    outcome = run("show", "r03")
    assert outcome.exit_code == 0
    rule = next(rule for rule in POLICY.rules if rule.code == "R03")
    said = " ".join(outcome.output.split())
    for text in (
        rule.because,
        rule.caveat,
        rule.follow_up,
        rule.tell,
        *(undated(label.text) for label in rule.labels),
    ):
        assert text in said


def test_a_rule_that_is_not_there_is_named_with_those_that_are():
    outcome = run("show", "R99")
    assert outcome.exit_code == 1
    assert "R99 is no rule of the policy: R01" in outcome.output


def test_the_page_is_printed_as_it_stands():
    assert run("show", "--markdown").output == markdown(POLICY)


def test_a_case_is_explained_with_its_steps(cases: Path):
    outcome = run("explain", cases, "the thal")
    assert outcome.exit_code == 0
    said = " ".join(outcome.output.split())
    assert "Then: the grade rises" in said
    assert "(cut ≥ 1 mL), 1.0 mL above" in said
    assert "Why P1: clinical floor F1." in said
    assert "absent: R01" in said
    assert "nothing is seen" not in said


def test_everything_is_explained_on_request(cases: Path):
    outcome = run("explain", cases, "nothing", "--all")
    assert "absent:" not in outcome.output
    assert "R08 haemorrhage: open, could be P1" in outcome.output
    assert "missing" in outcome.output


def test_an_explanation_for_programs_holds_the_decisions(cases: Path):
    decisions = json.loads(run("explain", cases, "--json").output)
    assert [one["priority"] for one in decisions] == ["P2", "P1", "P4"]


def test_no_case_of_that_name(cases: Path):
    outcome = run("explain", cases, "xyz")
    assert outcome.exit_code == 1
    assert "no case in cases.yaml has a name that begins with “xyz”" in outcome.output


def test_cases_that_hold_pass(cases: Path):
    outcome = run("test", cases)
    assert outcome.exit_code == 0
    assert "2 cases in 3 steps: 2 as expected, 0 not" in outcome.output
    assert "the thalami are seen" in outcome.output
    assert "the thalami are seen" not in run("test", cases, "--quiet").output


def test_a_case_that_does_not_hold_fails_and_says_where_and_how(cases: Path):
    edit(cases, "priority: P2, present: [R02]", "priority: P3, present: [R02], must_say: [a word]")
    outcome = run("test", cases)
    assert outcome.exit_code == 1
    assert "FAILED  P2   P1  the thalami are seen (cases.yaml:2)" in outcome.output
    said = " ".join(outcome.output.split())
    assert "priority P3 P2" in said
    assert "a word not said" in said
    assert "1 as expected, 1 not" in said


def test_programs_get_every_step_and_difference(cases: Path):
    edit(cases, "priority: P4, open: [R08]", "priority: P4, absent: [R08]")
    outcome = run("test", cases, "--json")
    assert outcome.exit_code == 1
    first, second = json.loads(outcome.output)
    assert first["holds"]
    assert [step["priority"] for step in first["steps"]] == ["P2", "P1"]
    assert first["steps"][0]["variants"] == 9
    assert second["steps"][0]["differences"] == [
        {"what": "R08", "expected": "absent", "decided": "open", "within": ""}
    ]


@pytest.mark.parametrize("command", ["test", "explain"])
def test_a_case_file_with_an_error_is_refused_with_its_line(command: str, cases: Path):
    edit(cases, "2 to 3 mL", "2 to 3 mm")
    outcome = run(command, cases)
    assert outcome.exit_code == 1
    assert "cases.yaml:4: unit `mm` is wrong here" in outcome.output


def test_a_case_file_of_another_kind_is_refused(cases: Path):
    cases.write_bytes(b"\xff\xfe\x00")
    assert "cases.yaml is not UTF-8" in run("test", cases).output


def test_another_policy_is_taken_from_its_folder(cases: Path, folder: Path):
    edit(folder / "rules" / "R02_deep_grey.yaml", "value: 1, unit: mL", "value: 5, unit: mL")
    outcome = run("test", cases, "--policy", folder)
    assert outcome.exit_code == 1
    assert "R02" in outcome.output


def test_two_policies_are_compared(folder: Path):
    assert "No difference" in run("diff", folder).output
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    edit(other / "rules" / "R02_deep_grey.yaml", "value: 1, unit: mL", "value: 2, unit: mL")
    outcome = run("diff", folder, other)
    assert outcome.exit_code == 0
    said = " ".join(outcome.output.split())
    assert "R02 bilateral thalamic signal" in said
    assert "1 mL 2 mL" in said
    assert "holds less often" in said
    assert "1 difference" in said
    (change,) = json.loads(run("diff", folder, other, "--json").output)
    assert (change["before"], change["after"]) == ("1 mL", "2 mL")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site"
    path.mkdir()
    (path / "site.yaml").write_text(
        "site: here\npolicy: cart_neurotoxicity\nfloors:\n  - floor: F1\n    disabled: true\n"
        "    accept_risk: {name: Dr A, reason: none is seen here}\n",
        encoding="utf-8",
    )
    return path


def test_an_overlay_is_checked_and_all_that_it_changes_is_told(site: Path):
    outcome = run("check", "--site", site)
    assert outcome.exit_code == 0
    said = " ".join(outcome.output.split())
    assert "floor removed" in said
    assert (
        "risk: floor F1 (ASTCT feature of grade 4) is switched off; accepted by Dr A: none is seen here"
        in said
    )
    assert f"{POLICY.version}+here can be used" in said
    edit(site / "site.yaml", "    accept_risk: {name: Dr A, reason: none is seen here}\n", "")
    refused = run("check", "--site", site)
    assert refused.exit_code == 1
    assert "site.yaml:4: floor F1" in refused.output


def test_cases_are_tried_with_the_overlay_of_the_environment(site: Path, cases: Path):
    runner = CliRunner(env={"COLUMNS": "100", "CARTRIAGE_SITE_POLICY": str(site)})
    outcome = runner.invoke(main, ["rules", "test", str(cases)])
    assert outcome.exit_code == 1
    assert "FAILED  P2   P2  the thalami are seen" in outcome.output
    shown = runner.invoke(main, ["rules", "show"])
    assert f"{POLICY.version}+here" in shown.output
