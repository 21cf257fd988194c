"""Each condition as it stands in a policy file, and every complaint about one."""

from datetime import date

import pytest

from rules.anatomy import Region, Side
from rules.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    ContextAtLeast,
    ContextAtMost,
    ContextIs,
    ContextUnknown,
    Cut,
    HasModality,
    IfAssessed,
    NoOtherPattern,
    Not,
    NothingAssessed,
    SomeOf,
    Subject,
)
from rules.fields import Field
from rules.findings import Quantity
from rules.measurable import FOLLOWING, MEASURABLE, places
from rules.policy_conditions import read_condition, read_cut, read_subjects
from rules.policy_reading import PolicyError, read

WHERE = "source: a paper, date: 2026-05-31"
CUT = f"cut: {{value: 2.5, unit: mL, {WHERE}}}"
ML = Cut(2.5, "mL", "a paper", date(2026, 5, 31))
LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
RIGHT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.RIGHT)
VOLUME = "quantity: flair_volume, region: thalamus"
CT, NOTHING = "{has_modality: {modality: CT}}", "{nothing_assessed: {}}"
A, B = HasModality("CT"), NothingAssessed()


def condition(text: str) -> Condition:
    return read_condition(read(text, "a.yaml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"at_least: {{{VOLUME}, side: left, {CUT}}}", AtLeast(LEFT, ML)),
        (f"at_most: {{{VOLUME}, side: left, {CUT}}}", AtMost(LEFT, ML, is_magnitude=False)),
        (f"at_most: {{{VOLUME}, side: left, {CUT}, magnitude: true}}", AtMost(LEFT, ML, is_magnitude=True)),
        (f"at_most: {{{VOLUME}, side: left, {CUT}, magnitude: false}}", AtMost(LEFT, ML, is_magnitude=False)),
        (f"both_sides: {{{VOLUME}, {CUT}}}", AllOf((AtLeast(LEFT, ML), AtLeast(RIGHT, ML)))),
        (f"all_of: [{CT}, {NOTHING}]", AllOf((A, B))),
        (f"any_of: [{CT}, {NOTHING}]", AnyOf((A, B))),
        (f"some_of: {{count: 1, of: [{CT}, {NOTHING}]}}", SomeOf(1, (A, B))),
        (f"some_of: {{count: 2, of: [{CT}, {NOTHING}]}}", SomeOf(2, (A, B))),
        (f"not: {CT}", Not(A)),
        (f"if_assessed: {CT}", IfAssessed(A)),
        (
            f"context_at_least: {{field: age, cut: {{value: 18, unit: a, {WHERE}}}}}",
            ContextAtLeast(Field.AGE, Cut(18, "a", "a paper", date(2026, 5, 31))),
        ),
        (
            f"context_at_most: {{field: platelets, cut: {{value: 50, unit: 10*9/L, {WHERE}}}}}",
            ContextAtMost(Field.PLATELETS, Cut(50, "10*9/L", "a paper", date(2026, 5, 31))),
        ),
        (
            "context_is: {field: seizure, values: [seizure, status]}",
            ContextIs(Field.SEIZURE, ("seizure", "status")),
        ),
        ("context_unknown: {field: day_after_infusion}", ContextUnknown(Field.DAY)),
        (NOTHING[1:-1], NothingAssessed()),
        ("no_other_pattern: {}", NoOtherPattern()),
        ("has_modality: {modality: CT}", HasModality("CT")),
    ],
)
def test_each_condition_is_read_as_it_stands(text: str, expected: Condition):
    assert condition(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("some: {}", ("unknown condition `some`; known: at_least, at_most, both_sides, all_of, any_of, some_of, not, if_assessed,"
         " context_at_least, context_at_most, context_is, context_unknown, nothing_assessed, no_other_pattern, has_modality")),
        ("nothing_assessed: {a: 1}", "unknown key `a`; allowed here: "),
        ("no_other_pattern: {a: 1}", "unknown key `a`; allowed here: "),
        ("has_modality: {}", "key `modality` is missing"),
        ("context_unknown: {}", "key `field` is missing"),
        ("all_of: []", "expected a list with at least one item"),
        (f"some_of: {{count: 0, of: [{CT}, {NOTHING}]}}", "count must lie between 1 and 2"),
        (f"some_of: {{count: 3, of: [{CT}, {NOTHING}]}}", "count must lie between 1 and 2"),
        (f"some_of: {{of: [{CT}]}}", "key `count` is missing"),
        (f"at_least: {{{VOLUME}, side: left}}", "key `cut` is missing"),
        (f"at_least: {{{VOLUME}, side: left, {CUT}, magnitude: true}}", "unknown key `magnitude`; allowed here: quantity, region, side, cut"),
        (f"at_most: {{{VOLUME}, {CUT}}}", "key `side` is missing"),
        (f"both_sides: {{{VOLUME}, side: left, {CUT}}}", "unknown key `side`; allowed here: quantity, region, cut"),
        (f"at_least: {{{VOLUME}, side: left, {CUT}}}".replace("mL", "mm"), "unit `mm` is wrong here; this is measured in `mL`"),
        (f"at_least: {{quantity: midline_shift, region: pons, side: midline, {CUT}}}", "no check measures midline_shift of midline pons; it is measured of: whole brain"),
        (f"context_at_least: {{field: seizure, {CUT}}}", "`seizure` is not a number; ask it with `context_is`"),
        (f"context_at_least: {{field: age, {CUT}}}", "unit `mL` is wrong here; this is measured in `a`"),
        ("context_is: {field: age, values: [a]}", "`age` is a number; ask it with `context_at_least` or `context_at_most`"),
        ("context_is: {field: seizure, values: [none, fit]}", "`fit` is none of none, seizure, status, nonconvulsive"),
        ("context_is: {field: seizure}", "key `values` is missing"),
    ],
)  # fmt: skip
def test_each_complaint_has_its_words(text: str, told: str):
    with pytest.raises(PolicyError) as refused:
        condition(text)
    assert str(refused.value) == f"a.yaml:1: {told}"


