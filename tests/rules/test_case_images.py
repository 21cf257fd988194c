"""The images of a case, step by step: series, spoilt ones, comparisons, and the last result."""

from datetime import date

import pytest

from rules.anatomy import Region, Role, Side
from rules.case_context import STUDY_DATE
from rules.case_file import read_cases
from rules.case_images import undiseased
from rules.case_values import measured, silent
from rules.conditions import Subject
from rules.facts import Case, LastResult
from rules.findings import Quantity, Why
from rules.last_result import COMPARED, DERIVED
from rules.policy import load
from rules.policy_reading import PolicyError

POLICY = load()
LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
BLEEDS = Subject(Quantity.MICROBLEED_COUNT, Region.BRAIN, Side.WHOLE)
SPLENIUM = Subject(Quantity.RESTRICTED_VOLUME, Region.SPLENIUM, Side.MIDLINE)
LATER = "    - {{when: later, expect: {{priority: P4}}, {}}}\n"


def cases(text: str, *later: str) -> list[Case]:
    then = "  then:\n" + "".join(LATER.format(one) for one in later) if later else ""
    (story,) = read_cases(f"- name: a\n  expect: {{priority: P4}}\n{text}\n{then}", "c.yaml", POLICY)
    return [step.variants[0].case for step in story.steps]


def found(case: Case, subject: Subject):
    told = {Subject(one.quantity, one.region, one.side): one for one in case.findings}
    return told[subject]


def complaint(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        cases(text)
    return str(caught.value)


def test_what_is_spoilt_stays_spoilt_beside_what_follows():
    first, later = cases("  unusable: {T2: motion}", "unusable: {DWI: 'not assessed (quality), artefact'}")
    assert first.roles == tuple(one for one in Role if one in set(later.roles) | {Role.DWI})
    assert not {Role.T2, Role.DWI} & set(later.roles)
    assert found(first, SPLENIUM) == measured(SPLENIUM, 0.0)
    assert found(later, SPLENIUM) == silent(SPLENIUM, "artefact", Why.QUALITY)


def test_images_that_nobody_can_read_stay_so_until_series_come():
    first, same, came = cases("  images: no images yet", "modalities: [MR]", "series: [FLAIR]")
    for case in (first, same):
        assert {(one.detail, one.why) for one in case.findings} == {("no images yet", Why.SERIES_MISSING)}
        assert case.roles == ()
    assert found(came, LEFT) == measured(LEFT, 0.0)


def test_series_that_are_named_are_all_there_are_until_more_come():
    first, later, fewer = cases("  series: [FLAIR, T1]", "series: [SWI, T1]", "missing: [T1]")
    assert first.roles == (Role.FLAIR, Role.T1)
    assert set(later.roles) == {Role.FLAIR, Role.T1, Role.SWI}
    assert set(fewer.roles) == {Role.FLAIR, Role.SWI}
    assert found(first, BLEEDS) == silent(BLEEDS, "no SWI series")


def test_what_was_measured_is_lost_with_its_series_but_not_what_was_silent():
    first, later = cases("  findings: {microbleed_count whole brain: 4 foci}", "missing: [SWI]")
    assert found(first, BLEEDS) == measured(BLEEDS, 4.0)
    assert found(later, BLEEDS) == silent(BLEEDS, "no SWI series")
    (told,) = cases("  missing: [SWI]\n  findings: {microbleed_count whole brain: 'not assessed, air'}")
    assert found(told, BLEEDS) == silent(BLEEDS, "air")


def test_an_earlier_study_may_be_of_the_same_day():
    (case,) = cases("  earlier: {days_before: 0}")
    assert case.earlier
    assert case.earlier.study_date == STUDY_DATE


def test_the_modalities_are_those_that_the_case_names():
    assert [case.modalities for case in cases("", "modalities: [MR, CT]")] == [("MR",), ("MR", "CT")]


def test_several_ranges_are_named_with_their_values():
    text = "  findings: {flair_volume left thalamus: 5 to 6 mL, microbleed_count whole brain: 30 to 40 foci}"
    (story,) = read_cases(f"- name: a\n  expect: {{priority: P4}}\n{text}", "c.yaml", POLICY)
    assert story.steps[0].variants[0].name == "flair_volume left thalamus 5, microbleed_count whole brain 30"
    assert len(story.steps[0].variants) == 9


def test_a_last_result_was_undiseased_but_for_what_it_names():
    text = "{days_before: 12, findings: {flair_volume left thalamus: 4 mL, flair_volume midline periaqueductal: 'not assessed (quality), motion'}}"
    (case,) = cases(f"  last_result: {text}")
    grey = Subject(COMPARED, Region.PERIAQUEDUCTAL, Side.MIDLINE)
    assert isinstance(case.last_result, LastResult)
    assert case.last_result.study_date == date(2026, 5, 4)
    told = {Subject(one.quantity, one.region, one.side): one for one in case.last_result.findings}
    assert len(told) == len(case.last_result.findings)
    assert told.pop(LEFT) == measured(LEFT, 4.0)
    assert told.pop(grey) == silent(grey, "motion", Why.QUALITY)
    asked = {one._replace(quantity=COMPARED) for one in POLICY.needed_findings() if one.quantity in DERIVED}
    assert grey in asked
    assert told == {one: measured(one, 0.0) for one in asked - {LEFT, grey}}
    assert not {one.quantity for one in case.findings} & DERIVED


@pytest.mark.parametrize(
    "line",
    [
        "microbleed_count whole brain: 4 foci",
        "flair_volume left thalamus: 4 to 5 mL",
        "'flair_volume left thalamus': '4 mL, was 3 mL'",
    ],
)
def test_of_a_last_result_only_values_of_flair_are_compared(line: str):
    told = complaint(f"  last_result:\n    days_before: 12\n    findings:\n      {line}")
    assert told == "c.yaml:6: of a last result only values of flair_volume are compared"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  earlier: some", "c.yaml:3: write `none` or `{days_before: 12, baseline: true}`"),
        (
            "  images: not assessed",
            "c.yaml:3: `not assessed` gives no reason; write `not assessed, why` or `not assessed (quality), why`",
        ),
        ("  last_result: {days_before: 12}", "c.yaml:3: key `findings` is missing"),
        ("  earlier: {days_before: -1}", "c.yaml:3: expected a number that is not negative"),
        ("  earlier: {days_before: 100000}", "c.yaml:3: expected a whole number of at most 5 digits"),
        (
            "  last_result: {days_before: -1, findings: {flair_volume left thalamus: 4 mL}}",
            "c.yaml:3: expected a number that is not negative",
        ),
        (
            "  series: [FLAIR]\n  findings: {microbleed_count whole brain: 4 foci}",
            "c.yaml:4: microbleed_count cannot be measured here: no SWI series",
        ),
    ],
)
def test_a_complaint_about_the_images_says_what_is_wrong(text: str, told: str):
    assert complaint(text) == told


def test_an_undiseased_brain_measures_what_its_file_says():
    assert undiseased()[Quantity.CSF_VOLUME] == 25
    (case,) = cases("")
    fluid = Subject(Quantity.CSF_VOLUME, Region.SULCI, Side.WHOLE)
    assert found(case, fluid) == measured(fluid, 25.0)
