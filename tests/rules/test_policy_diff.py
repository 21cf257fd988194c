import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from rules.policy import load
from rules.policy_diff import PolicyChange, compared

POLICY = load()
R02 = "R02 bilateral thalamic signal (deep grey type)"
R16 = "R16 territorial or space-occupying lesion"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with as_file(files("rules").joinpath("policies", "cart_neurotoxicity")) as packaged:
        yield Path(shutil.copytree(packaged, tmp_path / "policy"))


def changes(folder: Path, name: str, *edits: tuple[str, str]) -> tuple[PolicyChange, ...]:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    return compared(POLICY, load(folder))


def test_a_policy_does_not_differ_from_itself(folder: Path):
    assert compared(POLICY, load(folder)) == ()


def test_a_cut_of_both_sides_is_told_once_with_its_effect(folder: Path):
    assert changes(folder, "rules/R02_deep_grey.yaml", ("value: 1, unit: mL", "value: 2, unit: mL")) == (
        PolicyChange(
            R02,
            "present if: cut of FLAIR hyperintensity volume, thalamus",
            "1 mL",
            "2 mL",
            "holds less often",
        ),
    )


def test_under_a_not_a_larger_cut_acts_the_other_way(folder: Path):
    (change,) = changes(
        folder, "rules/R16_territory_or_mass.yaml", ('value: 0.6, unit: "1"', 'value: 0.7, unit: "1"')
    )
    assert (change.where, change.before, change.after) == (R16, "0.6", "0.7")
    assert change.effect == "holds less often"


def test_a_context_cut_and_a_floor(folder: Path):
    (change,) = changes(folder, "floors.yaml", ("value: 4, unit", "value: 3, unit"))
    assert change == PolicyChange(
        "floor F1, ASTCT feature of grade 4",
        "holds if: cut of ICANS grade or ASTCT feature",
        "4",
        "3",
        "holds more often",
    )


def test_a_source_without_another_value(folder: Path):
    (change,) = changes(folder, "rules/R08_haemorrhage.yaml", ("knowledge base M3 and R08", "a paper"))
    assert (
        change.what
        == "present if: source of diameter of the largest susceptibility focus over 10 mm, whole brain"
    )
    assert change.before.startswith("knowledge base M3 and R08 (2026-")
    assert change.after.startswith("a paper (2026-")
    assert change.effect == ""


@pytest.mark.parametrize(
    ("old", "new", "what", "before", "after"),
    [
        ("priority: P2", "priority: P1", "priority", "P2", "P1"),
        ("tell: bilateral thalamic FLAIR hyperintensity", "tell: both thalami", "tell", "bilateral thalamic FLAIR hyperintensity", "both thalami"),
        ("follow_up: Vessel and venous imaging; repeat MRI in 24-72 hours.", "follow_up: Repeat.", "follow up", "Vessel and venous imaging; repeat MRI in 24-72 hours.", "Repeat."),
        ("because: brainstem involvement", "because: the brainstem", "raised by brainstem involvement removed", None, ""),
        ("  - to: P1", "  - to: P2", "raised by brainstem involvement", "P1", "P2"),
        ("text: late for ICANS", "text: late", "label “late for ICANS” removed", "day after infusion ≥ 31 d", ""),
    ],
)  # fmt: skip
def test_priority_wording_raises_and_labels(
    folder: Path, old: str, new: str, what: str, before: str | None, after: str
):
    found = {change.what: change for change in changes(folder, "rules/R02_deep_grey.yaml", (old, new))}
    assert {change.where for change in found.values()} == {R02}
    assert found[what].after == after
    assert before is None or found[what].before == before


def test_another_condition_is_told_in_words(folder: Path):
    (change,) = changes(
        folder, "rules/R08_haemorrhage.yaml", ("  at_least:\n    quantity: haemorrhage_diameter", "  at_most:\n    quantity: haemorrhage_diameter")
    )  # fmt: skip
    assert change.what == "present if"
    assert (change.before[-7:], change.after[-7:]) == ("≥ 10 mm", "≤ 10 mm")


def test_rules_that_come_and_go(folder: Path):
    path = folder / "rules" / "R08_haemorrhage.yaml"
    text = path.read_text(encoding="utf-8")
    path.unlink()
    (folder / "rules" / "R99.yaml").write_text(text.replace("code: R08", "code: R99"), encoding="utf-8")
    added, removed = compared(POLICY, load(folder))
    assert (added.where, added.what, added.before) == ("R99 haemorrhage", "rule added", "")
    assert added.after.startswith("P1 if diameter of the largest susceptibility focus")
    assert (removed.where, removed.what, removed.after) == ("R08 haemorrhage", "rule removed", "")


def test_a_floor_that_is_gone_and_one_of_another_priority(folder: Path):
    found = changes(folder, "floors.yaml", ("code: F4", "code: F5"), ("priority: P1", "priority: P2"))
    assert [(change.what, change.before[:2], change.after[:2]) for change in found] == [
        ("priority", "P1", "P2"),
        ("floor added", "", "P4"),
        ("floor removed", "P4", ""),
    ]


def test_the_policy_as_a_whole(folder: Path):
    found = changes(
        folder,
        "policy.yaml",
        ("STAT: P2", "STAT: P1"),
        ("value: 15", "value: 10"),
        ("seizure: 72", "seizure: 48"),
    )
    assert [(change.where, change.what, change.before, change.after) for change in found] == [
        ("policy", "order.STAT", "P2", "P1"),
        ("policy", "limits.ages.fresh_h.seizure", "72.0", "48.0"),
        ("policy", "target of P1", "15 min", "10 min"),
    ]


def test_wording(folder: Path):
    (change,) = changes(folder, "wording.yaml", ("Interpret the full images.", "Read the full images."))
    assert change == PolicyChange(
        "policy", "wording.interpret", "Interpret the full images.", "Read the full images."
    )
