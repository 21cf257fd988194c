"""Two policies put together by hand: each difference word for word, in its order."""

from dataclasses import replace
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
    Cut,
    HasModality,
    IfAssessed,
    Not,
    SomeOf,
    Subject,
)
from rules.fields import Field
from rules.findings import Quantity
from rules.policy import FloorRule, Kind, Label, Policy, Raise, load
from rules.policy_diff import PolicyChange, compared
from rules.urgency import Priority

P1, P2, P3, P4 = Priority
DAY = date(2026, 1, 2)
LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
RIGHT = LEFT._replace(side=Side.RIGHT)
WHOLE = Subject(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE)


def cut(value: float, unit: str = "mL", source: str = "s") -> Cut:
    return Cut(value, unit, source, DAY)


def shift(value: float, source: str = "s") -> AtLeast:
    return AtLeast(WHOLE, cut(value, "mm", source))


FIVE, SIX = shift(5), shift(6)
CT = HasModality("CT")
PACKAGED = load()
RULE = replace(
    PACKAGED.rules[0], code="R01", name="name", required=FIVE, raises=(), labels=(), remarks=(), priority=P2
)
FLOOR = FloorRule("F1", P1, FIVE, "because", (Field.GRADE,))
POLICY = replace(PACKAGED, rules=(RULE,), floors=(FLOOR,))


def of_rule(**changes) -> Policy:
    return replace(POLICY, rules=(replace(RULE, **changes),))


def of_floor(**changes) -> Policy:
    return replace(POLICY, floors=(replace(FLOOR, **changes),))


def told(one: Policy, other: Policy) -> list[tuple[str, str, str, str]]:
    changes = compared(one, other)
    assert {change.where for change in changes} <= {"R01 name", "floor F1, because"}
    return [(change.what, change.before, change.after, change.effect) for change in changes]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("kind", Kind.CHRONIC, "chronic"),
        ("priority", P3, "P3"),
        ("confidence", "x", "x"),
        ("because", "x", "x"),
        ("tell", "x", "x"),
        ("caveat", "x", "x"),
        ("follow_up", "x", "x"),
    ],
)
def test_each_word_of_a_rule(key: str, value: object, words: str):
    what, before = key.replace("_", " "), str(getattr(RULE, key))
    assert compared(POLICY, of_rule(**{key: value})) == (PolicyChange("R01 name", what, before, words),)


def test_a_rule_is_told_by_its_new_name():
    assert compared(POLICY, of_rule(name="other")) == (PolicyChange("R01 other", "name", "name", "other"),)


