from rules.anatomy import Region, Side
from rules.conditions import AtLeast, Cut, IfAssessed, Subject, leaves
from rules.evaluation import Facts
from rules.findings import Quantity
from rules.logic import Answer
from rules.reasons import evaluate
from tests.rules.stories import STUDY_DATE, measured, not_assessed

SUBJECT = Subject(Quantity.TONSIL_DESCENT, Region.BRAIN, Side.WHOLE)
LEAF = AtLeast(SUBJECT, Cut(5, "mm", "[P] proposed", STUDY_DATE))


def answer(finding):
    facts = Facts({SUBJECT: finding} if finding else {}, {}, frozenset(), is_assessed=True)
    return evaluate(IfAssessed(LEAF), facts)


def test_what_is_measured_is_answered_as_ever():
    assert answer(measured(SUBJECT, 6)).answer is Answer.TRUE
    assert answer(measured(SUBJECT, 4)).answer is Answer.FALSE


def test_what_could_not_be_assessed_counts_as_no_and_is_still_told():
    outcome = answer(not_assessed(SUBJECT, "the foramen magnum is not covered"))
    assert outcome.answer is Answer.FALSE
    assert outcome.missing == ()
    assert any("the foramen magnum is not covered" in reason for reason in outcome.reasons)


def test_the_policy_still_knows_that_it_needs_the_measurement():
    assert leaves(IfAssessed(LEAF)) == (LEAF,)
