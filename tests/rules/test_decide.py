"""From many findings to one decision: which finding counts, and what the floors add."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from rules.anatomy import Region, Role, Side
from rules.conditions import Subject
from rules.context import Motor, PatientContext, Recorded
from rules.decide import decide
from rules.decision import Decision, Floor, Status
from rules.facts import Case, Earlier, LastResult
from rules.findings import Finding, Quantity
from rules.floors import with_earlier
from rules.policy import load
from rules.urgency import Priority
from tests.rules.stories import NOW, STUDY_DATE, findings_of, measured, not_assessed

POLICY = load()
RECIPIENT = PatientContext(is_cart_recipient=True)
BLEED = Subject(Quantity.HAEMORRHAGE_DIAMETER, Region.BRAIN, Side.WHOLE)
PONS = Subject(Quantity.FLAIR_VOLUME, Region.PONS, Side.MIDLINE)
UNDISEASED = findings_of(POLICY, {})


def case(*more: Finding, without: Subject | None = None, context: PatientContext = RECIPIENT) -> Case:
    kept = tuple(one for one in UNDISEASED if Subject(one.quantity, one.region, one.side) != without)
    return Case((*kept, *more), context, (Role.FLAIR,), NOW, STUDY_DATE, ("MR",))


def status(decision: Decision, rule: str) -> Status:
    return next(pattern.status for pattern in decision.patterns if pattern.rule == rule)


@pytest.mark.parametrize("values", [(20.0, 4.0), (4.0, 20.0)])
def test_of_two_measurements_the_larger_counts(values: tuple[float, float]):
    decision = decide(POLICY, case(*(measured(BLEED, value) for value in values), without=BLEED))
    assert status(decision, "R08") is Status.PRESENT


@pytest.mark.parametrize("is_first", [True, False])
def test_a_measurement_counts_before_silence(is_first):
    both = (measured(BLEED, 20), not_assessed(BLEED, "no SWI series"))
    decision = decide(POLICY, case(*(both if is_first else both[::-1]), without=BLEED))
    assert status(decision, "R08") is Status.PRESENT


@pytest.mark.parametrize("doubts", [(0.5, None), (None, 0.5), (0.2, 0.5), (0.5, 0.2)])
def test_of_two_equal_measurements_the_less_certain_counts(doubts: tuple[float | None, ...]):
    equal = (replace(measured(BLEED, 10), uncertainty=doubt) for doubt in doubts)
    (pattern,) = (one for one in decide(POLICY, case(*equal, without=BLEED)).patterns if one.rule == "R08")
    assert any("uncertain by 0.5 mm" in line for line in pattern.reasons)


def test_of_two_silences_always_the_same_is_told():
    both = (not_assessed(BLEED, "no SWI series"), not_assessed(BLEED, "motion"))
    one, other = (
        decide(POLICY, case(*several, without=BLEED)).not_assessed for several in (both, both[::-1])
    )
    assert one == other
    assert any("no SWI series" in clause for clause in one)


def test_flair_measured_in_one_region_is_an_assessed_study():
    silent = findings_of(POLICY, {}, "no FLAIR series")
    nothing = Case(silent, RECIPIENT, (), NOW, STUDY_DATE, ("MR",))
    assert not decide(POLICY, nothing).is_assessed
    kept = tuple(one for one in silent if Subject(one.quantity, one.region, one.side) != PONS)
    assert decide(POLICY, replace(nothing, findings=(*kept, measured(PONS, 0)))).is_assessed
    other = measured(Subject(Quantity.FLAIR_FRACTION, Region.CENTRUM_SEMIOVALE, Side.LEFT), 0)
    assert not decide(POLICY, replace(nothing, findings=(other,))).is_assessed


def test_priority_is_the_most_urgent_of_images_context_and_floors():
    weak = replace(RECIPIENT, motor=Recorded(Motor.PARAPARESIS, NOW))
    by_context = decide(POLICY, case(context=weak))
    assert (by_context.priority, by_context.imaging_priority) == (Priority.P2, Priority.P4)
    by_images = decide(POLICY, case(measured(BLEED, 20), without=BLEED, context=weak))
    assert (by_images.priority, by_images.imaging_priority) == (Priority.P1, Priority.P1)
    stranger = replace(weak, is_cart_recipient=False)
    without_floor = decide(POLICY, case(context=stranger))
    assert (without_floor.priority, without_floor.floors) == (Priority.P2, ())


def test_what_could_be_is_silent_unless_it_is_more_urgent():
    open_bleed = not_assessed(BLEED, "no SWI series")
    assert decide(POLICY, case(open_bleed, without=BLEED)).could_be is Priority.P1
    graded = replace(RECIPIENT, icans_grade=Recorded(4, NOW))
    assert decide(POLICY, case(open_bleed, without=BLEED, context=graded)).could_be is None
    assert decide(POLICY, case()).could_be is None


def test_the_day_counts_from_the_infusion_to_the_study_or_to_now():
    infused = replace(RECIPIENT, infusion_date=STUDY_DATE - timedelta(days=8))
    assert decide(POLICY, case(context=infused)).day_after_infusion == 8
    undated = replace(case(context=infused), study_date=None, now=NOW + timedelta(days=2))
    assert decide(POLICY, undated).day_after_infusion == 10
    assert decide(POLICY, case()).day_after_infusion is None


def test_an_earlier_study_gives_its_date_to_the_words():
    changed = measured(Subject(Quantity.FLAIR_VOLUME, Region.BRAIN, Side.WHOLE), 5)
    told = decide(POLICY, replace(case(changed), earlier=Earlier(date(2026, 1, 31)))).sentences
    assert any("unchanged since 2026-01-31" in sentence for sentence in told)
    told = decide(POLICY, replace(case(changed), earlier=Earlier())).sentences
    assert any("unchanged since an earlier study" in sentence for sentence in told)


def test_a_decision_names_its_policy_and_its_limits():
    decision = decide(POLICY, case())
    assert decision.policy == POLICY.identity
    assert decision.disclaimers == POLICY.wording.disclaimers
    assert decision.not_assessed == POLICY.wording.not_in_this_version


def test_floors_are_told_most_urgent_first_and_the_order_among_them():
    context = replace(
        RECIPIENT,
        icans_grade=Recorded(1, NOW),
        crs_grade=Recorded(3, NOW),
        motor=Recorded(Motor.PARAPARESIS, NOW),
        has_neuro_indication=True,
        order_priority="stat",
    )
    floors = decide(POLICY, case(context=context)).floors
    assert [(floor.code, floor.priority) for floor in floors] == [
        ("F2", Priority.P2),
        ("ORDER", Priority.P2),
        ("F3", Priority.P3),
        ("F3", Priority.P3),
        ("F3", Priority.P3),
    ]
    assert (
        floors[0].because
        == "paraparesis, recorded less than 1 h before (acute focal weakness, not stated as deep)"
    )
    assert floors[1].because == "ordered as STAT"
    assert floors[2].because.endswith("(ASTCT feature of grade 1 or 2)")


def test_a_floor_that_shows_only_what_a_higher_one_showed_is_left_out():
    graded = replace(RECIPIENT, icans_grade=Recorded(4, NOW))
    assert [floor.code for floor in decide(POLICY, case(context=graded)).floors] == ["F1"]


@pytest.mark.parametrize("word", ["", "SOON"])
def test_an_order_without_a_known_priority_has_no_floor(word: str):
    assert decide(POLICY, case(context=replace(RECIPIENT, order_priority=word))).floors == ()


def test_an_earlier_result_becomes_a_floor_only_where_it_was_more_urgent():
    held = (Floor("F3", Priority.P3, "x"),)
    assert with_earlier(held, None, Priority.P3) == held
    assert with_earlier(held, Priority.P3, Priority.P3) == held
    assert with_earlier(held, Priority.P4, Priority.P3) == held
    words = "an earlier result of this study asked for P1, this one by itself asks for P3; the flag stands"
    assert with_earlier(held, Priority.P1, Priority.P3) == (Floor("EARLIER", Priority.P1, words), *held)


def test_a_flag_of_an_earlier_result_stands_in_the_whole_decision_and_only_where_it_was_higher():
    severe = replace(RECIPIENT, icans_grade=Recorded(3, NOW))
    for earlier, priority, codes in (
        (Priority.P1, Priority.P1, ["EARLIER", "F2"]),
        (Priority.P2, Priority.P2, ["F2"]),
    ):
        decision = decide(POLICY, replace(case(context=severe), earlier_priority=earlier))
        assert decision.priority is priority
        assert [floor.code for floor in decision.floors if floor.code in codes] == codes
        assert ("EARLIER" in codes) is any(floor.code == "EARLIER" for floor in decision.floors)


def test_a_floor_s_days_count_from_the_infusion_to_the_study():
    indicated = replace(RECIPIENT, has_neuro_indication=True, infusion_date=STUDY_DATE - timedelta(days=80))
    long_ago = replace(case(context=indicated), study_date=STUDY_DATE - timedelta(days=60))
    assert "F3" in {floor.code for floor in decide(POLICY, long_ago).floors}
    assert "F3" not in {floor.code for floor in decide(POLICY, case(context=indicated)).floors}


def test_what_could_not_be_assessed_is_told_in_the_sentences_too():
    silent = case(not_assessed(BLEED, "no SWI series"), without=BLEED)
    gap = "Not assessed in this study: microhaemorrhage and haemorrhage of whole brain: no SWI series."
    assert gap in decide(POLICY, silent).sentences


def test_a_mismatch_of_identity_is_told_and_only_then():
    named = "Identity mismatch: the birth date differs; no context was used."
    mismatched = replace(case(), identity_mismatch="the birth date differs")
    assert named in decide(POLICY, mismatched).sentences
    assert not any("Identity mismatch" in one for one in decide(POLICY, case()).sentences)


def test_an_inferred_recipient_is_told_with_the_day_of_the_study_and_a_known_one_is_not():
    ordered = PatientContext(order_text="day 8 post axi-cel", infusion_date=STUDY_DATE - timedelta(days=70))
    inferred = replace(case(context=ordered), study_date=STUDY_DATE - timedelta(days=62))
    told = [one for one in decide(POLICY, inferred).sentences if "inferred" in one]
    assert len(told) >= 1
    assert any("day 8" in one.lower() for one in told)
    known = replace(case(), study_date=STUDY_DATE)
    assert not any("inferred" in one for one in decide(POLICY, known).sentences)


@pytest.mark.parametrize("context", [RECIPIENT, PatientContext()])
def test_whoever_is_flagged_or_no_recipient_at_all_is_not_told_of_as_inferred(context: PatientContext):
    assert not any("CAR-T" in sentence for sentence in decide(POLICY, case(context=context)).sentences)


@pytest.mark.parametrize(
    ("compared", "told"), [(date(2026, 5, 3), "25.0 mL"), (date(2026, 5, 4), "not assessed")]
)
def test_a_last_result_adds_nothing_where_the_images_were_compared_with_that_study(compared: date, told: str):
    whole = Subject(Quantity.FLAIR_VOLUME, Region.BRAIN, Side.WHOLE)
    last = LastResult(date(2026, 5, 4), (measured(whole, 5),))
    grown = replace(case(measured(whole, 30), without=whole), last_result=last, earlier=Earlier(compared))
    lines = [line for pattern in decide(POLICY, grown).patterns for line in pattern.reasons]
    assert any(
        line.startswith(f"difference of FLAIR hyperintensity volume to the last result, whole brain: {told}")
        for line in lines
    )