BOTH = (AtLeast(LEFT, cut(1)), AtLeast(RIGHT, cut(1)))
MORE = (AtLeast(LEFT, cut(2)), AtLeast(RIGHT, cut(2)))
AGE, OLDER = (ContextAtLeast(Field.AGE, cut(value, "a")) for value in (18, 21))


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (FIVE, SIX, [("cut of midline shift, whole brain", "5 mm", "6 mm", "holds less often")]),
        (SIX, FIVE, [("cut of midline shift, whole brain", "6 mm", "5 mm", "holds more often")]),
        (
            FIVE,
            shift(5, "t"),
            [("source of midline shift, whole brain", "s (2026-01-02)", "t (2026-01-02)", "")],
        ),
        (
            AllOf(BOTH),
            AllOf(MORE),
            [("cut of FLAIR hyperintensity volume, thalamus", "1 mL", "2 mL", "holds less often")],
        ),
        (
            AnyOf((AtMost(LEFT, cut(1)), FIVE)),
            AnyOf((AtMost(LEFT, cut(2)), SIX)),
            [
                ("cut of FLAIR hyperintensity volume, thalamus", "1 mL", "2 mL", "holds more often"),
                ("cut of midline shift, whole brain", "5 mm", "6 mm", "holds less often"),
            ],
        ),
        (
            SomeOf(1, (AGE, Not(FIVE))),
            SomeOf(1, (OLDER, Not(SIX))),
            [
                ("cut of age", "18 years", "21 years", "holds less often"),
                ("cut of midline shift, whole brain", "5 mm", "6 mm", "holds more often"),
            ],
        ),
        (
            IfAssessed(Not(ContextAtMost(Field.AGE, cut(18, "a")))),
            IfAssessed(Not(ContextAtMost(Field.AGE, cut(21, "a")))),
            [("cut of age", "18 years", "21 years", "holds less often")],
        ),
        (
            Not(AllOf((FIVE, IfAssessed(AGE)))),
            Not(AllOf((SIX, IfAssessed(OLDER)))),
            [
                ("cut of midline shift, whole brain", "5 mm", "6 mm", "holds more often"),
                ("cut of age", "18 years", "21 years", "holds more often"),
            ],
        ),
    ],
)
def test_where_only_cuts_differ_each_is_told_with_its_effect(before: Condition, after: Condition, changes):
    one, other = of_rule(required=before), of_rule(required=after)
    assert told(one, other) == [(f"present if: {what}", *rest) for what, *rest in changes]
    assert told(one, one) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (FIVE, Not(FIVE), ("midline shift ≥ 5 mm", "not midline shift ≥ 5 mm")),
        (Not(FIVE), Not(AtMost(WHOLE, cut(5, "mm"))), ("not midline shift ≥ 5 mm", "not midline shift ≤ 5 mm")),
        (AnyOf((FIVE, AGE)), AnyOf((FIVE, FIVE)), ("midline shift ≥ 5 mm; or age ≥ 18 years", "midline shift ≥ 5 mm; or midline shift ≥ 5 mm")),
        (FIVE, AtMost(WHOLE, cut(5, "mm")), ("midline shift ≥ 5 mm", "midline shift ≤ 5 mm")),
        (AllOf((FIVE, AGE)), AnyOf((SIX, AGE)), ("midline shift ≥ 5 mm, and age ≥ 18 years", "midline shift ≥ 6 mm; or age ≥ 18 years")),
        (SomeOf(1, (FIVE, AGE)), SomeOf(2, (FIVE, AGE)), ("at least 1 of: midline shift ≥ 5 mm; age ≥ 18 years", "at least 2 of: midline shift ≥ 5 mm; age ≥ 18 years")),
        (ContextIs(Field.SEIZURE, ("status",)), ContextIs(Field.SEIZURE, ("seizure",)), ("seizure: status", "seizure: seizure")),
        (AtMost(WHOLE, cut(5, "mm")), AtMost(WHOLE, cut(6, "mm"), is_magnitude=True), ("midline shift ≤ 5 mm", "midline shift within ±6 mm")),
        (AllOf((FIVE, AGE)), AllOf((SIX,)), ("midline shift ≥ 5 mm, and age ≥ 18 years", "midline shift ≥ 6 mm")),
    ],
)  # fmt: skip
def test_another_condition_is_told_as_a_whole(before: Condition, after: Condition, words: tuple[str, str]):
    assert told(of_rule(required=before), of_rule(required=after)) == [("present if", *words, "")]


def test_what_raises_a_rule():
    by_ct = Raise(P1, CT, "ct")
    assert told(POLICY, of_rule(raises=(by_ct,))) == [
        ("raised by ct added", "", "P1 if CT in the study", ""),
    ]
    assert told(of_rule(raises=(by_ct,)), POLICY) == [
        ("raised by ct removed", "P1 if CT in the study", "", ""),
    ]
    one, other = (of_rule(raises=(by_ct, Raise(to, when, "shift"))) for to, when in ((P1, FIVE), (P2, SIX)))
    assert [what for what, *_ in told(POLICY, one)] == ["raised by ct added", "raised by shift added"]
    assert told(one, other) == [
        ("raised by shift", "P1", "P2", ""),
        ("raised by shift if: cut of midline shift, whole brain", "5 mm", "6 mm", "holds less often"),
    ]


def test_of_several_with_one_reason_each_is_held_against_its_like():
    first, second, third = (Raise(P1, shift(value), "shift") for value in (1, 2, 3))
    what = "raised by shift if: cut of midline shift, whole brain"
    assert told(of_rule(raises=(first, second)), of_rule(raises=(first, third))) == [
        (what, "2 mm", "3 mm", "holds less often"),
    ]
    assert told(of_rule(raises=(first, second, first)), of_rule(raises=(first, third, first))) == [
        (what, "2 mm", "3 mm", "holds less often"),
    ]
    assert told(of_rule(raises=(first, second)), of_rule(raises=(first,))) == [
        ("raised by shift removed", "P1 if midline shift ≥ 2 mm", "", ""),
    ]


