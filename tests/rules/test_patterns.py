"""One rule answered: its status, its priority, and every word it says."""

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
    ContextAtLeast,
    ContextIs,
    Cut,
    NoOtherPattern,
    Not,
    Subject,
)
from rules.decision import Status
from rules.evaluation import Facts
from rules.fields import Field
from rules.findings import Quantity
from rules.logic import Answer
from rules.patterns import Judged, judge
from rules.policy import Kind, Label, Raise, Rule, load
from rules.recorded import Missing
from rules.urgency import Priority
from tests.rules.stories import measured, not_assessed

POLICY = load()
LEFT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
RIGHT = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.RIGHT)
SHIFT = Subject(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE)


def cut(value: float, unit: str = "mL") -> Cut:
    return Cut(value, unit, "[P] proposed", date(2026, 1, 1))


YES, NO, OPEN = AtLeast(LEFT, cut(2)), AtLeast(LEFT, cut(9)), AtLeast(RIGHT, cut(2))
FACTS = Facts(
    findings={LEFT: measured(LEFT, 2.44), RIGHT: not_assessed(RIGHT), SHIFT: measured(SHIFT, 7)},
    context={
        Field.SEIZURE: Known("status", "status, recorded 3 h before"),
        Field.PLATELETS: Missing("not recorded"),
    },
    modalities=frozenset(),
    is_assessed=True,
    earlier="2026-01-31",
)
SEIZURE = ContextIs(Field.SEIZURE, ("seizure", "status"))
PLATELETS = ContextAtLeast(Field.PLATELETS, cut(50, "10*9/L"))
RULE = Rule(
    code="R50",
    name="made-up pattern",
    kind=Kind.IMAGING,
    priority=Priority.P3,
    confidence="low (one case)",
    because="it is made up",
    required=YES,
    raises=(),
    labels=(),
    remarks=(),
    tell="signal of something",
    caveat="",
    follow_up="Look again.",
)


def one(rule: Rule = RULE, **changes: object) -> Judged:
    return judge(replace(POLICY, rules=(replace(rule, **changes),)), FACTS)[0]


def test_a_present_pattern_says_what_was_seen_and_how_much():
    pattern = one().pattern
    assert (pattern.rule, pattern.name, pattern.status) == ("R50", "made-up pattern", Status.PRESENT)
    assert pattern.priority is Priority.P3
    assert pattern.sentence == "Suspected made-up pattern: signal of something (left thalamus 2.4 mL)."
    assert pattern.follow_up == "Look again."
    assert pattern.missing == ()
    assert pattern.reasons == (
        "FLAIR hyperintensity volume, left thalamus: 2.4 mL (cut ≥ 2 mL), 0.4 mL above – yes",  # noqa: RUF001
        "evidence for the pattern after CAR-T: low (one case)",
    )


def test_labels_reasons_and_caveat_follow_in_their_order():
    seen = one(
        labels=(Label(YES, "larger than on {earlier}"), Label(NO, "never said"), Label(OPEN, "not known")),
        raises=(
            Raise(Priority.P2, SEIZURE, "seizure"),
            Raise(Priority.P1, YES, "growth since {earlier}"),
            Raise(Priority.P1, YES, "growth since {earlier}"),
        ),
        caveat="only made up",
    )
    assert seen.pattern.priority is Priority.P1
    assert seen.pattern.sentence == (
        "Suspected made-up pattern: signal of something (left thalamus 2.4 mL); larger than on 2026-01-31;"
        " raised to P1 by seizure and growth since 2026-01-31; only made up."
    )
    assert [line for line in seen.pattern.reasons if line.startswith("seizure")] == [
        "seizure: status, recorded 3 h before (asked: seizure or status) – yes"  # noqa: RUF001
    ]
    assert seen.remarks == ()


