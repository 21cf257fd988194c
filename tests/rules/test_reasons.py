"""What is missing, and how an answer on the context is told."""

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
    IfAssessed,
    NoOtherPattern,
    Not,
    NothingAssessed,
    SomeOf,
    Subject,
)
from rules.evaluation import Facts, unanswered
from rules.fields import Field
from rules.findings import Quantity
from rules.logic import Answer
from rules.reasons import evaluate, missing, reasons
from rules.recorded import Missing
from tests.rules.stories import measured, not_assessed

SEEN = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
CUT_OFF = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.RIGHT)
NOT_TAKEN = Subject(Quantity.RESTRICTED_VOLUME, Region.SPLENIUM, Side.MIDLINE)
NEVER_TOLD = Subject(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE)
FACTS = Facts(
    findings={
        SEEN: measured(SEEN, 5),
        CUT_OFF: not_assessed(CUT_OFF, "outside the slices"),
        NOT_TAKEN: not_assessed(NOT_TAKEN, "no DWI series"),
    },
    context={
        Field.HISTORY: Known(("migraine", "small_vessel"), "migraine, small vessel"),
        Field.PLATELETS: Missing("not recorded"),
        Field.AGE: Known(40, "40 years"),
    },
    modalities=frozenset({"MR"}),
    is_assessed=True,
)


def asks(subject: Subject, value: float = 1) -> AtLeast:
    return AtLeast(subject, Cut(value, "mL", "[P] proposed", date(2026, 1, 1)))


def known(*values: str) -> ContextIs:
    return ContextIs(Field.HISTORY, values)


@pytest.mark.parametrize(
    ("condition", "lack"),
    [
        (asks(CUT_OFF), ("FLAIR hyperintensity of thalamus (outside the slices)",)),
        (asks(NOT_TAKEN), ("diffusion restriction (no DWI series)",)),
        (asks(NEVER_TOLD), ("midline shift (not measured)",)),
        (asks(SEEN), ()),
        (known("cns_tumour"), ("known disease (not listed)",)),
        (
            ContextAtMost(Field.PLATELETS, Cut(50, "10*9/L", "x", date(2026, 1, 1))),
            ("platelets (not recorded)",),
        ),
        (NoOtherPattern(), ("all other rules are absent",)),
        (Not(asks(NOT_TAKEN)), ("diffusion restriction (no DWI series)",)),
        (IfAssessed(asks(NOT_TAKEN)), ()),
        (
            AllOf((asks(SEEN), asks(NOT_TAKEN), asks(NOT_TAKEN, 2))),
            ("diffusion restriction (no DWI series)",),
        ),
        (AllOf((asks(SEEN, 9), asks(NOT_TAKEN))), ()),
        (
            SomeOf(2, (asks(SEEN), asks(CUT_OFF), asks(NOT_TAKEN))),
            (
                "FLAIR hyperintensity of thalamus (outside the slices)",
                "diffusion restriction (no DWI series)",
            ),
        ),
        (
            AnyOf((asks(CUT_OFF), AllOf((asks(NOT_TAKEN), asks(SEEN, 9))))),
            ("FLAIR hyperintensity of thalamus (outside the slices)",),
        ),
    ],
)
def test_what_is_missing_is_told_once_and_only_where_it_would_settle_something(
    condition: Condition, lack: tuple[str, ...]
):
    assert missing(condition, FACTS) == lack
    assert evaluate(condition, FACTS).missing == lack
    assert bool(list(unanswered(condition, FACTS))) == bool(lack)


@pytest.mark.parametrize(
    ("asked", "found", "answer"),
    [
        (("migraine",), ("migraine", "small_vessel"), Answer.TRUE),
        (("cns_tumour", "small_vessel"), ("migraine", "small_vessel"), Answer.TRUE),
        (("cns_tumour",), ("migraine",), Answer.UNKNOWN),
        (("cns_tumour",), ("none",), Answer.FALSE),
        (("cns_tumour",), ("none", "migraine"), Answer.UNKNOWN),
    ],
)
def test_what_a_list_does_not_name_is_not_known(
    asked: tuple[str, ...], found: tuple[str, ...], answer: Answer
):
    facts = replace(FACTS, context={Field.HISTORY: Known(found, ", ".join(found))})
    assert evaluate(known(*asked), facts).answer is answer