@pytest.mark.parametrize(("kind", "key"), [("label", "labels"), ("remark", "remarks")])
def test_labels_and_remarks(kind: str, key: str):
    one, other = (of_rule(**{key: (Label(when, "text"),)}) for when in (FIVE, SIX))
    assert told(POLICY, one) == [(f"{kind} “text” added", "", "midline shift ≥ 5 mm", "")]
    assert told(one, POLICY) == [(f"{kind} “text” removed", "midline shift ≥ 5 mm", "", "")]
    assert told(one, other) == [
        (f"{kind} “text” if: cut of midline shift, whole brain", "5 mm", "6 mm", "holds less often")
    ]


def test_floors():
    assert told(POLICY, of_floor(priority=P2)) == [("priority", "P1", "P2", "")]
    assert told(POLICY, of_floor(shows=(Field.CRS, Field.AGE))) == [
        ("shows", "icans_grade", "crs_grade, age", "")
    ]
    assert told(POLICY, of_floor(when=SIX)) == [
        ("holds if: cut of midline shift, whole brain", "5 mm", "6 mm", "holds less often")
    ]
    two, one = (of_floor(shows=several) for several in ((Field.CRS, Field.AGE), (Field.AGE,)))
    assert told(two, one) == [("shows", "crs_grade, age", "age", "")]
    gone = replace(POLICY, floors=())
    assert told(POLICY, gone) == [("floor removed", "P1 if midline shift ≥ 5 mm", "", "")]
    assert told(gone, POLICY) == [("floor added", "", "P1 if midline shift ≥ 5 mm", "")]
    renamed = compared(POLICY, of_floor(because="other"))
    assert [(one.where, one.what) for one in renamed] == [
        ("floor F1, other", "floor added"),
        ("floor F1, because", "floor removed"),
    ]


def test_rules_that_are_new_or_gone():
    other = replace(POLICY, rules=(replace(RULE, code="R02", name="new"), RULE))
    change = PolicyChange("R02 new", "rule added", "", "P2 if midline shift ≥ 5 mm")
    assert compared(POLICY, other) == (change,)
    assert compared(other, POLICY) == (replace(change, what="rule removed", before=change.after, after=""),)


def test_the_policy_as_a_whole_comes_first():
    targets = {
        **POLICY.targets,
        P1: replace(POLICY.targets[P1], value=10),
        P2: replace(POLICY.targets[P2], source="x"),
    }
    other = replace(
        of_rule(tell="x"),
        name="n",
        version="v",
        approved="a",
        order={**{key: one for key, one in POLICY.order.items() if key != "STAT"}, "NOW": P1},
        targets=targets,
        wording=replace(POLICY.wording, disclaimers=("one", "two"), interpret="Read."),
    )
    p2 = POLICY.targets[P2]
    assert [(one.where, one.what, one.before, one.after) for one in compared(POLICY, other)] == [
        ("policy", "name", POLICY.name, "n"),
        ("policy", "version", POLICY.version, "v"),
        ("policy", "approved", POLICY.approved, "a"),
        ("policy", "order.STAT", "P2", ""),
        ("policy", "wording.interpret", POLICY.wording.interpret, "Read."),
        ("policy", "wording.disclaimers", ", ".join(POLICY.wording.disclaimers), "one, two"),
        ("policy", "order.NOW", "", "P1"),
        ("policy", "target of P1", "15 min", "10 min"),
        ("policy", "source of target of P2", f"{p2.source} ({p2.date})", f"x ({p2.date})"),
        ("R01 name", "tell", RULE.tell, "x"),
    ]


def test_limits_and_scores_are_told_by_their_place():
    ages = POLICY.limits.ages
    other = replace(
        POLICY,
        limits=replace(POLICY.limits, ages=replace(ages, counts_h={**ages.counts_h, "seizure": 1.0})),
    )
    assert compared(POLICY, other) == (
        PolicyChange("policy", "limits.ages.counts_h.seizure", f"{ages.counts_h['seizure']}", "1.0"),
    )


def test_measuring_cuts_are_told_with_what_the_check_may_do():
    (measure, held), *_ = POLICY.measurements.items()
    for value, effect in ((held.value * 2, "the check may find less"), (held.value / 2, "")):
        other = replace(POLICY, measurements={**POLICY.measurements, measure: replace(held, value=value)})
        (change,) = compared(POLICY, other)
        assert (change.where, change.what, change.effect) == (
            f"measurement {measure.check}",
            measure.partition(".")[2].replace("_", " "),
            effect,
        )
        assert change.before.startswith(f"{held.value:g}")
        assert change.after.startswith(f"{value:g}")
