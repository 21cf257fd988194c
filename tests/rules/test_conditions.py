from dataclasses import replace
from datetime import date

import pytest

from rules.anatomy import Region, Side
from rules.clinical import Known
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
    NoOtherPattern,
    Not,
    NothingAssessed,
    SomeOf,
    Subject,
)
from rules.evaluation import Facts
from rules.fields import Field
from rules.findings import Quantity
from rules.logic import Answer
from rules.reasons import evaluate
from rules.recorded import Missing
from tests.rules.stories import measured, not_assessed

LEFT = Subject(Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, Side.LEFT)
RIGHT = Subject(Quantity.FLAIR_VOLUME, Region.PARIETO_OCCIPITAL, Side.RIGHT)
INDEX = Subject(Quantity.FLAIR_LATERALITY, Region.PARIETO_OCCIPITAL, Side.WHOLE)
MORE = AtLeast(LEFT, Cut(2, "mL", "[P] proposed", date(2026, 1, 1)))
OPEN = AtLeast(RIGHT, Cut(2, "mL", "[P] proposed", date(2026, 1, 1)))
LESS = AtLeast(LEFT, Cut(20, "mL", "[P] proposed", date(2026, 1, 1)))


def cut(value: float, unit: str = "1") -> Cut:
    return Cut(value, unit, "[P] proposed", date(2026, 1, 1))


FACTS = Facts(
    findings={LEFT: measured(LEFT, 12.44), RIGHT: not_assessed(RIGHT), INDEX: measured(INDEX, -0.5)},
    context={
        Field.SYSTOLIC: Known(187, "187 mmHg, recorded 3 h before"),
        Field.SEIZURE: Known("none", "none, recorded 3 h before"),
        Field.DAY: Missing("infusion date not known"),
    },
    modalities=frozenset({"MR"}),
    is_assessed=True,
    other_patterns=Answer.FALSE,
)


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        (MORE, Answer.TRUE),
        (LESS, Answer.FALSE),
        (OPEN, Answer.UNKNOWN),
        (AtMost(INDEX, cut(0.6), is_magnitude=True), Answer.TRUE),
        (AtMost(INDEX, cut(0.2), is_magnitude=True), Answer.FALSE),
        (AtMost(INDEX, cut(0.2)), Answer.TRUE),
        (ContextAtLeast(Field.SYSTOLIC, cut(180, "mm[Hg]")), Answer.TRUE),
        (ContextAtMost(Field.SYSTOLIC, cut(180, "mm[Hg]")), Answer.FALSE),
        (ContextAtLeast(Field.SYSTOLIC, cut(187, "mm[Hg]")), Answer.TRUE),
        (ContextAtMost(Field.SYSTOLIC, cut(187, "mm[Hg]")), Answer.TRUE),
        (ContextAtLeast(Field.DAY, cut(3, "d")), Answer.UNKNOWN),
        (ContextIs(Field.SEIZURE, ("seizure",)), Answer.FALSE),
        (ContextUnknown(Field.DAY), Answer.TRUE),
        (ContextUnknown(Field.SEIZURE), Answer.FALSE),
        (NothingAssessed(), Answer.FALSE),
        (NoOtherPattern(), Answer.TRUE),
        (HasModality("CT"), Answer.FALSE),
        (Not(OPEN), Answer.UNKNOWN),
        (Not(LESS), Answer.TRUE),
        (AllOf((MORE, OPEN)), Answer.UNKNOWN),
        (AllOf((LESS, OPEN)), Answer.FALSE),
        (AnyOf((MORE, OPEN)), Answer.TRUE),
        (AnyOf((LESS, OPEN)), Answer.UNKNOWN),
        (SomeOf(2, (MORE, OPEN, LESS)), Answer.UNKNOWN),
        (SomeOf(1, (MORE, OPEN, LESS)), Answer.TRUE),
        (SomeOf(3, (MORE, OPEN, LESS)), Answer.FALSE),
    ],
)
def test_a_condition_answers_in_three_values(condition: Condition, answer: Answer):
    assert evaluate(condition, FACTS).answer is answer


def test_a_measured_condition_explains_itself():
    assert evaluate(MORE, FACTS).reasons == (
        "FLAIR hyperintensity volume, left parieto-occipital: 12.4 mL (cut ≥ 2 mL), 10.4 mL above – yes",  # noqa: RUF001
    )


@pytest.mark.parametrize(
    ("condition", "value", "said"),
    [
        (AtLeast(LEFT, cut(2, "mL")), 2.0, "2.0 mL (cut ≥ 2 mL), at the cut – yes"),  # noqa: RUF001
        (AtLeast(LEFT, cut(2, "mL")), 1.96, "1.96 mL (cut ≥ 2 mL), 0.04 mL below – no"),  # noqa: RUF001
        (AtMost(LEFT, cut(2, "mL"), is_magnitude=True), -3.0, "-3.0 mL (cut ± 2 mL), 1.0 mL above – no"),  # noqa: RUF001
        (AtMost(LEFT, cut(2, "mL")), -3.0, "-3.0 mL (cut ≤ 2 mL), 5.0 mL below – yes"),  # noqa: RUF001
    ],
)
def test_a_measured_condition_says_how_far_it_lies_from_its_cut(
    condition: Condition, value: float, said: str
):
    facts = replace(FACTS, findings={LEFT: measured(LEFT, value)})
    assert evaluate(condition, facts).reasons[0].endswith(said)


def test_a_value_that_may_lie_on_the_other_side_of_its_cut_says_so():
    def said(half: float) -> str:
        found = replace(measured(LEFT, 2.3), uncertainty=half)
        return evaluate(AtLeast(LEFT, cut(2, "mL")), replace(FACTS, findings={LEFT: found})).reasons[0]

    assert said(0.5).endswith("0.3 mL above, uncertain by 0.5 mL – yes")  # noqa: RUF001
    assert said(0.2).endswith("0.3 mL above – yes")  # noqa: RUF001


def test_an_open_condition_says_what_is_missing():
    outcome = evaluate(AllOf((MORE, OPEN)), FACTS)
    assert outcome.reasons[1].endswith("not assessed, no FLAIR series (cut ≥ 2 mL) – open")  # noqa: RUF001
    assert outcome.missing == ("FLAIR hyperintensity (no FLAIR series)",)


def test_a_settled_condition_misses_nothing():
    assert evaluate(AnyOf((MORE, OPEN)), FACTS).missing == ()


def test_a_finding_that_was_never_reported_is_open_too():
    facts = Facts({}, {}, frozenset(), is_assessed=False)
    assert evaluate(MORE, facts).missing == ("FLAIR hyperintensity (not measured)",)