def test_a_question_to_the_context_is_told_with_what_was_asked():
    assert reasons(known("cns_tumour", "abscess"), FACTS) == (
        "known disease: migraine, small vessel (asked: cns_tumour or abscess) – open",  # noqa: RUF001
    )
    years = ContextAtMost(Field.AGE, Cut(39, "a", "x", date(2026, 1, 1)))
    assert reasons(years, FACTS) == ("age: 40 years (cut ≤ 39 years), 1 years above – no",)  # noqa: RUF001


def test_questions_to_the_study_are_told_in_words():
    three = AllOf((NothingAssessed(), HasModality("CT"), ContextUnknown(Field.PLATELETS)))
    assert reasons(three, FACTS) == (
        "FLAIR hyperintensity could not be measured – no",  # noqa: RUF001
        "CT in the study – no",  # noqa: RUF001
        "platelets not known – yes",  # noqa: RUF001
    )


def cut(value: float, unit: str) -> Cut:
    return Cut(value, unit, "[P] proposed", date(2026, 1, 1))


@pytest.mark.parametrize(
    ("value", "uncertainty", "shown", "margin", "reaches", "stays"),
    [
        (7, None, "7.0 mL", "2.0 mL above", "yes", "no"),
        (5, None, "5.0 mL", "at the cut", "yes", "yes"),
        (4.96, None, "4.96 mL", "0.04 mL below", "no", "yes"),
        (6.5, 1.5, "6.5 mL", "1.5 mL above, uncertain by 1.5 mL", "yes", "no"),
        (3.5, 2, "3.5 mL", "1.5 mL below, uncertain by 2.0 mL", "no", "yes"),
        (5, 1, "5.0 mL", "at the cut, uncertain by 1.0 mL", "yes", "yes"),
        (6.5, 1.4, "6.5 mL", "1.5 mL above", "yes", "no"),
        (5, 0, "5.0 mL", "at the cut", "yes", "yes"),
    ],
)
def test_a_value_is_told_with_its_cut_its_margin_and_its_doubt_where_it_could_lie_on_the_other_side(
    value: float, uncertainty: float | None, shown: str, margin: str, reaches: str, stays: str
):
    facts = replace(FACTS, findings={SEEN: replace(measured(SEEN, value), uncertainty=uncertainty)})
    told = f"FLAIR hyperintensity volume, left thalamus: {shown}"
    assert reasons(asks(SEEN, 5), facts) == (f"{told} (cut ≥ 5 mL), {margin} – {reaches}",)  # noqa: RUF001
    assert reasons(AtMost(SEEN, cut(5, "mL")), facts) == (f"{told} (cut ≤ 5 mL), {margin} – {stays}",)  # noqa: RUF001


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (-0.4, "-0.40 (cut ± 0.3), 0.10 above, uncertain by 0.10 – no"),  # noqa: RUF001
        (-0.6, "-0.60 (cut ± 0.3), 0.30 above – no"),  # noqa: RUF001
        (-0.2, "-0.20 (cut ± 0.3), 0.10 below, uncertain by 0.10 – yes"),  # noqa: RUF001
    ],
)
def test_an_index_of_sides_is_told_by_its_magnitude(value: float, told: str):
    sides = Subject(Quantity.FLAIR_LATERALITY, Region.BRAIN, Side.WHOLE)
    facts = replace(FACTS, findings={sides: replace(measured(sides, value), uncertainty=0.1000001)})
    (line,) = reasons(AtMost(sides, cut(0.3, "1"), is_magnitude=True), facts)
    assert line.endswith(f": {told}")
    (signed,) = reasons(AtMost(sides, cut(0.3, "1")), facts)
    assert "(cut ≤ 0.3)" in signed


def test_what_was_not_measured_is_told_with_what_was_asked():
    both = AllOf((asks(CUT_OFF), asks(NEVER_TOLD, 5)))
    assert reasons(both, FACTS) == (
        "FLAIR hyperintensity volume, right thalamus: not assessed, outside the slices (cut ≥ 1 mL) – open",  # noqa: RUF001
        "midline shift, whole brain: not assessed, not measured (cut ≥ 5 mL) – open",  # noqa: RUF001
    )


def test_a_number_of_the_context_is_told_with_its_margin():
    assert reasons(ContextAtLeast(Field.AGE, cut(40, "a")), FACTS) == (
        "age: 40 years (cut ≥ 40 years), at the cut – yes",  # noqa: RUF001
    )
    assert reasons(ContextAtLeast(Field.PLATELETS, cut(50, "10*9/L")), FACTS) == (
        "platelets: not recorded (cut ≥ 50 G/L) – open",  # noqa: RUF001
    )
    assert missing(ContextAtLeast(Field.PLATELETS, cut(50, "10*9/L")), FACTS) == ("platelets (not recorded)",)
