import shutil
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from rules.codec import to_plain
from rules.findings import Unit
from rules.measures import LOWERED_FINDS_LESS, MEASURE_UNITS, Measure, may_find_less
from rules.policy import PolicyError, load, problems
from rules.policy_diff import compared
from rules.rule_table import markdown, measure_rows
from rules.site import load_policy
from rules.words import unit_words

POLICY = load()
_ADC = unit_words(Unit.ADC)
SOURCE = "source: our audit, date: 2026-11-27"


@pytest.fixture
def folder(tmp_path: Path):
    with as_file(files("rules").joinpath("policies", "cart_neurotoxicity")) as packaged:
        yield Path(shutil.copytree(packaged, tmp_path / "policy"))


def edited(folder: Path, old: str, new: str) -> Path:
    path = folder / "measurements.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def overlaid(tmp_path: Path, text: str):
    (tmp_path / "site.yaml").write_text(
        f"site: here\npolicy: cart_neurotoxicity\nmeasurements:\n{text}", encoding="utf-8"
    )
    return load_policy(site=tmp_path)


def test_every_number_has_a_value_a_unit_a_source_and_a_date():
    assert list(POLICY.measurements) == list(Measure)
    for measure, cut in POLICY.measurements.items():
        assert cut.unit == MEASURE_UNITS[measure]
        assert cut.source
        assert cut.value > 0
    assert POLICY.measurements[Measure.RESTRICTION_ADC_WHITE].value == 620


def test_another_number_is_another_digest(folder: Path):
    assert load(edited(folder, "value: 620,", "value: 621,")).digest != POLICY.digest


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  grow_ratio: {value: 1.12", "  grow_rate: {value: 1.12", "unknown key `grow_rate`"),
        ("  side_from: {value: 0.5", "  # side_from: {value: 0.5", "key `side_from` is missing"),
        ("value: 620, unit: 10*-6.mm2/s", "value: 620, unit: mm2/s", "this is measured in `10*-6.mm2/s`"),
        ("restriction:\n", "restrictions:\n", "unknown key `restrictions`"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_file_and_line(folder: Path, old: str, new: str, problem: str):
    with pytest.raises(PolicyError, match=r"measurements\.yaml:") as caught:
        load(edited(folder, old, new))
    assert problem in str(caught.value)
    assert [error.file for error in problems(folder)] == ["measurements.yaml"]


@pytest.mark.parametrize(
    ("measure", "before", "after", "may"),
    [
        (Measure.FLAIR_GROW_Z, 1.8, 1.9, True),
        (Measure.FLAIR_GROW_Z, 1.8, 1.7, False),
        (Measure.RESTRICTION_ADC_WHITE, 620, 600, True),
        (Measure.RESTRICTION_ADC_WHITE, 620, 640, False),
        (Measure.QUALITY_GHOSTS, 0.045, 0.04, True),
        (Measure.QUALITY_GHOSTS, 0.045, 0.05, True),
        (Measure.QUALITY_GHOSTS, 0.045, 0.045, False),
    ],
)
def test_which_change_may_find_less(measure: Measure, before: float, after: float, *, may: bool):
    assert may_find_less(measure, before, after) is may


def test_every_cut_of_an_adc_finds_less_when_it_is_lowered():
    adc = {one for one in Measure if MEASURE_UNITS[one] == "10*-6.mm2/s"}
    assert adc - LOWERED_FINDS_LESS == {Measure.RESTRICTION_MAP_LOWEST}


def test_a_site_measures_by_its_own_number(tmp_path: Path):
    own = f"  restriction:\n    adc_white: {{instead_of: 620, cut: {{value: 640, unit: 10*-6.mm2/s, {SOURCE}}}}}\n"
    policy = overlaid(tmp_path, own)
    assert policy.measurements[Measure.RESTRICTION_ADC_WHITE].value == 640
    assert (
        policy.measurements[Measure.RESTRICTION_ADC_CORTEX]
        == POLICY.measurements[Measure.RESTRICTION_ADC_CORTEX]
    )
    assert policy.digest != POLICY.digest
    assert policy.site is not None
    assert policy.site.risks == ()
    (change,) = (one for one in compared(POLICY, policy) if one.where.startswith("measurement"))
    assert (change.where, change.what, change.effect) == ("measurement restriction", "adc white", "")
    assert (change.before, change.after) == ("620" + _ADC, "640" + _ADC)


def test_a_number_that_finds_less_needs_somebody_who_answers_for_it(tmp_path: Path):
    own = f"  flair:\n    seed_z: {{instead_of: 3, cut: {{value: 4, unit: '1', {SOURCE}}}}}\n"
    with pytest.raises(
        PolicyError, match=r"the checks may find less: flair\.seed_z is 4 instead of 3: this needs"
    ):
        overlaid(tmp_path, own)
    policy = overlaid(tmp_path, f"{own}  accept_risk: {{name: Dr A, reason: noisy scanner}}\n")
    assert policy.site is not None
    (risk,) = policy.site.risks
    assert (risk.what, risk.name) == ("the checks may find less: flair.seed_z is 4 instead of 3", "Dr A")
    assert any(
        "flair.seed_z is 4 instead of 3; accepted by Dr A" in text for text in policy.wording.disclaimers
    )
    assert any(one.effect == "the check may find less" for one in compared(POLICY, policy))


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (f"  flair:\n    seed_z: {{instead_of: 2, cut: {{value: 4, unit: '1', {SOURCE}}}}}\n", 5, "flair.seed_z is 3, not 2"),
        (f"  flair:\n    seed: {{instead_of: 2, cut: {{value: 4, unit: '1', {SOURCE}}}}}\n", 5, "unknown key `seed`"),
        ("  flare: {}\n", 4, "unknown key `flare`"),
        (f"  flair:\n    seed_z: {{instead_of: 3, cut: {{value: 2, unit: mm, {SOURCE}}}}}\n", 5, "unit `mm` is wrong here"),
        (f"  accept_risk: {{name: a, reason: b}}\n  flair:\n    seed_z: {{instead_of: 3, cut: {{value: 2, unit: '1', {SOURCE}}}}}\n", 4, "there is no risk to accept"),
    ],
)  # fmt: skip
def test_a_wrong_overlay_is_refused_with_its_line(tmp_path: Path, text: str, line: int, problem: str):
    with pytest.raises(PolicyError) as caught:
        overlaid(tmp_path, text)
    assert problem in str(caught.value)
    assert caught.value.line == line


def test_another_source_is_told_as_a_change():
    held = POLICY.measurements[Measure.CORD_HELD]
    other = replace(
        POLICY, measurements={**POLICY.measurements, Measure.CORD_HELD: replace(held, source="ours")}
    )
    (change,) = compared(POLICY, other)
    assert (change.where, change.what) == ("measurement cord", "source of held")


def test_the_page_tells_each_number():
    page = markdown(POLICY)
    assert len(measure_rows(POLICY)) == len(Measure)
    assert f"| restriction | adc white | 620{_ADC} | [S23]" in page


def test_the_numbers_are_plain_data():
    assert set(to_plain(POLICY.measurements)) == {one.value for one in Measure}
