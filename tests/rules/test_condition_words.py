from datetime import date

import pytest

from rules.anatomy import Region, Side
from rules.condition_words import condition_words
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
    leaves,
)
from rules.fields import Field
from rules.findings import UNITS, Quantity
from rules.policy import load

SHIFT = Subject(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE)
LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
RIGHT = LEFT._replace(side=Side.RIGHT)
INDEX = Subject(Quantity.FLAIR_LATERALITY, Region.FRONTAL, Side.WHOLE)


def cut(value: float, unit: str) -> Cut:
    return Cut(value, unit, "[P] proposed", date(2026, 1, 1))


def at_least(subject: Subject, value: float) -> AtLeast:
    return AtLeast(subject, cut(value, UNITS[subject.quantity]))


BOTH = AllOf((at_least(LEFT, 1), at_least(RIGHT, 1)))
MANY = at_least(SHIFT, 5)
AGE = ContextAtLeast(Field.AGE, cut(18, "a"))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (MANY, "midline shift ≥ 5 mm"),
        (at_least(LEFT, 1), "FLAIR hyperintensity volume ≥ 1 mL in left thalamus"),
        (BOTH, "FLAIR hyperintensity volume ≥ 1 mL in thalamus on both sides"),
        (
            AllOf((at_least(LEFT, 1), at_least(RIGHT, 2))),
            "FLAIR hyperintensity volume ≥ 1 mL in left thalamus, and FLAIR hyperintensity volume ≥ 2 mL in right thalamus",
        ),
        (
            AnyOf((at_least(LEFT._replace(region=Region.PONS, side=Side.MIDLINE), 1), at_least(LEFT, 1), BOTH)),
            "FLAIR hyperintensity volume ≥ 1 mL in pons, left thalamus or thalamus on both sides",
        ),
        (
            AnyOf((at_least(LEFT, 1), at_least(RIGHT, 2))),
            "FLAIR hyperintensity volume ≥ 1 mL in left thalamus; or FLAIR hyperintensity volume ≥ 2 mL in right thalamus",
        ),
        (
            AllOf((MANY, AtMost(LEFT, cut(2, "mL")), AtMost(RIGHT, cut(2, "mL")), at_least(LEFT, 3))),
            ("midline shift ≥ 5 mm, and FLAIR hyperintensity volume ≤ 2 mL in thalamus on both sides,"
            " and FLAIR hyperintensity volume ≥ 3 mL in left thalamus"),
        ),
        (AllOf((at_least(RIGHT, 1), at_least(LEFT, 1))), "FLAIR hyperintensity volume ≥ 1 mL in right thalamus, and FLAIR hyperintensity volume ≥ 1 mL in left thalamus"),
        (AnyOf((MANY,)), "midline shift ≥ 5 mm"),
        (AtMost(SHIFT, cut(5, "mm")), "midline shift ≤ 5 mm"),
        (AtMost(INDEX, cut(0.6, "1"), is_magnitude=True), "FLAIR laterality index within ±0.6 in frontal"),
        (AGE, "age ≥ 18 years"),
        (ContextAtMost(Field.PLATELETS, cut(50, "10*9/L")), "platelets ≤ 50 G/L"),
        (ContextIs(Field.SEIZURE, ("seizure", "status")), "seizure: seizure or status"),
        (ContextIs(Field.RECIPIENT, ("true",)), "CAR-T recipient"),
        (ContextIs(Field.RECIPIENT, ("false",)), "no CAR-T recipient"),
        (ContextIs(Field.RECIPIENT, ("true", "false")), "CAR-T recipient: true or false"),
        (ContextUnknown(Field.DAY), "day after infusion not known"),
        (HasModality("CT"), "CT in the study"),
        (NothingAssessed(), "FLAIR hyperintensity could not be measured"),
        (NoOtherPattern(), "all other imaging rules are absent, none open"),
        (Not(MANY), "not midline shift ≥ 5 mm"),
        (Not(AnyOf((MANY, AGE))), "not (midline shift ≥ 5 mm; or age ≥ 18 years)"),
        (IfAssessed(MANY), "midline shift ≥ 5 mm (if assessed)"),
        (AllOf((MANY, AnyOf((MANY, AGE)))), "midline shift ≥ 5 mm, and (midline shift ≥ 5 mm; or age ≥ 18 years)"),
        (
            SomeOf(2, (MANY, BOTH, AllOf((MANY, AGE)))),
            ("at least 2 of: midline shift ≥ 5 mm; FLAIR hyperintensity volume ≥ 1 mL in thalamus on both sides;"
            " (midline shift ≥ 5 mm, and age ≥ 18 years)"),
        ),
        (
            AnyOf((SomeOf(1, (MANY, AGE)), AGE)),
            "(at least 1 of: midline shift ≥ 5 mm; age ≥ 18 years); or age ≥ 18 years",
        ),
    ],
)  # fmt: skip
def test_a_condition_is_told_in_words(condition: Condition, words: str):
    assert condition_words(condition) == words


def test_every_cut_of_the_policy_stands_in_the_words_of_its_condition():
    for condition in load().conditions():
        words = condition_words(condition)
        for leaf in leaves(condition):
            if isinstance(leaf, AtLeast | AtMost | ContextAtLeast | ContextAtMost):
                assert f"{leaf.cut.value:g}" in words
