"""The patient of a case: ages of values, ranges, and the line of each complaint."""

from datetime import date, timedelta

import pytest

from rules.case_context import NOW, STUDY_DATE
from rules.case_file import read_cases
from rules.context import PatientContext, Recorded
from rules.policy import load
from rules.policy_reading import PolicyError

POLICY = load()
BEFORE = NOW - timedelta(hours=3)


def variants(text: str):
    (story,) = read_cases(f"- name: a\n  expect: {{priority: P4}}\n{text}", "c.yaml", POLICY)
    return story.steps[0].variants


def context(text: str) -> PatientContext:
    (variant,) = variants(f"  context: {text}")
    return variant.case.context


def test_age_and_day_become_dates():
    told = context("{age: 40, day: 12}")
    assert (told.birth_date, told.infusion_date) == (date(1986, 1, 1), date(2026, 5, 4))
    assert told == PatientContext(
        is_cart_recipient=True, birth_date=told.birth_date, infusion_date=told.infusion_date
    )


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("{crs_grade: 2}", Recorded(2, BEFORE, "case")),
        ("{crs_grade: 2, hours_before: 30}", Recorded(2, NOW - timedelta(hours=30), "case")),
        ("{crs_grade: 2, hours_before: unknown}", Recorded(2, None, "case")),
        ("{crs_grade: {value: 2}}", Recorded(2, BEFORE, "case")),
        ("{crs_grade: {value: 2, hours_before: 5.5}}", Recorded(2, NOW - timedelta(hours=5.5), "case")),
        ("{crs_grade: {value: 2, hours_before: unknown}, hours_before: 1}", Recorded(2, None, "case")),
        (
            "{crs_grade: {value: 2}, hours_before: 1}",
            Recorded(2, NOW - timedelta(hours=1), "case"),
        ),
    ],
)
def test_a_value_was_recorded_when_it_or_the_context_says(text: str, recorded: Recorded[int]):
    assert context(text).crs_grade == recorded


def test_a_range_is_named_and_taken_at_its_ends_and_beside_each_number_of_the_policy():
    told = variants("  context: {crs_grade: 1 to 3, icans_grade: {value: 3 to 4, hours_before: 1}}")
    assert [one.name for one in told] == [
        f"crs_grade {crs}, icans_grade {icans}" for crs in (1, 2, 3) for icans in (3, 4)
    ]
    assert [one.case.context.crs_grade.value for one in told] == [1, 1, 2, 2, 3, 3]
    assert {one.case.context.icans_grade.at for one in told} == {NOW - timedelta(hours=1)}
    ages = variants("  context: {age: 38 to 44}")
    assert [one.name for one in ages] == ["age 38", "age 39", "age 40", "age 44"]
    days = variants("  context: {day: 26 to 36}")
    assert [one.name for one in days] == [f"day {day}" for day in (26, 29, 30, 31, 32, 36)]
    assert ages[0].case.context.birth_date == date(STUDY_DATE.year - 38, 1, 1)


def test_the_ends_of_ages_days_and_hours_are_taken():
    assert context("{age: 0}").birth_date == date(2026, 1, 1)
    assert context("{age: 150}").birth_date == date(1876, 1, 1)
    assert context("{day: 99999}").infusion_date == STUDY_DATE - timedelta(days=99999)
    for hours in (100_000, -100_000):
        recorded = context(f"{{crs_grade: {{value: 1, hours_before: {hours}}}}}").crs_grade
        assert recorded
        assert recorded.at == NOW - timedelta(hours=hours)


def test_other_fields_have_no_ranges():
    assert context("{product: 3 to 4}").product == "3 to 4"
    assert context("{history: [migraine, abscess]}").history == ("migraine", "abscess")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{age: 40, day: 12,\n    icans_grade: 7}", "c.yaml:4: icans_grade: '7' is not allowed; allowed: a whole number from 0 to 4"),
        ("{age: 40,\n    crs_grade: {hours_before: 1}}", "c.yaml:4: "),
        ("{product: x,\n    crs: 7}", "c.yaml:4: field: 'crs' is not allowed; allowed: "),
        ("{age: 4,\n    day: 3000}", "c.yaml:4: infusion_date: '2018-02-27' is not allowed; allowed: a date after birth_date"),
        ("{product: x,\n    age: 40 to 40}", "c.yaml:4: the range `40 to 40` runs backwards"),
        ("{product: x,\n    age: 41 to 40}", "c.yaml:4: the range `41 to 40` runs backwards"),
        ("{product: x,\n    age: 151}", "c.yaml:4: expected an age from 0 to 150 years"),
        ("{product: x,\n    age: -1}", "c.yaml:4: expected an age from 0 to 150 years"),
        ("{product: x,\n    age: 140 to 3000}", "c.yaml:4: expected an age from 0 to 150 years"),
        ("{product: x,\n    day: 0 to 999999}", "c.yaml:4: expected a whole number of at most 5 digits"),
        ("{product: x,\n    day: 999999}", "c.yaml:4: expected a whole number of at most 5 digits"),
        ("{crs_grade: 1,\n    hours_before: 100001}", "c.yaml:4: expected at most 100000 hours"),
        ("{crs_grade: {value: 1,\n    hours_before: -100001}}", "c.yaml:4: expected at most 100000 hours"),
        ("{crs_grade: {hours_before: 1}}", "c.yaml:3: key `value` is missing"),
    ],
)  # fmt: skip
def test_a_complaint_stands_at_the_line_of_its_field(text: str, complaint: str):
    with pytest.raises(PolicyError) as caught:
        context(text)
    assert str(caught.value).startswith(complaint)
