"""What two studies' checks saw, laid on each other: areas that come, grow, stay and go in a phantom head."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from rules.anatomy import Region, Role, Side
from rules.findings import Course, Measured, NotAssessed, Quantity, Why
from tests.workers.checks.test_change import moved
from tests.workers.imaging.heads import flat_anatomy
from workers.checks import area_change
from workers.checks.area_change import (
    BLEEDING,
    CONTRAST,
    DIFFUSION,
    ENHANCEMENT,
    HAEMORRHAGE,
    RESTRICTION,
    Kind,
)
from workers.checks.check import Inputs, Lack
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan

WHOLE = (Region.BRAIN, Side.WHOLE)
RIGHT_MM, LEFT_MM = (26.0, 0.0, 34.0), (-26.0, -20.0, 34.0)
Balls = tuple[tuple[tuple[float, float, float], float], ...]
QUANTITIES = (Quantity.RESTRICTED_NEW_VOLUME, Quantity.RESTRICTED_GONE_VOLUME, Quantity.RESTRICTED_CHANGE)


@cache
def seen(balls: Balls) -> tuple[Scan, CheckResult]:
    """A series and what the check saw on it: balls, (middle in MNI mm, radius in mm)."""
    volume, anatomy = flat_anatomy(noise=0.0)
    places = anatomy.template_mm.astype(np.float32)
    away = [
        np.linalg.norm(places - np.array(mm)[:, None, None, None], axis=0) / radius for mm, radius in balls
    ]
    mask = np.logical_or.reduce([one <= 1 for one in away], axis=0) if away else np.zeros_like(anatomy.brain)
    volume = replace(volume, dephasing=60.0)
    return Scan(volume, anatomy, at_rest()), CheckResult((), mask & anatomy.brain, Role.DWI)


def inputs(now: tuple[Scan, CheckResult], before: tuple[Scan, CheckResult], kind: Kind = DIFFUSION) -> Inputs:
    return Inputs(
        {kind.role: now[0]},
        found={kind.check: now[1]},
        earlier={kind.role: before[0]},
        earlier_found={kind.check: before[1]},
    )


def values(
    result: CheckResult, region: Region = Region.BRAIN, side: Side = Side.WHOLE
) -> dict[Quantity, float]:
    return {
        one.quantity: one.value
        for one in result.findings
        if isinstance(one, Measured) and (one.region, one.side) == (region, side)
    }


def ball_ml(radius_mm: float) -> float:
    return 4 / 3 * np.pi * radius_mm**3 / 1000


@pytest.mark.parametrize("kind", [DIFFUSION, CONTRAST, BLEEDING])
def test_what_is_unchanged_is_neither_new_nor_gone_nor_less(kind):
    one = seen(((RIGHT_MM, 9.0),))
    result = area_change.measure(kind, inputs(one, one, kind))
    assert set(values(result).values()) == {0.0}
    assert [one.course for one in result.lesions] == [Course.SAME]


def test_a_head_that_moved_and_an_edge_that_differs_make_nothing_new():
    now, before = seen(((RIGHT_MM, 9.0),)), seen(((RIGHT_MM, 7.5),))
    result = area_change.measure(DIFFUSION, inputs(now, moved(*before, 2.0)))
    new, gone, change = (values(result)[quantity] for quantity in QUANTITIES)
    assert (new, gone) == (0, 0)
    assert change == pytest.approx(100 * (9**3 / 7.5**3 - 1), rel=0.2)


def test_a_new_area_has_its_volume_and_side():
    result = area_change.measure(
        DIFFUSION, inputs(seen(((RIGHT_MM, 9.0), (LEFT_MM, 7.0))), seen(((RIGHT_MM, 9.0),)))
    )
    new, gone, _ = (values(result)[quantity] for quantity in QUANTITIES)
    assert new == pytest.approx(ball_ml(7), rel=0.15)
    assert gone == 0
    assert values(result, Region.CENTRUM_SEMIOVALE, Side.LEFT)[QUANTITIES[0]] > 0.5 * ball_ml(7)
    assert values(result, Region.CENTRUM_SEMIOVALE, Side.RIGHT)[QUANTITIES[0]] == 0
    same, new = result.lesions
    assert (same.side, same.course) == (Side.RIGHT, Course.SAME)
    assert (new.side, new.course) == (Side.LEFT, Course.NEW)


def test_a_new_area_of_any_size_is_new():
    """A check that tells of so small an area of the splenium must not have it called old here."""
    result = area_change.measure(
        DIFFUSION, inputs(seen(((RIGHT_MM, 9.0), (LEFT_MM, 2.5))), seen(((RIGHT_MM, 9.0),)))
    )
    assert 0.03 < values(result)[QUANTITIES[0]] < 0.1


def test_what_lies_outside_of_the_earlier_slices_is_not_called_old():
    now, (before, found) = seen(((RIGHT_MM, 9.0),)), seen(())
    affine = before.volume.affine.copy()
    affine[2, 3] += 100.0 * (1 if affine[2, 2] < 0 else -1)
    low = replace(before, volume=replace(before.volume, affine=affine))
    with pytest.raises(CannotAssess, match="outside of the slices of the earlier study") as refused:
        area_change.measure(DIFFUSION, inputs(now, (low, found)))
    assert refused.value.why is Why.COVERAGE


def test_an_area_that_left_is_gone_and_one_that_grew_far_is_larger():
    result = area_change.measure(
        DIFFUSION, inputs(seen(((RIGHT_MM, 14.0),)), seen(((RIGHT_MM, 7.0), (LEFT_MM, 7.0))))
    )
    new, gone, change = (values(result)[quantity] for quantity in QUANTITIES)
    assert new == pytest.approx(ball_ml(14) - ball_ml(11), rel=0.2)
    assert gone == pytest.approx(ball_ml(7), rel=0.15)
    assert change > 200
    assert [one.course for one in result.lesions] == [Course.LARGER, Course.GONE]


def test_a_change_in_per_cent_is_not_told_of_almost_nothing():
    result = area_change.measure(DIFFUSION, inputs(seen(((RIGHT_MM, 9.0),)), seen(())))
    assert QUANTITIES[2] not in values(result)


def test_microbleeds_in_the_mask_are_no_haemorrhage_and_a_larger_one_is_larger():
    before = seen(((RIGHT_MM, 7.0),))
    result = area_change.measure(BLEEDING, inputs(seen(((RIGHT_MM, 9.0), (LEFT_MM, 3.0))), before, BLEEDING))
    found = values(result)
    assert found[Quantity.HAEMORRHAGE_NEW_VOLUME] == 0
    assert found[Quantity.HAEMORRHAGE_CHANGE] == pytest.approx(100 * (9**3 / 7**3 - 1), rel=0.2)
    fresh = area_change.measure(BLEEDING, inputs(seen(((RIGHT_MM, 7.0), (LEFT_MM, 7.0))), before, BLEEDING))
    assert values(fresh)[Quantity.HAEMORRHAGE_NEW_VOLUME] == pytest.approx(ball_ml(7), rel=0.15)


def test_a_haemorrhage_of_another_technique_is_not_compared():
    now, (scan, found) = seen(()), seen(())
    other = replace(scan, volume=replace(scan.volume, dephasing=20.0))
    with pytest.raises(CannotAssess, match="as in SWI and T2"):
        area_change.measure(BLEEDING, inputs(now, (other, found), BLEEDING))


def test_other_voxels_are_not_compared():
    now, (before, found) = seen(()), seen(())
    coarse = np.diag([1.0, 1.0, 3.0, 1.0])
    other = replace(before, volume=replace(before.volume, affine=before.volume.affine @ coarse))
    with pytest.raises(CannotAssess, match="not comparable: the voxels of the two DWI series") as refused:
        area_change.measure(DIFFUSION, inputs(now, (other, found)))
    assert refused.value.why is Why.GEOMETRY


def test_what_one_of_the_studies_could_not_measure_is_not_compared():
    now, (scan, _) = seen(()), seen(())
    silent = NotAssessed(Quantity.RESTRICTED_VOLUME, *WHOLE, Why.QUALITY, "motion ghosts")
    with pytest.raises(CannotAssess, match="the earlier study could not be measured: motion ghosts"):
        area_change.measure(DIFFUSION, inputs(now, (scan, CheckResult((silent,)))))
    with pytest.raises(CannotAssess, match="of this study could not be measured"):
        area_change.measure(DIFFUSION, inputs((scan, CheckResult(())), now))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "no earlier study"),
        ({"earlier_found": {"restricted_diffusion": CheckResult(())}}, "earlier study: no DWI series"),
        ({"earlier_lacking": {Role.DWI: Lack(Why.QUALITY, "motion ghosts")}}, "earlier study: motion ghosts"),
    ],
)
def test_why_there_is_nothing_to_compare_with_is_said(given, words):
    scan, found = seen(())
    with pytest.raises(CannotAssess, match=words):
        area_change.measure(DIFFUSION, Inputs({Role.DWI: scan}, found={DIFFUSION.check: found}, **given))


def test_a_region_that_one_study_does_not_cover_is_not_compared():
    now, (before, found) = seen(()), seen(())
    covered = {**before.anatomy.covered, Region.CEREBELLUM: 0.4}
    cut = replace(before, anatomy=replace(before.anatomy, covered=covered))
    result = area_change.measure(DIFFUSION, inputs(now, (cut, found)))
    silent = [one for one in result.findings if isinstance(one, NotAssessed)]
    assert {(one.region, one.why) for one in silent} == {(Region.CEREBELLUM, Why.COVERAGE)}


@pytest.mark.parametrize(
    ("check", "kind"), [(RESTRICTION, DIFFUSION), (ENHANCEMENT, CONTRAST), (HAEMORRHAGE, BLEEDING)]
)
def test_everything_that_is_measured_can_also_be_silent(check, kind):
    now, before = seen(((RIGHT_MM, 9.0),)), seen(((RIGHT_MM, 8.0),))
    result = check.measure(inputs(now, before, kind))
    said = {(one.quantity, one.region, one.side) for one in result.findings}
    silent = check.silence(Why.CRASH, "stopped")
    assert said <= {(one.quantity, one.region, one.side) for one in silent}
    assert {quantity for quantity, *_ in said} == {kind.new, kind.gone, kind.change}
    assert check.uses_earlier
    assert check.after == (kind.check,)