def test_a_cut_has_value_unit_source_and_date():
    assert read_cut(read(CUT, "a.yaml").mapping()["cut"], "mL") == ML
    for key in ("value", "unit", "source", "date"):
        text = f"cut: {{{', '.join(part for part in CUT[6:-1].split(', ') if not part.startswith(key))}}}"
        with pytest.raises(PolicyError, match=f"key `{key}` is missing"):
            read_cut(read(text, "a.yaml").mapping()["cut"], "mL")


def test_subjects_in_words():
    entry = read("a: 1", "a.yaml")
    assert read_subjects("flair_volume both thalamus", entry) == (LEFT, RIGHT)
    assert read_subjects("flair_volume right thalamus", entry) == (RIGHT,)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("flair_volume thalamus", "`flair_volume thalamus` is no subject; write quantity, side and region, as in `flair_volume left thalamus`"),
        ("flair left thalamus", "`flair` is none of flair_volume, "),
        ("flair_volume left thalamos", "`thalamos` is none of brain, "),
        ("flair_volume any thalamus", "`any` is none of left, right, midline, whole"),
    ],
)  # fmt: skip
def test_subjects_that_are_none(words: str, told: str):
    with pytest.raises(PolicyError) as refused:
        read_subjects(words, read("a: 1", "a.yaml"))
    assert str(refused.value).startswith(f"a.yaml:1: {told}")


def test_the_places_of_a_quantity_are_all_that_are_measured():
    assert places(Quantity.ADC_MEDIAN) == "whole brain, left centrum_semiovale, right centrum_semiovale"
    for quantity in Quantity:
        named = {f"{one.side} {one.region}" for one in MEASURABLE | FOLLOWING if one.quantity is quantity}
        assert set(places(quantity).split(", ")) == (named or {"nowhere"})
