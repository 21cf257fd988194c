"""Two decisions side by side: each rule, floor and field that is not the same in both."""

from dataclasses import replace

from rules.anatomy import Region, Side
from rules.codec import from_plain, to_plain
from rules.context import PatientContext
from rules.decide import decide
from rules.decision import Decision, Floor, Status
from rules.facts import Case
from rules.findings import Evidence, Lesion, Measured, NotAssessed, Quantity, Unit, Why
from rules.messages import StudyTriaged
from rules.policy import Policy
from rules.replay import NOTHING, Difference, differences, measured_differences
from rules.urgency import Priority
from tests.rules.making import POLICY
from tests.rules.stories import NOW, STUDY_DATE


def decided() -> Decision:
    return decide(POLICY, Case((), PatientContext(), (), NOW, STUDY_DATE))


def test_a_decision_is_like_itself():
    assert differences(decided(), decided()) == ()


def test_a_rule_that_answers_otherwise_is_told_by_field():
    one = decided()
    first, *others = one.patterns
    other = replace(one, patterns=(replace(first, status=Status.ABSENT, missing=("T2",)), *others))
    assert first.status is Status.OPEN
    status, missing = differences(one, other)
    assert status == Difference(f"{first.rule} {first.name}", "status", "open", "absent")
    assert (missing.field, missing.replayed) == ("missing", '["T2"]')


def test_a_rule_that_is_gone_is_told_whole():
    one = decided()
    (gone,) = differences(one, replace(one, patterns=one.patterns[1:]))
    assert (gone.where, gone.field, gone.replayed) == (
        f"{one.patterns[0].rule} {one.patterns[0].name}",
        "itself",
        NOTHING,
    )


def test_a_rule_or_floor_of_one_side_is_told_in_full():
    floor = Floor("F1", Priority.P2, "Größe")
    one = replace(decided(), floors=())
    (new,) = differences(one, replace(one, floors=(floor,)))
    told = '{"because": "Größe", "code": "F1", "priority": "P2", "type": "Floor"}'
    assert new == Difference("floor F1", "itself", NOTHING, told)
    (gone,) = differences(replace(one, floors=(floor,)), one)
    assert gone == Difference("floor F1", "itself", told, NOTHING)


def test_each_of_several_floors_of_one_code_has_its_number():
    floors = tuple(Floor(code, Priority.P2, "a") for code in ("F1", "F3", "F1", "F1"))
    one = replace(decided(), floors=())
    told = differences(one, replace(one, floors=floors))
    assert [found.where for found in told] == ["floor F1", "floor F3", "floor F1 no. 2", "floor F1 no. 3"]


def test_floors_of_one_code_are_told_apart():
    floors = (Floor("F1", Priority.P2, "a"), Floor("F1", Priority.P3, "b"))
    one = replace(decided(), floors=floors)
    (found,) = differences(one, replace(one, floors=(floors[0], replace(floors[1], because="c"))))
    assert found == Difference("floor F1 no. 2", "because", "b", "c")


def test_what_is_missing_on_one_side_only_differs():
    one = replace(decided(), could_be=None)
    assert differences(one, replace(one, could_be=Priority.P1)) == (
        Difference("decision", "could_be", NOTHING, "P1"),
    )


def test_a_policy_goes_through_plain_data_unchanged():
    assert from_plain(Policy, to_plain(POLICY)) == POLICY


def test_findings_and_lesions_are_compared_one_by_one():
    evidence = Evidence("a 1", "1.2")
    pons = Measured(Quantity.FLAIR_VOLUME, Region.PONS, Side.LEFT, 1.5, Unit.MILLILITRE, evidence)
    gone = NotAssessed(Quantity.FLAIR_VOLUME, Region.PONS, Side.LEFT, Why.QUALITY, "motion")
    lesion = Lesion("flair", Region.PONS, Side.LEFT, 1.0, (0.0, 0.0, 0.0), 9.0, "1.2")
    one = StudyTriaged("a", "1.2", 1, decided(), (pons,), (), (), (), {}, (lesion, lesion))
    assert measured_differences(one, replace(one, versions={"numpy": "2"}, stages=())) == ()
    (value,) = measured_differences(one, replace(one, findings=(replace(pons, value=1.6),)))
    assert value == Difference("flair_volume of left pons", "value", "1.5", "1.6")
    (whole,) = measured_differences(one, replace(one, findings=(gone,)))
    assert (whole.where, whole.field) == ("flair_volume of left pons", "itself")
    (fewer,) = measured_differences(one, replace(one, lesions=(lesion,)))
    assert (fewer.where, fewer.replayed) == ("lesion of flair no. 2", NOTHING)
