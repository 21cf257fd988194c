from datetime import date

import pytest

from rules.anatomy import Region, Side
from rules.conditions import Subject
from rules.facts import Earlier, LastResult
from rules.findings import UNITS, Measured, NotAssessed, Quantity, Why
from rules.last_result import DERIVED, since_last_result
from tests.rules.stories import measured, not_assessed

THALAMUS = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.WHOLE)
DIFFERENCE = THALAMUS._replace(quantity=Quantity.FLAIR_RESULT_DIFFERENCE)
CHANGE = THALAMUS._replace(quantity=Quantity.FLAIR_RESULT_CHANGE)
DAY = date(2026, 5, 4)


def since(now, before, earlier: Earlier | None = None):
    last = LastResult(DAY, () if before is None else (before,))
    return since_last_result({THALAMUS: now}, last, earlier)


def test_more_is_told_in_millilitres_and_in_per_cent():
    found = since(measured(THALAMUS, 6.0), measured(THALAMUS, 4.0))
    assert set(found) == {DIFFERENCE, CHANGE}
    for subject, value in ((DIFFERENCE, 2.0), (CHANGE, 50.0)):
        one = found[subject]
        assert isinstance(one, Measured)
        assert (one.value, one.unit, one.region, one.side) == (value, UNITS[subject.quantity], *THALAMUS[1:])
        assert one.evidence == measured(THALAMUS, 6.0).evidence


@pytest.mark.parametrize(("before", "told"), [(0.99, False), (1.0, True)])
def test_of_less_than_a_millilitre_no_share_is_told(before: float, *, told: bool):
    found = since(measured(THALAMUS, 6.0), measured(THALAMUS, before))
    assert (CHANGE in found) is told
    assert DIFFERENCE in found


@pytest.mark.parametrize(
    ("now", "before", "detail"),
    [
        (not_assessed(THALAMUS, "motion"), measured(THALAMUS, 4.0), "motion"),
        (measured(THALAMUS, 6.0), not_assessed(THALAMUS, "outside the slices"), "outside the slices"),
        (measured(THALAMUS, 6.0), None, "not in the last result"),
    ],
)
def test_what_either_study_could_not_tell_is_not_assessed_with_the_reason(now, before, detail: str):
    found = since(now, before)
    assert {one.quantity for one in found} == DERIVED
    for one in found.values():
        assert isinstance(one, NotAssessed)
        assert (one.detail, one.region, one.side) == (detail, *THALAMUS[1:])


def test_a_gap_keeps_its_kind():
    found = since(measured(THALAMUS, 6.0), NotAssessed(*THALAMUS, Why.QUALITY, "motion"))
    assert {one.why for one in found.values() if isinstance(one, NotAssessed)} == {Why.QUALITY}


@pytest.mark.parametrize(
    ("earlier", "compares"),
    [
        (None, True),
        (Earlier(date(2026, 5, 3)), True),
        (Earlier(None), True),
        (Earlier(DAY), False),
        (Earlier(date(2026, 5, 5)), False),
    ],
)
def test_images_of_that_study_or_a_later_one_know_more(earlier: Earlier | None, *, compares: bool):
    assert bool(since(measured(THALAMUS, 6.0), measured(THALAMUS, 4.0), earlier)) is compares


def test_without_a_last_result_nothing_follows():
    assert since_last_result({THALAMUS: measured(THALAMUS, 6.0)}, None, None) == {}


def test_only_flair_volumes_are_compared():
    restricted = THALAMUS._replace(quantity=Quantity.RESTRICTED_VOLUME)
    last = LastResult(DAY, (measured(restricted, 1.0),))
    assert since_last_result({restricted: measured(restricted, 2.0)}, last, None) == {}