def test_the_lines_of_a_label_that_holds_are_told_and_those_of_another_are_not():
    lines = one(
        labels=(Label(AtLeast(SHIFT, cut(5, "mm")), "shifted"), Label(OPEN, "not known"))
    ).pattern.reasons
    assert any(line.startswith("midline shift, whole brain: 7.0 mm (cut ≥ 5 mm)") for line in lines)
    assert not any("right thalamus" in line for line in lines)


def test_only_what_was_asked_and_reached_is_told_as_a_value():
    both = AllOf((YES, AtLeast(SHIFT, cut(5, "mm")), Not(NO), AtMost(LEFT, cut(3))))
    assert one(required=both).pattern.sentence == (
        "Suspected made-up pattern: signal of something (left thalamus 2.4 mL, midline shift 7.0 mm)."
    )


def test_a_value_that_did_not_reach_its_cut_is_not_told_as_what_was_seen():
    one_of = AnyOf((YES, AtLeast(SHIFT, cut(9, "mm")), OPEN))
    assert one(required=one_of).pattern.sentence == (
        "Suspected made-up pattern: signal of something (left thalamus 2.4 mL)."
    )


def test_what_is_no_plain_volume_says_what_and_where():
    new = [Subject(Quantity.FLAIR_NEW_VOLUME, Region.THALAMUS, side) for side in (Side.LEFT, Side.RIGHT)]
    rule = replace(RULE, required=AllOf(tuple(AtLeast(subject, cut(2)) for subject in new)))
    grown = replace(FACTS, findings={new[0]: measured(new[0], 7.3), new[1]: measured(new[1], 5.8)})
    assert judge(replace(POLICY, rules=(rule,)), grown)[0].pattern.sentence == (
        "Suspected made-up pattern: signal of something (new FLAIR hyperintensity volume left thalamus 7.3 mL,"
        " new FLAIR hyperintensity volume right thalamus 5.8 mL)."
    )


def test_a_value_at_its_cut_is_told_with_the_decimals_that_show_it():
    assert one(required=AtLeast(LEFT, cut(2.44))).pattern.sentence.endswith("(left thalamus 2.44 mL).")


def test_where_no_value_was_to_be_reached_none_is_told():
    assert one(required=AtMost(LEFT, cut(3))).pattern.sentence == (
        "Suspected made-up pattern: signal of something."
    )


def test_an_absent_pattern_is_not_detected_and_asks_for_nothing():
    seen = one(
        required=NO, raises=(Raise(Priority.P1, YES, "x"),), remarks=(Label(YES, "it only looks like it"),)
    )
    assert seen.pattern.status is Status.ABSENT
    assert seen.pattern.priority is None
    assert seen.could_be is None
    assert seen.pattern.sentence == "Made-up pattern: not detected; it only looks like it."
    assert seen.remarks == ("it only looks like it",)
    assert seen.pattern.follow_up == ""
    assert seen.pattern.missing == ()
    assert not any(line.startswith("evidence") for line in seen.pattern.reasons)


def test_a_remark_is_said_only_where_it_holds():
    for other in (NO, OPEN):
        seen = one(required=NO, remarks=(Label(other, "never said"),))
        assert seen.pattern.sentence == "Made-up pattern: not detected."
        assert seen.remarks == ()


def test_an_open_pattern_says_what_would_settle_it_and_how_urgent_it_could_be():
    raises = (Raise(Priority.P2, NO, "a"), Raise(Priority.P1, OPEN, "b"))
    seen = one(required=OPEN, raises=raises, labels=(Label(YES, "never said"),))
    assert seen.pattern.status is Status.OPEN
    assert seen.could_be is seen.pattern.priority is Priority.P1
    assert seen.pattern.missing == ("FLAIR hyperintensity (no FLAIR series)",)
    assert seen.pattern.sentence == "Made-up pattern: open; missing: FLAIR hyperintensity (no FLAIR series)."
    assert seen.pattern.follow_up == ""
    assert len(seen.pattern.reasons) == 1


