"""Provisional results: what is missing is awaited, nothing is raised by it, and nothing that it raised is lost."""

from dataclasses import replace

import pytest

from rules.anatomy import Region, Role, Side
from rules.conditions import Subject
from rules.context import PatientContext, Recorded
from rules.decide import decide
from rules.decision import Status
from rules.facts import Case
from rules.findings import NotAssessed, Quantity, Why
from rules.policy import load
from rules.provisional import awaiting, is_due
from rules.urgency import Priority
from tests.rules.stories import NOW, STUDY_DATE, measured

F, D, A, T1, T2, SWI = Role.FLAIR, Role.DWI, Role.ADC, Role.T1, Role.T2, Role.SWI


@pytest.mark.parametrize(
    ("settled", "reported", "expected"),
    [
        ({T1, F}, (), True),
        ({T1, T2, SWI}, (), False),
        ({D, A}, (), False),
        ({D, T2}, (), False),
        ({D, A, T2}, (), True),
        ({F, D, A}, {F}, True),
        ({F, D, SWI}, {F}, False),
        ({F, D, A}, {F, D, A}, False),
        ({F, D, A, T2}, {D, A, T2}, True),
    ],
)
def test_each_sufficient_group_of_series_gives_one_provisional_result(settled, reported, expected):
    assert is_due(settled, reported) is expected


def silent(quantity: Quantity, why: Why, detail: str) -> NotAssessed:
    return NotAssessed(quantity, Region.BRAIN, Side.WHOLE, why, detail)


def test_a_missing_series_is_not_yet_received_and_nothing_else_changes():
    missing = silent(Quantity.FLAIR_VOLUME, Why.SERIES_MISSING, "no FLAIR series")
    spoiled = silent(Quantity.RESTRICTED_VOLUME, Why.QUALITY, "motion ghosts")
    alone = silent(Quantity.FLAIR_CHANGE, Why.SERIES_MISSING, "no earlier study")
    late = silent(Quantity.MICROBLEED_NEW_COUNT, Why.SERIES_MISSING, "no SWI series")
    assert awaiting([missing, spoiled, alone, late]) == (
        replace(missing, detail="not yet received: no FLAIR series"),
        spoiled,
        alone,
        replace(late, detail="not yet received: no SWI series"),
    )


def case(*findings, **changes) -> Case:
    context = PatientContext(is_cart_recipient=True, icans_grade=Recorded(1, NOW), has_neuro_indication=True)
    return Case(findings, context, (Role.DWI,), NOW, STUDY_DATE, ("MR",), **changes)


NOTHING = silent(Quantity.FLAIR_VOLUME, Why.SERIES_MISSING, "not yet received: no FLAIR series")


def codes(decision) -> set[str]:
    return {floor.code for floor in decision.floors}


def test_the_quality_floor_waits_for_the_whole_study():
    whole, so_far = (decide(load(), case(NOTHING, is_arriving=is_arriving)) for is_arriving in (False, True))
    assert "QUALITY" in codes(whole)
    assert "QUALITY" not in codes(so_far)
    assert "F3" in codes(so_far), "a clinical floor does not rest on the images"
    (not_assessable,) = [one for one in so_far.patterns if one.rule == "R19"]
    assert not_assessable.status is Status.OPEN


def test_a_provisional_result_says_so_in_every_place_that_is_read_alone():
    decision = decide(load(), case(NOTHING, is_arriving=True))
    assert "PROVISIONAL, open (not yet received: no FLAIR series)" in decision.headline
    assert any(
        one.startswith("PROVISIONAL result on a study that still arrives") for one in decision.sentences
    )
    assert "NOT ASSESSED" not in " ".join((decision.headline, *decision.sentences))


def test_what_was_seen_so_far_raises_at_once():
    shift = measured(Subject(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE), 9.0)
    decision = decide(load(), case(NOTHING, shift, is_arriving=True))
    assert decision.imaging_priority is Priority.P1


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (Priority.P3, "Confirms the priority of the provisional result of this study (P3)."),
        (Priority.P4, "Raises the provisional result of this study from P4 to P3."),
        (
            Priority.P1,
            "an earlier result of this study asked for P1, this one by itself asks for P3; the flag stands",
        ),
    ],
)
def test_the_whole_study_confirms_raises_or_explains(before, words):
    decision = decide(load(), case(NOTHING, earlier_priority=before, is_after_provisional=True))
    assert words in " ".join(decision.sentences)
    assert not before.is_above(decision.priority)


def test_a_result_after_another_whole_one_says_nothing_of_a_provisional_one():
    decision = decide(load(), case(NOTHING, earlier_priority=Priority.P3))
    assert "provisional" not in " ".join(decision.sentences).lower()
