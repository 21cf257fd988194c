"""Distance to a rule's border: at least 0 exactly where the rule holds."""

from datetime import date
from math import inf

import pytest

from rules.anatomy import Region, Side
from rules.conditions import AllOf, AnyOf, AtLeast, AtMost, ContextIs, Cut, IfAssessed, Not, SomeOf, Subject
from rules.fields import Field
from rules.findings import Quantity
from workers.evaluation.margin import OPEN, margin

_LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
_RIGHT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.RIGHT)


def _cut(value: float) -> Cut:
    return Cut(value, "mL", "", date(2026, 1, 1))


A, B = AtLeast(_LEFT, _cut(2)), AtLeast(_RIGHT, _cut(1))
VALUES = {_LEFT: 3.0, _RIGHT: 0.5}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (A, 0.5),
        (B, -0.5),
        (AllOf((A, B)), -0.5),
        (AnyOf((A, B)), 0.5),
        (SomeOf(2, (A, B, A)), 0.5),
        (SomeOf(3, (A, B, A)), -0.5),
        (Not(A), -0.5),
        (AtMost(_LEFT, _cut(4)), 0.25),
        (AtMost(_LEFT, _cut(0)), -3.0),
    ],
)
def test_the_margin_follows_the_logic(condition, expected):
    assert margin(condition, VALUES) == expected


def test_a_magnitude_has_no_sign():
    assert margin(AtMost(_LEFT, _cut(1), is_magnitude=True), {_LEFT: -2.0}) == -1.0


def test_what_was_not_measured_is_surely_not_given():
    assert margin(AllOf((A, B)), {_LEFT: 9.0}) == OPEN == -inf
    assert margin(AnyOf((A, B)), {_LEFT: 4.0}) == 1.0
    assert margin(Not(A), {}) == OPEN


def test_if_assessed_counts_as_no_without_a_measurement():
    assert margin(AnyOf((IfAssessed(A), B)), {_RIGHT: 2.0}) == 1.0
    assert margin(AllOf((Not(IfAssessed(A)), B)), {_RIGHT: 2.0}) == 1.0


def test_the_context_is_not_known_to_an_evaluation():
    assert margin(ContextIs(Field.SEIZURE, ("seizure",)), VALUES) == OPEN
