import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest
import yaml

from rules.conditions import AtLeast, AtMost, ContextAtLeast, ContextAtMost, Cut, leaves
from rules.findings import UNITS
from rules.policy import PolicyError, load, problems
from rules.urgency import Priority


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with as_file(files("rules").joinpath("policies", "cart_neurotoxicity")) as packaged:
        yield Path(shutil.copytree(packaged, tmp_path / "policy"))


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replaces text in a policy file; the line where it stood, from 1."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_the_packaged_policy_loads_and_names_itself():
    policy = load()
    assert policy.identity.name == "cart_neurotoxicity"
    assert len(policy.identity.digest) == 64
    assert {rule.code for rule in policy.rules} >= {"R03", "R14", "R19", "R20"}
    assert policy.target_minutes == {Priority.P1: 15, Priority.P2: 60, Priority.P3: 480}
    assert policy.targets[Priority.P4].value == 1440


def test_a_copy_in_another_folder_has_the_same_digest(folder: Path):
    assert load(folder) == load()


def test_comments_and_layout_do_not_change_the_digest(folder: Path):
    edit(folder, "floors.yaml", "# Clinical floors", "\n\n# Other words\n# Clinical floors")
    assert load(folder).digest == load().digest


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("rules/R03_pres.yaml", "value: 2.5, unit: mL", "value: 3, unit: mL"),
        ("rules/R03_pres.yaml", "name: PRES-type distribution", "name: PRES-like distribution"),
        ("wording.yaml", "MRI is often normal in ICANS", "MRI may show nothing in ICANS"),
        ("policy.yaml", "blood_pressure: 24", "blood_pressure: 12"),
        ("policy.yaml", "STAT: P2", "STAT: P1"),
    ],
)
def test_a_changed_number_or_word_changes_the_digest(folder: Path, name: str, old: str, new: str):
    edit(folder, name, old, new)
    assert load(folder).digest != load().digest


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("rules/R03_pres.yaml", "value: 2.5, unit: mL", "value: 2.5, unit: mm", "measured in `mL`"),
        ("rules/R03_pres.yaml", "region: parieto_occipital", "region: parieto", "`parieto` is none of"),
        ("rules/R12_cord.yaml", "region: upper_cervical_cord", "region: pons", "no check measures cord_ratio of midline pons"),
        ("rules/R05_splenium.yaml", "side: midline", "side: left", "measured of: "),
        ("rules/R03_pres.yaml", "  all_of:\n", "  every_of:\n", "unknown condition `every_of`"),
        ("rules/R03_pres.yaml", "priority: P2", "priority: P5", "`P5` is none of P1, P2, P3, P4"),
        ("rules/R03_pres.yaml", "caveat:", "caveats:", "unknown key `caveats`"),
        ("rules/R03_pres.yaml", "value: 2.5, unit", "value: two, unit", "expected a finite number"),
        ("rules/R03_pres.yaml", "value: 2.5, unit", "value: .nan, unit", "finite"),
        ("rules/R03_pres.yaml", 'source: "[P] proposed", ', "", "key `source` is missing"),
        ("rules/R03_pres.yaml", "date: 2026-11-20", "date: last week", "expected a date"),
        ("rules/R03_pres.yaml", "date: 2026-11-20", "date: 2026-13-20", "expected a date"),
        ("rules/R03_pres.yaml", "kind: imaging", "kind: imaging\nkind: imaging", "stands here twice"),
        ("rules/R03_pres.yaml", "field: systolic_pressure", "field: seizure", "is not a number"),
        ("rules/R03_pres.yaml", "field: seizure, values: [seizure", "field: age, values: [seizure", "is a number"),
        ("rules/R03_pres.yaml", "values: [seizure, status", "values: [fit, status", "`fit` is none of"),
        ("rules/R03_pres.yaml", 'unit: "mm[Hg]"', "unit: kPa", "measured in `mm[Hg]`"),
        ("rules/R03_pres.yaml", "value: 2.5, unit", "value: 1:30, unit", "finite"),
        ("rules/R03_pres.yaml", "magnitude: true", "magnitude: yes", "expected true or false"),
        ("rules/R03_pres.yaml", "magnitude: true", "magnitude: often", "expected true or false"),
        ("rules/R03_pres.yaml", "code: R03", "code: [R03", "not YAML"),
        ("rules/R03_pres.yaml", "name: PRES-type distribution", "name:", "expected text"),
        ("rules/R03_pres.yaml", "name: PRES-type distribution", "name: ''", "expected text"),
        ("rules/R14_negative.yaml", "no_other_pattern: {}", "no_other_pattern: {a: 1}", "unknown key `a`"),
        ("rules/R14_negative.yaml", "  no_other_pattern: {}", "  no_other_pattern: {}\n  not: {}", "expected one key"),
        ("policy.yaml", "  seizure: 72\n", "", "key `seizure` is missing"),
        ("policy.yaml", "counts_h:\n  icans_grade: 48", "counts_h:\n  icans_grade: 4", "stop counting before"),
        ("policy.yaml", "P1: {value: 15", "P0: {value: 15", "unknown key `P0`"),
        ("policy.yaml", "value: 15, unit: min", "value: 15, unit: h", "measured in `min`"),
        ("policy.yaml", "value: 15, unit: min", "value: 75, unit: min", "P1 would have to wait longer than P2"),
        ("policy.yaml", "  P4: {value: 1440", "  # P4: {value: 1440", "a limit is needed for each of P1, P2, P3, P4"),
        ("policy.yaml", '  counts_h: {unit: h, source: "[P]', '  # counts_h: {unit: h, source: "[P]', "key `counts_h` is missing"),
        ("policy.yaml", "counts_h: {unit: h", "counts_h: {unit: min", "this is in `h`"),
        ("policy.yaml", 'capd_grades: {unit: "1", source: "ASTCT', 'capd_grades: {unit: "1", origin: "ASTCT', "unknown key `origin`"),
        ("wording.yaml", "disclaimers:\n  - Investigational", "disclaimers: []\nx:\n  - Investigational", "unknown key `x`"),
        ("floors.yaml", "shows: [icans_grade]", "shows: []", "at least one item"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_with_file_and_line(
    folder: Path, name: str, old: str, new: str, problem: str
):
    line = edit(folder, name, old, new)
    with pytest.raises(PolicyError) as caught:
        load(folder)
    assert problem in str(caught.value)
    assert caught.value.file == name
    # An error of a whole mapping is told at its first line, which may stand above or just below the edit.
    assert abs(caught.value.line - line) <= 8 or problem.startswith("key")
    assert str(caught.value).startswith(f"{name}:{caught.value.line}: ")


def test_the_line_of_a_wrong_unit_is_exact(folder: Path):
    line = edit(folder, "rules/R03_pres.yaml", "unit: mL", "unit: cm3")
    with pytest.raises(PolicyError) as caught:
        load(folder)
    assert caught.value.line == line


def test_a_rule_may_stand_in_one_file_only(folder: Path):
    shutil.copy(folder / "rules/R03_pres.yaml", folder / "rules/R99_copy.yaml")
    with pytest.raises(PolicyError, match="R03 stands in another file"):
        load(folder)


@pytest.mark.parametrize("name", ["policy.yaml", "floors.yaml", "wording.yaml"])
def test_a_missing_or_empty_file_is_refused(folder: Path, name: str):
    (folder / name).write_text("")
    with pytest.raises(PolicyError, match="empty"):
        load(folder)
    (folder / name).unlink()
    with pytest.raises(PolicyError, match="cannot be read"):
        load(folder)


def test_a_policy_without_rules_is_refused(folder: Path):
    shutil.rmtree(folder / "rules")
    with pytest.raises(PolicyError, match="cannot be read"):
        load(folder)
    (folder / "rules").mkdir()
    with pytest.raises(PolicyError, match="no rule"):
        load(folder)


def test_every_number_has_a_source_a_date_and_the_unit_of_its_quantity():
    for condition in load().conditions():
        for leaf in leaves(condition):
            if isinstance(leaf, AtLeast | AtMost | ContextAtLeast | ContextAtMost):
                assert isinstance(leaf.cut, Cut)
                assert leaf.cut.source.startswith(("[P]", "knowledge base", "measured", "https://", "doi"))
            if isinstance(leaf, AtLeast | AtMost):
                assert leaf.cut.unit == UNITS[leaf.subject.quantity]


def test_every_file_tells_its_own_first_problem(folder: Path):
    assert problems() == problems(folder) == ()
    broken = {
        "policy.yaml": ("seizure: 72", "seizure: x"),
        "floors.yaml": ("priority: P1", "priority: P9"),
        "measurements.yaml": ("value: 620", "value: much"),
        "wording.yaml": ("interpret:", "interprets:"),
        "rules/R03_pres.yaml": ("priority: P2", "priority: P9"),
        "rules/R08_haemorrhage.yaml": ("code: R08", "code: [R08]"),
    }
    lines = {name: edit(folder, name, *change) for name, change in broken.items()}
    edit(folder, "rules/R08_haemorrhage.yaml", "priority: P1", "priority: P9")
    assert {error.file: error.line for error in problems(folder)} == lines
    assert [error.file for error in problems(folder)] == list(lines)


def test_what_only_the_whole_shows_is_a_problem_too(folder: Path):
    shutil.copy(folder / "rules/R03_pres.yaml", folder / "rules/R99_copy.yaml")
    (told,) = problems(folder)
    assert str(told) == "rules/R99_copy.yaml:1: rule R03 stands in another file too"


def test_the_general_part_is_taken_as_it_stands(folder: Path):
    edit(folder, "policy.yaml", "name: cart_neurotoxicity", "name: ours")
    general = yaml.safe_load((folder / "policy.yaml").read_text(encoding="utf-8"))
    policy = load(folder)
    assert policy.name == "ours"
    assert (policy.version, policy.approved) == (general["version"], general["approved"])
    assert policy.order == {key: Priority(value) for key, value in general["order"].items()}
    assert {key: cut.value for key, cut in policy.targets.items()} == {
        key: one["value"] for key, one in general["targets"].items()
    }
    assert policy.limits.ages.fresh_h == general["fresh_h"]
    assert policy.limits.ages.counts_h == general["counts_h"]
    scores = policy.limits.scores
    assert scores.ice == tuple(sorted(general["ice_grades"].items(), reverse=True))
    assert scores.capd == tuple(sorted(general["capd_grades"].items(), reverse=True))
    assert (scores.ice_from_age, scores.capd_below_age) == (
        general["ice_from_age"],
        general["capd_below_age"],
    )
    assert list(policy.limits.recipient_words) == general["recipient_words"]
    assert {key: (one.unit, one.source, one.date) for key, one in policy.sources.items()} == {
        key: (one["unit"], one["source"], one["date"]) for key, one in general["sources"].items()
    }
    measured = yaml.safe_load((folder / "measurements.yaml").read_text(encoding="utf-8"))
    assert {str(key): cut.value for key, cut in policy.measurements.items()} == {
        f"{check}.{name}": one["value"]
        for check, several in measured.items()
        for name, one in several.items()
    }
    asked = {
        leaf.subject
        for one in policy.conditions()
        for leaf in leaves(one)
        if isinstance(leaf, AtLeast | AtMost)
    }
    assert policy.needed_findings() == asked
    assert len(policy.conditions()) > len(policy.rules) + len(policy.floors)


GENERAL_PROBLEMS = [
    ("policy.yaml", "seizure: 72", "seizure: 720", "`seizure` would stop counting before it is stale"),
    ("policy.yaml", "value: 15, unit: min", "value: 75, unit: min", "P1 would have to wait longer than P2 before it is late"),
    ("policy.yaml", "  P4: {value: 1440", "  # P4: {value: 1440", "a limit is needed for each of P1, P2, P3, P4"),
    ("policy.yaml", "counts_h: {unit: h", "counts_h: {unit: min", "unit `min` is wrong here; this is in `h`"),
    ("policy.yaml", "1: 1, 0: 0}", "1: 1, 2: 0}", "expected `score: grade` from score 0 on, with grades 0 to 4"),
    ("policy.yaml", "{9: 3, 1: 1", "{9: 5, 1: 1", "expected `score: grade` from score 0 on, with grades 0 to 4"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "problem"), GENERAL_PROBLEMS)
def test_a_complaint_about_the_general_part_is_told_in_full(
    folder: Path, name: str, old: str, new: str, problem: str
):
    edit(folder, name, old, new)
    with pytest.raises(PolicyError) as caught:
        load(folder)
    assert str(caught.value) == f"{name}:{caught.value.line}: {problem}"


def test_equal_limits_are_taken_and_files_that_are_no_rules_left_alone(folder: Path):
    edit(folder, "policy.yaml", "value: 15, unit: min", "value: 60, unit: min")
    edit(folder, "policy.yaml", "counts_h:\n  icans_grade: 48", "counts_h:\n  icans_grade: 24")
    (folder / "rules" / "README.md").write_text("words", encoding="utf-8")
    (folder / "rules" / "A_last.yaml").write_text(
        (folder / "rules" / "R14_negative.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (folder / "rules" / "R14_negative.yaml").unlink()
    policy = load(folder)
    assert policy.targets[Priority.P1].value == 60
    assert [rule.code for rule in policy.rules] == [rule.code for rule in load().rules]


def test_scores_may_use_every_grade(folder: Path):
    edit(
        folder,
        "policy.yaml",
        "ice_grades: {10: 0, 7: 1, 3: 2, 0: 3}",
        "ice_grades: {10: 0, 7: 1, 3: 2, 1: 3, 0: 4}",
    )
    assert load(folder).limits.scores.ice == ((10, 0), (7, 1), (3, 2), (1, 3), (0, 4))


def test_files_that_cannot_be_read_are_told(folder: Path):
    (folder / "floors.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PolicyError, match=r"^floors\.yaml:1: cannot be read: "):
        load(folder)
    shutil.rmtree(folder / "rules")
    with pytest.raises(PolicyError, match=r"^rules/:1: cannot be read: "):
        load(folder)
    (folder / "rules").mkdir()
    with pytest.raises(PolicyError, match=r"^rules/:1: no rule in the policy$"):
        load(folder)
