"""The cord in the field of view, on a canal of known length and signal drawn below the template's medulla."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import Measured, NotAssessed, Quantity, Why
from workers.checks.check import Inputs
from workers.checks.cord import CHECK, held_ratio, measure, silence
from workers.checks.cord_course import DOWN, FORAMEN, Course
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

MM = 2.0
CORD, FLUID, FLESH = {Role.T2: 100.0, Role.FLAIR: 100.0}, {Role.T2: 300.0, Role.FLAIR: 25.0}, 60.0


def necked(
    role: Role = Role.T2,
    below_mm: float = 60.0,
    *,
    lesion: tuple[float, float, float] | None = None,
    fade=0.0,
) -> Scan:
    """The hindbrain with a canal under it, down to `below_mm` under the foramen.

    lesion : first and last mm below the foramen, and the factor of the signal; fade : loss of log signal per mm
    """
    low = FORAMEN[2] - below_mm * -DOWN[2]
    z = np.arange(low, -10.0, MM)
    y, x = np.arange(-90.0, 10.0, MM), np.arange(45.0, -45.1, -MM)  # LPS: i runs to the patient's left
    zz, yy, xx = np.meshgrid(z, y, x, indexing="ij")
    below = (zz - FORAMEN[2]) / DOWN[2]
    axis_y = FORAMEN[1] + below * DOWN[1]
    radius = np.hypot(xx / 1.25, yy - axis_y)
    signal = np.where(radius < 4.6, CORD[role], np.where(radius < 9.0, FLUID[role], FLESH))
    if lesion:
        signal[(radius < 4.6) & (below >= lesion[0]) & (below <= lesion[1])] *= lesion[2]
    signal = signal * np.exp(-fade * np.clip(below, 0, None))
    signal = ndimage.gaussian_filter(signal, 0.4) + np.random.default_rng(3).normal(0, 2.0, signal.shape)
    affine = np.diag([-MM, -MM, MM, 1.0]) @ np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-x[0], -y[0], z[0])
    shape = signal.shape
    brain = (zz > -60) & (np.hypot(xx / 40, (yy + 45) / 40) < 1)
    blank = np.zeros(shape, dtype=np.float16)
    anatomy = Anatomy(
        brain=brain,
        corrected=signal.astype(np.float32),
        parts=np.zeros(shape, np.uint8),
        is_left=xx < 0,
        grey=blank,
        white=blank,
        depth_mm=blank,
        template_mm=np.where(brain, np.stack([xx, yy, zz]), 0).astype(np.float16),
        covered=dict.fromkeys(Region, 1.0),
    )
    uids = tuple(f"1.2.3.{k}" for k in range(shape[0]))
    return Scan(Volume(signal.astype(np.float32), affine, role, "1.2.3", "1.2.4", uids), anatomy, at_rest())


def found(*scans: Scan) -> dict[Quantity, Measured | NotAssessed]:
    result = measure(Inputs({scan.volume.role: scan for scan in scans}))
    return {finding.quantity: finding for finding in result.findings}


@pytest.mark.parametrize("role", [Role.T2, Role.FLAIR])
def test_an_even_cord_is_followed_and_has_a_ratio_of_one(role):
    findings = found(necked(role))
    assert findings[Quantity.CORD_LENGTH].value == pytest.approx(60, abs=5)
    assert findings[Quantity.CORD_RATIO].value == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(("factor", "fade"), [(1.2, 0.0), (1.4, 0.0), (1.3, 0.006)])
def test_a_bright_stretch_shows_its_ratio_also_under_the_coils_fall_off(factor, fade):
    ratio = found(necked(lesion=(20.0, 36.0, factor), fade=fade))[Quantity.CORD_RATIO]
    assert ratio.value == pytest.approx(factor, abs=0.09)
    assert ratio.evidence.sop_instance_uids


def test_a_bright_spot_of_one_slice_is_not_held():
    assert found(necked(lesion=(20.0, 25.0, 1.5)))[Quantity.CORD_RATIO].value < 1.1


def test_a_scan_that_ends_above_the_cord_says_so():
    findings = found(necked(below_mm=7.0))
    assert findings[Quantity.CORD_LENGTH].value < 10
    assert findings[Quantity.CORD_RATIO].why is Why.COVERAGE
    assert findings[Quantity.CORD_RATIO].detail == "cord not in the field of view"


def test_cord_at_the_very_edge_of_the_scan_is_not_judged():
    assert found(necked(below_mm=13.0))[Quantity.CORD_RATIO].why in (Why.COVERAGE, Why.QUALITY)


def test_a_canal_without_contrast_cannot_be_followed():
    scan = necked()
    rng = np.random.default_rng(0)
    flat = replace(scan.volume, array=(100 + rng.normal(0, 5, scan.volume.array.shape)).astype(np.float32))
    findings = found(Scan(flat, scan.anatomy, scan.motion))
    assert {finding.why for finding in findings.values()} == {Why.QUALITY}


def test_the_series_that_shows_more_of_the_cord_is_used():
    findings = found(necked(Role.T2, 20.0), necked(Role.FLAIR, 60.0))
    assert findings[Quantity.CORD_LENGTH].value > 50


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_order_of_the_voxels_changes_nothing(axis):
    scan = necked(lesion=(20.0, 36.0, 1.3))
    turned, at = np.eye(4), 2 - axis
    turned[at, at], turned[at, 3] = -1, scan.volume.array.shape[axis] - 1
    volume = replace(
        scan.volume, array=np.flip(scan.volume.array, axis).copy(), affine=scan.volume.affine @ turned
    )
    anatomy = replace(
        scan.anatomy,
        brain=np.flip(scan.anatomy.brain, axis),
        template_mm=np.flip(scan.anatomy.template_mm, axis + 1),
    )
    one, other = found(scan), found(Scan(volume, anatomy, scan.motion))
    for quantity, finding in one.items():
        assert other[quantity].value == pytest.approx(finding.value, rel=1e-3)


def test_the_same_scan_gives_the_same_findings_twice():
    scan = necked(lesion=(20.0, 36.0, 1.3))
    assert found(scan) == found(scan)


def test_a_faded_or_noisy_signal_gives_no_ratio():
    level = np.arange(-15.0, 60.0)
    places = np.zeros((level.size, 3))
    rng = np.random.default_rng(0)
    for signal in (100 * np.exp(-level / 25), 100 * (1 + rng.normal(0, 0.2, level.size))):
        with pytest.raises(CannotAssess) as refused:
            held_ratio(Course(level, places, signal, 60.0), 4.0)
        assert refused.value.why is Why.QUALITY


def test_without_a_hindbrain_there_is_nothing_to_start_from():
    scan = necked()
    nothing = replace(scan.anatomy, brain=np.zeros_like(scan.anatomy.brain))
    with pytest.raises(CannotAssess) as refused:
        measure(Inputs({Role.T2: replace(scan, anatomy=nothing)}))
    assert refused.value.why is Why.COVERAGE


def test_a_missing_series_is_said_of_both_quantities():
    with pytest.raises(CannotAssess) as refused:
        measure(Inputs({}))
    assert refused.value.why is Why.SERIES_MISSING
    silent = CHECK.silence(refused.value.why, refused.value.detail)
    assert {(one.quantity, one.region, one.side) for one in silent} == {
        (quantity, Region.CORD, Side.MIDLINE) for quantity in (Quantity.CORD_LENGTH, Quantity.CORD_RATIO)
    }
    assert silent == silence(Why.SERIES_MISSING, refused.value.detail)
