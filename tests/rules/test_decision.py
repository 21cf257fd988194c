"""What a decision is put together from, besides the rules: which finding counts, what could be, the day, the earlier result."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from rules.anatomy import Region, Side
from rules.case_file import read_cases
from rules.clinical import Known
from rules.conditions import ContextAtLeast, ContextIs, Cut, Subject
from rules.context import History, PatientContext, Recorded
from rules.decide import decide
from rules.decision import Floor
from rules.evaluation import Facts, answer_to
from rules.facts import Case
from rules.fields import Field
from rules.findings import Quantity, Why
from rules.floors import floors, with_earlier
from rules.logic import Answer
from rules.policy import load
from rules.recorded import Missing
from rules.urgency import Priority
from tests.rules.stories import NOW, STUDY_DATE, measured, not_assessed

POLICY = load()
SHIFT = Subject(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE)
FLAIR = Subject(Quantity.FLAIR_VOLUME, Region.PONS, Side.MIDLINE)


def case(text: str = "") -> Case:
    (story,) = read_cases(f"- name: a\n  expect: {{priority: P4}}\n{text}", "case.yaml", POLICY)
    return story.steps[0].variants[0].case


def with_findings(*findings):
    told = {(one.quantity, one.region, one.side) for one in findings}
    rest = tuple(one for one in case().findings if (one.quantity, one.region, one.side) not in told)
    return replace(case(), findings=(*rest, *findings))


@pytest.mark.parametrize("is_turned", [False, True])
def test_of_two_findings_on_one_subject_the_measured_and_the_larger_counts(is_turned: bool):  # noqa: FBT001
    for pair in (
        (measured(SHIFT, 7), measured(SHIFT, 1)),
        (measured(SHIFT, 7), not_assessed(SHIFT, "motion")),
    ):
        found = decide(POLICY, with_findings(*(reversed(pair) if is_turned else pair)))
        assert found.imaging_priority is Priority.P1
        assert not any("midline shift" in gap for gap in found.not_assessed)
    low = (measured(SHIFT, 0), not_assessed(SHIFT, "motion"))
    found = decide(POLICY, with_findings(*(reversed(low) if is_turned else low)))
    assert found.imaging_priority is Priority.P4
    assert not any("midline shift" in gap for gap in found.not_assessed)


@pytest.mark.parametrize("is_turned", [False, True])
def test_of_two_reasons_one_is_told_whatever_the_order(is_turned: bool):  # noqa: FBT001
    pair = (not_assessed(SHIFT, "a"), not_assessed(SHIFT, "b"))
    found = decide(POLICY, with_findings(*(reversed(pair) if is_turned else pair)))
    assert "midline shift: b" in found.not_assessed
    kinds = (replace(pair[0], why=Why.QUALITY), replace(pair[1], why=Why.COVERAGE))
    found = decide(POLICY, with_findings(*(reversed(kinds) if is_turned else kinds)))
    assert "midline shift: a" in found.not_assessed


def test_a_study_is_assessed_where_flair_was_measured_anywhere():
    assert decide(POLICY, replace(case(), findings=(measured(FLAIR, 0),))).is_assessed
    assert not decide(POLICY, replace(case(), findings=(measured(SHIFT, 0), not_assessed(FLAIR)))).is_assessed
    assert not decide(POLICY, replace(case(), findings=())).is_assessed


def test_what_could_be_is_silent_unless_it_is_more_urgent():
    assert decide(POLICY, case("  missing: [SWI]")).could_be is Priority.P1
    assert decide(POLICY, case("  missing: [SWI]\n  context: {icans_grade: 4}")).could_be is None
    assert decide(POLICY, case()).could_be is None


def test_the_day_is_counted_at_the_study_or_else_at_the_decision():
    told = case("  context: {day: 5}")
    assert decide(POLICY, told).day_after_infusion == 5
    assert decide(POLICY, replace(told, study_date=None)).day_after_infusion == 5
    later = replace(told, study_date=None, now=NOW + timedelta(days=3))
    assert decide(POLICY, later).day_after_infusion == 8
    assert decide(POLICY, replace(told, study_date=STUDY_DATE - timedelta(days=2))).day_after_infusion == 3


def test_an_inferred_recipient_is_said():
    inferred = replace(case(), context=PatientContext(product="axi-cel"))
    assert "CAR-T status inferred (axi-cel), date unknown." in decide(POLICY, inferred).sentences
    flagged = replace(case(), context=PatientContext(is_cart_recipient=True, product="axi-cel"))
    for other in (flagged, replace(case(), context=PatientContext())):
        assert not any("inferred" in sentence for sentence in decide(POLICY, other).sentences)


def test_the_decision_carries_the_policy_and_its_standing_texts():
    found = decide(POLICY, case())
    assert found.policy == POLICY.identity
    assert found.disclaimers == POLICY.wording.disclaimers
    assert found.not_assessed == POLICY.wording.not_in_this_version
    assert [pattern.rule for pattern in found.patterns] == [rule.code for rule in POLICY.rules]


def test_an_earlier_result_stands_only_where_this_one_would_be_lower():
    held = (Floor("F3", Priority.P3, "grade 1"),)
    assert with_earlier(held, None, Priority.P3) == held
    assert with_earlier(held, Priority.P3, Priority.P3) == held
    assert with_earlier(held, Priority.P4, Priority.P3) == held
    because = "an earlier result of this study asked for P1, this one by itself asks for P3; the flag stands"
    assert with_earlier(held, Priority.P1, Priority.P3) == (Floor("EARLIER", Priority.P1, because), *held)


def held(text: str) -> list[tuple[str, str, str]]:
    found = decide(POLICY, case(text)).floors
    return [(floor.code, floor.priority.value, floor.because) for floor in found]


def test_floors_are_told_most_urgent_first_and_each_value_once():
    assert held("  context: {icans_grade: 3, crs_grade: 3}\n  order: {priority: stat}") == [
        ("F2", "P2", "ICANS grade 3, recorded 3 h before (ASTCT feature of grade 3)"),
        ("ORDER", "P2", "ordered as STAT"),
        ("F3", "P3", "3, recorded 3 h before (CRS grade of at least 3)"),
    ]
    assert held("  context: {icans_grade: 4}") == [
        ("F1", "P1", "ICANS grade 4, recorded 3 h before (ASTCT feature of grade 4)")
    ]


def test_a_floor_without_values_to_show_gives_its_reason():
    (floor,) = [
        one for one in held("  context: {has_neuro_indication: no, icans_grade: 0}") if one[0] == "F4"
    ]
    assert floor[2] == "no sign of ICANS recorded and no neurological indication on the order"


def test_an_order_that_the_policy_does_not_know_is_no_floor():
    context = PatientContext(order_priority="SOON")
    facts = Facts({}, {field: Missing("not recorded") for field in Field}, frozenset(), is_assessed=True)
    assert floors(POLICY, facts, context) == ()
    (order,) = floors(POLICY, facts, replace(context, order_priority="high"))
    assert order == Floor("ORDER", Priority.P3, "ordered as HIGH")


ASKS_MIGRAINE = ContextIs(Field.HISTORY, ("migraine", "abscess"))


@pytest.mark.parametrize(
    ("fact", "answer"),
    [
        (Known(("migraine",), ""), Answer.TRUE),
        (Known(("radiotherapy", "abscess"), ""), Answer.TRUE),
        (Known(("radiotherapy",), ""), Answer.UNKNOWN),
        (Known((History.NONE,), ""), Answer.FALSE),
        (Missing("not recorded"), Answer.UNKNOWN),
    ],
)
def test_of_a_list_what_is_not_listed_is_not_known(fact, answer: Answer):
    assert answer_to(ASKS_MIGRAINE, Facts({}, {Field.HISTORY: fact}, frozenset(), is_assessed=True)) is answer


def test_a_number_of_the_context_may_be_written_as_text():
    age = ContextAtLeast(Field.AGE, Cut(18, "a", "x", date(2026, 1, 1)))
    for value, answer in ((18, Answer.TRUE), ("18", Answer.TRUE), (17, Answer.FALSE)):
        facts = Facts({}, {Field.AGE: Known(value, "")}, frozenset(), is_assessed=True)
        assert answer_to(age, facts) is answer


def test_a_recorded_time_counts_up_to_the_moment_of_the_decision():
    old = replace(
        case(),
        context=PatientContext(is_cart_recipient=True, icans_grade=Recorded(3, NOW - timedelta(hours=60))),
    )
    assert "F2" not in {floor.code for floor in decide(POLICY, old).floors}
    assert "F2" in {
        floor.code for floor in decide(POLICY, replace(old, now=NOW - timedelta(hours=40))).floors
    }