def test_all_that_is_missing_is_told():
    both = AllOf((OPEN, AtLeast(Subject(Quantity.MICROBLEED_COUNT, Region.BRAIN, Side.WHOLE), cut(1, "1"))))
    assert one(required=both).pattern.sentence == (
        "Made-up pattern: open; missing: FLAIR hyperintensity (no FLAIR series); microhaemorrhage and haemorrhage (not measured)."
    )


def test_an_open_pattern_that_nothing_raises_could_be_what_it_is():
    seen = one(required=OPEN, raises=(Raise(Priority.P1, NO, "a"),))
    assert seen.could_be is seen.pattern.priority is Priority.P3


def test_a_present_pattern_whose_raise_is_open_could_be_more():
    seen = one(raises=(Raise(Priority.P2, PLATELETS, "platelets"),))
    assert seen.pattern.priority is Priority.P3
    assert seen.could_be is Priority.P2
    assert seen.pattern.missing == ("platelets (not recorded)",)
    assert "raised" not in seen.pattern.sentence


def test_a_present_pattern_that_nothing_open_could_raise_is_settled():
    seen = one(raises=(Raise(Priority.P1, SEIZURE, "seizure"), Raise(Priority.P2, PLATELETS, "platelets")))
    assert seen.pattern.priority is Priority.P1
    assert seen.could_be is None


@pytest.mark.parametrize("kind", [Kind.CONTEXT, Kind.CHRONIC, Kind.STUDY])
def test_what_is_no_finding_of_the_images_is_not_suspected(kind: Kind):
    pattern = one(kind=kind, priority=Priority.P4).pattern
    assert pattern.sentence == "Signal of something (left thalamus 2.4 mL)."
    assert not any(line.startswith("evidence") for line in pattern.reasons)
    assert one(kind=kind, required=NO).pattern.sentence == "Made-up pattern: does not apply."


def test_an_open_result_as_a_whole_has_a_sentence_of_its_own():
    assert one(kind=Kind.STUDY, required=OPEN).pattern.sentence == (
        "The result as a whole stays open, because questions of other rules are open."
    )
    assert one(kind=Kind.CHRONIC, required=OPEN).pattern.sentence.startswith(
        "Made-up pattern: open; missing:"
    )


@pytest.mark.parametrize(
    ("required", "priority", "answer"),
    [
        (YES, Priority.P3, Answer.FALSE),
        (NO, Priority.P3, Answer.TRUE),
        (OPEN, Priority.P3, Answer.UNKNOWN),
        (YES, Priority.P4, Answer.TRUE),
    ],
)
@pytest.mark.parametrize("last", [Kind.STUDY, Kind.CHRONIC])
def test_the_last_rules_know_what_the_others_found(required, priority: Priority, answer: Answer, last: Kind):
    other = replace(RULE, code="R60", required=required, priority=priority)
    whole = replace(RULE, code="R10", kind=last, required=NoOtherPattern())
    first, second = judge(replace(POLICY, rules=(whole, other)), FACTS)
    assert (first.pattern.rule, second.pattern.rule) == ("R10", "R60")
    status = {Answer.TRUE: Status.PRESENT, Answer.FALSE: Status.ABSENT, Answer.UNKNOWN: Status.OPEN}
    assert first.pattern.status is status[answer]


def test_a_weakness_is_no_pattern_of_the_images():
    context = replace(RULE, code="R13", kind=Kind.CONTEXT)
    whole = replace(RULE, code="R14", kind=Kind.STUDY, required=NoOtherPattern())
    assert judge(replace(POLICY, rules=(context, whole)), FACTS)[1].pattern.status is Status.PRESENT


def test_a_pattern_of_the_images_does_not_hang_on_what_the_others_found():
    first = replace(RULE, code="R10", priority=Priority.P4, required=NoOtherPattern())
    other = replace(RULE, code="R60")
    assert judge(replace(POLICY, rules=(first, other)), FACTS)[0].pattern.status is Status.OPEN
