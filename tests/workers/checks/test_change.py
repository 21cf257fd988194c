"""Two FLAIR series of one template head: lesions that come, grow, stay and go, and a head that only moved."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import Course, Measured, NotAssessed, Quantity, Why
from tests.workers.imaging.heads import flat_anatomy
from workers.checks import comparison
from workers.checks.change import CHECK, FLAIR_CHECK, measure, silence
from workers.checks.check import Inputs
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.contrast import FLAIR
from workers.imaging.motion import Motion, at_rest
from workers.imaging.scan import Scan
from workers.imaging.template import load_template

NEW, GONE, CHANGE = Quantity.FLAIR_NEW_VOLUME, Quantity.FLAIR_GONE_VOLUME, Quantity.FLAIR_CHANGE
WHOLE = (Region.BRAIN, Side.WHOLE)
RIGHT_MM, LEFT_MM = (26.0, 0.0, 34.0), (-26.0, -20.0, 34.0)

Balls = tuple[tuple[tuple[float, float, float], float], ...]


@cache
def flair(balls: Balls, seed: int) -> tuple[Scan, CheckResult]:
    """A FLAIR and its hyperintensity: with bright balls, (middle in MNI mm, radius in mm), each 1.4 times as bright as the tissue."""
    volume, anatomy = flat_anatomy(noise=0.0)
    lesion = np.ones(volume.array.shape, dtype=np.float32)
    for middle, radius in balls:
        away = np.linalg.norm(
            anatomy.template_mm.astype(np.float32) - np.array(middle)[:, None, None, None], axis=0
        )
        lesion[away <= radius] = 1.4
    noise = 1 + np.random.default_rng(seed).normal(0, 0.03, lesion.shape)
    signal = (load_template(2).image(FLAIR) * lesion * noise).astype(np.float32)
    uids = f"1.2.{seed}"
    volume = replace(volume, array=signal, series_instance_uid=uids)
    mask = (lesion > 1) & anatomy.brain
    return Scan(volume, replace(anatomy, corrected=signal), at_rest()), CheckResult((), mask, Role.FLAIR)


def inputs(now: Balls, before: Balls) -> Inputs:
    (scan, found), (earlier, earlier_found) = flair(now, 1), flair(before, 2)
    return Inputs(
        {Role.FLAIR: scan},
        found={FLAIR_CHECK: found},
        earlier={Role.FLAIR: earlier},
        earlier_found={FLAIR_CHECK: earlier_found},
    )


def values(result: CheckResult) -> dict[tuple[Quantity, Region, Side], float]:
    return {(f.quantity, f.region, f.side): f.value for f in result.findings if isinstance(f, Measured)}


def ball_ml(radius_mm: float) -> float:
    return 4 / 3 * np.pi * radius_mm**3 / 1000


def moved(scan: Scan, found: CheckResult, degrees: float) -> tuple[Scan, CheckResult]:
    """The same head, turned about the middle of the grid and resampled; the motion is known."""
    turn = np.radians(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
    affine = scan.volume.affine
    centre = (affine @ [*(n / 2 for n in scan.volume.array.shape[::-1]), 1])[:3]
    motion = Motion(matrix, centre - matrix @ centre)
    back = np.linalg.inv(affine) @ np.linalg.inv(motion.homogeneous) @ affine
    flip = np.eye(3)[::-1]

    def turned(values: np.ndarray, order: int) -> np.ndarray:
        return ndimage.affine_transform(
            values.astype(np.float32), flip @ back[:3, :3] @ flip, back[:3, 3][::-1], order=order
        )

    signal = turned(scan.anatomy.corrected, 1)
    volume = replace(scan.volume, array=signal, series_instance_uid="1.2.9")
    anatomy = replace(scan.anatomy, corrected=signal)
    return Scan(volume, anatomy, motion), replace(found, mask=turned(found.mask, 1) >= 0.5)


def test_an_unchanged_lesion_is_neither_new_nor_gone():
    result = measure(inputs(((RIGHT_MM, 9.0),), ((RIGHT_MM, 9.0),)))
    found = values(result)
    assert found[(NEW, *WHOLE)] == found[(GONE, *WHOLE)] == found[(CHANGE, *WHOLE)] == 0
    (lesion,) = result.lesions
    assert lesion.course is Course.SAME
    assert lesion.volume_ml == pytest.approx(ball_ml(9), rel=0.15)


def test_a_new_lesion_has_its_volume_and_side():
    result = measure(inputs(((RIGHT_MM, 9.0), (LEFT_MM, 7.0)), ((RIGHT_MM, 9.0),)))
    found = values(result)
    assert found[(NEW, *WHOLE)] == pytest.approx(ball_ml(7), rel=0.15)
    assert found[(GONE, *WHOLE)] == 0
    assert found[(CHANGE, *WHOLE)] == pytest.approx(100 * ball_ml(7) / ball_ml(9), rel=0.2)
    assert found[(NEW, Region.CENTRUM_SEMIOVALE, Side.LEFT)] > 0.5 * ball_ml(7)
    assert found[(NEW, Region.CENTRUM_SEMIOVALE, Side.RIGHT)] == 0
    same, new = result.lesions
    assert (same.course, new.course) == (Course.SAME, Course.NEW)
    assert (same.side, new.side) == (Side.RIGHT, Side.LEFT)
    assert CHANGE not in dict(new.values)


def test_a_lesion_that_grew_is_larger_by_its_rim():
    result = measure(inputs(((RIGHT_MM, 12.0),), ((RIGHT_MM, 8.0),)))
    found = values(result)
    assert found[(NEW, *WHOLE)] == pytest.approx(ball_ml(12) - ball_ml(8), rel=0.15)
    assert found[(CHANGE, *WHOLE)] > 100
    (lesion,) = result.lesions
    assert lesion.course is Course.LARGER
    assert dict(lesion.values)[CHANGE] > 100


def test_a_lesion_that_shrank_is_smaller():
    result = measure(inputs(((RIGHT_MM, 8.0),), ((RIGHT_MM, 12.0),)))
    assert values(result)[(GONE, *WHOLE)] == pytest.approx(ball_ml(12) - ball_ml(8), rel=0.15)
    (lesion,) = result.lesions
    assert lesion.course is Course.SMALLER


def test_a_lesion_that_left_is_gone():
    result = measure(inputs((), ((RIGHT_MM, 9.0),)))
    found = values(result)
    assert found[(NEW, *WHOLE)] == 0
    assert found[(GONE, *WHOLE)] == pytest.approx(ball_ml(9), rel=0.15)
    assert found[(CHANGE, *WHOLE)] == pytest.approx(-100, abs=10)
    (lesion,) = result.lesions
    assert lesion.course is Course.GONE


def test_a_head_that_only_moved_has_nothing_new():
    scan, found = flair(((RIGHT_MM, 9.0), (LEFT_MM, 5.0)), 1)
    earlier, earlier_found = moved(scan, found, 2.0)
    given = Inputs(
        {Role.FLAIR: scan},
        found={FLAIR_CHECK: found},
        earlier={Role.FLAIR: earlier},
        earlier_found={FLAIR_CHECK: earlier_found},
    )
    seen = values(measure(given))
    assert seen[(NEW, *WHOLE)] < 0.05
    assert seen[(GONE, *WHOLE)] < 0.05


def test_change_in_per_cent_is_not_told_of_almost_nothing():
    found = values(measure(inputs(((RIGHT_MM, 9.0),), ())))
    assert (CHANGE, *WHOLE) not in found
    assert found[(NEW, *WHOLE)] == pytest.approx(ball_ml(9), rel=0.15)


def test_contrast_agent_in_one_study_only_is_not_compared():
    given = inputs(((RIGHT_MM, 9.0),), ())
    scan = given.scans[Role.FLAIR]
    after = replace(scan, volume=replace(scan.volume, is_after_contrast=True))
    with pytest.raises(CannotAssess, match="contrast agent") as refused:
        measure(replace(given, scans={Role.FLAIR: after}))
    assert refused.value.why is Why.QUALITY


def test_without_an_earlier_study_nothing_is_said():
    scan, found = flair((), 1)
    with pytest.raises(CannotAssess, match="no earlier study") as refused:
        measure(Inputs({Role.FLAIR: scan}, found={FLAIR_CHECK: found}))
    assert refused.value.why is Why.SERIES_MISSING


def test_an_earlier_study_whose_lesions_are_unknown_is_not_compared():
    given = inputs(((RIGHT_MM, 9.0),), ())
    unknown = {FLAIR_CHECK: CheckResult(())}
    with pytest.raises(CannotAssess, match="could not be measured"):
        measure(replace(given, earlier_found=unknown))


def test_another_gain_or_other_grey_contrast_makes_nothing_new():
    given = inputs(((RIGHT_MM, 9.0),), ((RIGHT_MM, 9.0),))
    scan = given.earlier[Role.FLAIR]
    grey = 1 - 0.08 * scan.anatomy.grey.astype(np.float32)
    other = replace(scan, anatomy=replace(scan.anatomy, corrected=scan.anatomy.corrected * grey * 1.02))
    found = values(measure(replace(given, earlier={Role.FLAIR: other})))
    assert found[(NEW, *WHOLE)] == found[(GONE, *WHOLE)] == 0


def test_twice_the_same_is_bit_identical():
    given = inputs(((RIGHT_MM, 12.0),), ((RIGHT_MM, 8.0),))
    assert measure(given).findings == measure(given).findings


def test_silence_covers_everything_that_is_measured():
    silent = silence(Why.QUALITY, "motion")
    result = measure(inputs(((RIGHT_MM, 12.0),), ((RIGHT_MM, 8.0),)))
    assert {(f.quantity, f.region, f.side) for f in result.findings} <= {
        (f.quantity, f.region, f.side) for f in silent
    }
    assert all(isinstance(one, NotAssessed) for one in silent)
    assert CHECK.uses_earlier


def thick(balls: Balls, seed: int, start: int) -> tuple[Scan, CheckResult]:
    """Slices of 6 mm, from the thin slice `start` on; hyperintense is what is bright in them."""
    scan, found = flair(balls, seed)
    anatomy = scan.anatomy
    count = (len(anatomy.brain) - start) // 3

    def mean(values: np.ndarray) -> np.ndarray:
        parts = values[start : start + 3 * count].reshape(count, 3, *values.shape[1:])
        return parts.mean(axis=1).astype(np.float32)

    middles = slice(start + 1, start + 3 * count, 3)
    names = ("brain", "parts", "is_left", "grey", "white", "depth_mm")
    arrays = {name: getattr(anatomy, name)[middles] for name in names}
    signal = mean(anatomy.corrected)
    places = anatomy.template_mm[:, middles]
    affine = scan.volume.affine @ np.diag([1.0, 1.0, 3.0, 1.0])
    affine[:3, 3] += scan.volume.affine[:3, 2] * (start + 1)
    volume = replace(
        scan.volume, array=signal, affine=affine, sop_instance_uids=scan.volume.sop_instance_uids[middles]
    )
    mask = (mean(found.mask) > 0) & (signal > 1.15) & arrays["brain"]
    anatomy = replace(anatomy, **arrays, corrected=signal, template_mm=places)
    return Scan(volume, anatomy, at_rest()), CheckResult((), mask, Role.FLAIR)


AROUND_VENTRICLES: Balls = (((16.0, -10.0, 24.0), 13.0), ((-16.0, -10.0, 24.0), 13.0))


def thick_new(balls: Balls, before: Balls) -> float:
    (scan, found), (earlier, earlier_found) = thick(balls, 1, 0), thick(before, 2, 1)
    seen = measure(
        Inputs(
            {Role.FLAIR: scan},
            found={FLAIR_CHECK: found},
            earlier={Role.FLAIR: earlier},
            earlier_found={FLAIR_CHECK: earlier_found},
        )
    )
    return values(seen)[(NEW, *WHOLE)]


def test_fluid_that_thick_slices_of_other_heights_mix_in_makes_nothing_new(monkeypatch):
    unchanged = thick_new(AROUND_VENTRICLES, AROUND_VENTRICLES)
    monkeypatch.setattr(comparison, "MIXED", 0.0)
    assert thick_new(AROUND_VENTRICLES, AROUND_VENTRICLES) > 2 * unchanged
    assert unchanged < 0.3


def test_a_new_lesion_in_thick_slices_is_new():
    found = thick_new((*AROUND_VENTRICLES, ((30.0, -50.0, 36.0), 9.0)), AROUND_VENTRICLES)
    assert found == pytest.approx(ball_ml(9), rel=0.35)
