"""Dark foci of two sessions of one phantom head: which come, stay and go, and what is not compared."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from rules.anatomy import Region, Role, Side
from rules.findings import Course, Measured, NotAssessed, Quantity, Why
from tests.workers.checks.dark_heads import GRIDS, Head, Place
from workers.checks import susceptibility
from workers.checks.bleed_change import CHECK, QUANTITIES, measure, silence
from workers.checks.check import Inputs
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.motion import Motion
from workers.imaging.scan import Scan, carried_mm

OLD: tuple[Place, ...] = ((12.0, 7.0, 20.0), (-13.0, 4.0, 26.0), (-10.0, -30.0, 14.0), (13.0, -24.0, 27.0))
FRESH: Place = (0.0, -12.0, 35.0)
SWI_DEPHASING = 60.0
"""20 ms at 3 T."""
Moved = tuple[float, float, float]
UNMOVED: Moved = (0.0, 0.0, 0.0)
ELSEWHERE: Moved = (4.0, -7.3, 5.1)


@cache
def session(
    places: tuple[Place, ...],
    spacing: Place = GRIDS[0],
    moved_mm: Moved = UNMOVED,
    *,
    faint: Place | None = None,
    vein: tuple[Place, Place] | None = None,
) -> Scan:
    """A SWI with foci of 4.5 mm, of a patient who lay elsewhere by so much, which the registration knows.

    faint : place of one too faint to count
    """
    head = Head(spacing, noise=0.03)
    for place in places:
        head.ball(place, 4.5)
    if faint:
        head.ball(faint, 4.5, 0.76)
    if vein:
        head.tube(*vein)
    scan = head.scan()
    affine = scan.volume.affine.copy()
    affine[:3, 3] += moved_mm
    volume = replace(scan.volume, affine=affine, dephasing=SWI_DEPHASING)
    return replace(scan, volume=volume, motion=Motion(np.eye(3), np.array(moved_mm)))


@cache
def foci(scan: Scan) -> CheckResult:
    return susceptibility.measure(Inputs({Role.SWI: scan}))


def compared(now: Scan, before: Scan) -> CheckResult:
    return measure(
        Inputs(
            {Role.SWI: now},
            found={susceptibility.NAME: foci(now)},
            earlier={Role.SWI: before},
            earlier_found={susceptibility.NAME: foci(before)},
        )
    )


def counts(result: CheckResult, region: Region = Region.BRAIN, side: Side = Side.WHOLE) -> list[float]:
    """New, not known from before, gone."""
    held = {
        one.quantity: one.value
        for one in result.findings
        if isinstance(one, Measured) and (one.region, one.side) == (region, side)
    }
    return [held[quantity] for quantity in QUANTITIES]


@pytest.mark.parametrize(
    ("grid", "moved_mm"), [(GRIDS[0], UNMOVED), (GRIDS[0], ELSEWHERE), (GRIDS[2], ELSEWHERE)]
)
def test_what_was_there_is_not_new_wherever_the_patient_lay(grid, moved_mm):
    result = compared(session(OLD, grid), session(OLD, grid, moved_mm))
    assert counts(result) == [0, 0, 0]
    assert not result.mask.any()
    assert [dict(one.values)[Quantity.MICROBLEED_NEW_COUNT] for one in result.lesions] == [0.0] * len(
        result.lesions
    )


def test_a_registration_that_errs_by_two_millimetres_makes_nothing_new():
    before = session(OLD)
    erring = replace(before, motion=Motion(np.eye(3), np.array([1.4, -1.0, 1.0])))
    assert counts(compared(session(OLD), erring)) == [0, 0, 0]


def test_a_new_focus_is_counted_where_it_lies_and_shown():
    now = session((*OLD, FRESH))
    result = compared(now, session(OLD, moved_mm=ELSEWHERE))
    assert counts(result) == [1, 1, 0]
    assert counts(result, Region.PARIETAL, Side.WHOLE) == [1, 1, 0]
    assert counts(result, Region.FRONTAL, Side.WHOLE) == [0, 0, 0]
    k, j, i = (int(axis.mean()) for axis in np.nonzero(result.mask))
    assert np.linalg.norm(now.anatomy.template_mm[:, k, j, i] - np.array(FRESH)) < 2
    (new,) = [one for one in result.lesions if one.course is Course.NEW]
    assert np.linalg.norm(np.array(new.centre_mm) - np.array(FRESH)) < 2


def test_a_focus_that_left_is_gone():
    assert counts(compared(session(OLD[1:]), session(OLD))) == [0, 0, 1]


def test_a_new_focus_beside_an_old_one_is_not_taken_for_it():
    beside = (OLD[0][0], OLD[0][1] - 9.0, OLD[0][2])
    assert counts(compared(session((*OLD, beside)), session(OLD))) == [1, 1, 0]


def test_other_voxels_of_like_size_are_compared():
    assert counts(compared(session((*OLD, FRESH)), session(OLD, (0.8, 0.8, 1.6)))) == [1, 1, 0]


def test_where_a_vein_or_too_faint_a_focus_was_a_focus_is_not_surely_new():
    vein = ((0.0, -12.0, 10.0), (0.0, -12.0, 40.0))
    assert counts(compared(session((*OLD, FRESH)), session(OLD, vein=vein))) == [0, 1, 0]
    before = session(OLD, faint=FRESH)
    assert len(foci(before).lesions) == len(OLD)
    assert counts(compared(session((*OLD, FRESH)), before)) == [0, 1, 0]


def test_what_lies_outside_of_the_earlier_slices_is_not_surely_new():
    before = session(OLD)
    low = slice(0, int((FRESH[2] - 4.0 - before.volume.affine[2, 3]) / before.volume.spacing_mm[2]))
    anatomy = before.anatomy
    arrays = {
        name: getattr(anatomy, name)[low]
        for name in ("brain", "corrected", "parts", "is_left", "grey", "white", "depth_mm")
    }
    anatomy = replace(anatomy, **arrays, template_mm=anatomy.template_mm[:, low])
    volume = replace(
        before.volume, array=before.volume.array[low], sop_instance_uids=before.volume.sop_instance_uids[low]
    )
    result = compared(session((*OLD, FRESH)), Scan(volume, anatomy, before.motion))
    assert counts(result) == [0, 1, 0]
    (whole,) = [one for one in result.findings if (one.quantity, one.region) == (QUANTITIES[0], Region.BRAIN)]
    assert whole.uncertainty >= 1


@pytest.mark.parametrize(
    ("changes", "why", "words"),
    [
        ({"dephasing": 30.0}, Why.QUALITY, "echo time by field strength 60 and 30 ms T"),
        ({"dephasing": None}, Why.QUALITY, "no echo time or field strength"),
        (
            {"affine": np.diag([0.9, 0.9, 4.0, 1.0])},
            Why.GEOMETRY,
            r"voxels of 0.9 x 0.9 x 2.0 and 0.9 x 0.9 x 4.0 mm",
        ),
    ],
)
def test_unlike_series_are_not_compared(changes, why, words):
    now, before = session(()), session(())
    found = {susceptibility.NAME: foci(now)}
    other = replace(before, volume=replace(before.volume, **changes))
    with pytest.raises(CannotAssess, match=f"not comparable: .*{words}") as refused:
        measure(Inputs({Role.SWI: now}, found=found, earlier={Role.SWI: other}, earlier_found=found))
    assert refused.value.why is why


def test_without_an_earlier_swi_nothing_is_said():
    now = session(())
    found = {susceptibility.NAME: foci(now)}
    for earlier_found, words in (({}, "no earlier study"), (found, "the earlier study: no SWI series")):
        with pytest.raises(CannotAssess, match=words) as refused:
            measure(Inputs({Role.SWI: now}, found=found, earlier_found=earlier_found))
        assert refused.value.why is Why.SERIES_MISSING


def test_foci_that_could_not_be_counted_are_not_compared():
    now = session(())
    found = {susceptibility.NAME: foci(now)}
    noisy = {susceptibility.NAME: CheckResult(susceptibility.silence(Why.QUALITY, "too noisy"))}
    for ours, theirs, words in (
        (found, noisy, "the earlier study .* too noisy"),
        (noisy, found, "this study"),
    ):
        with pytest.raises(CannotAssess, match=words):
            measure(Inputs({Role.SWI: now}, found=ours, earlier={Role.SWI: now}, earlier_found=theirs))


def test_a_region_that_one_study_does_not_cover_is_not_compared():
    before = session(OLD)
    covered = {**before.anatomy.covered, Region.CEREBELLUM: 0.4}
    result = compared(session(OLD), replace(before, anatomy=replace(before.anatomy, covered=covered)))
    silent = [one for one in result.findings if isinstance(one, NotAssessed)]
    assert {one.region for one in silent} == {Region.CEREBELLUM}
    assert {one.why for one in silent} == {Why.COVERAGE}


def test_everything_that_is_measured_can_also_be_silent_and_twice_is_the_same():
    now, before = session((*OLD, FRESH)), session(OLD)
    result = compared(now, before)
    said = {(one.quantity, one.region, one.side) for one in result.findings}
    assert said == {(one.quantity, one.region, one.side) for one in silence(Why.CRASH, "stopped")}
    assert result.findings == compared(now, before).findings
    assert CHECK.uses_earlier


def test_a_place_is_carried_there_and_back():
    now, before = session(()), session((), moved_mm=ELSEWHERE)
    places = np.array([OLD[0], OLD[1]]).T
    assert carried_mm(places, now, before) == pytest.approx(places + np.array([[4.0], [-7.3], [5.1]]))
    assert carried_mm(carried_mm(places, now, before), before, now) == pytest.approx(places)
