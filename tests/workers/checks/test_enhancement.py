"""T1 before and after contrast agent on a template head: pia, brain, vessels, and pairs that cannot be compared."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import Measured, NotAssessed, Quantity, Why
from tests.workers.imaging.heads import flat_anatomy
from workers.checks.check import Inputs
from workers.checks.enhancement import CHECK, FLAIR_CHECK, NAME, measure, silence
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan
from workers.imaging.template import load_template
from workers.imaging.volume import Volume

WHOLE = (Region.BRAIN, Side.WHOLE)
LEVELS = {"csf": 0.45, "grey": 0.85, "white": 1.0}


@cache
def head() -> tuple[Volume, Anatomy]:
    return flat_anatomy()


def t1(gain: np.ndarray | float = 1.0, *, seed: int, grey: float = LEVELS["grey"]) -> np.ndarray:
    """T1 of the template with dura around it; `gain` multiplies the signal before noise is added."""
    template = load_template(2)
    inside = LEVELS["csf"] * template.fluid + grey * template.grey + LEVELS["white"] * template.white
    signal = np.where(template.brain, inside, 0.4) * gain
    return (500 * (signal + np.random.default_rng(seed).normal(0, 0.02, signal.shape))).astype(np.float32)


def dura(ratio: float = 2.2) -> np.ndarray:
    """What enhances in everybody: the shell around the brain."""
    brain = load_template(2).brain
    around = ndimage.binary_dilation(brain, iterations=2) & ~brain
    return np.where(around, ratio, 1.0).astype(np.float32)


def pia(middle_mm: tuple[float, float, float], radius_mm: float, ratio: float = 1.6) -> np.ndarray:
    """Sulcal fluid near a place (MNI mm) that enhances."""
    template, (_, anatomy) = load_template(2), head()
    away = np.linalg.norm(
        anatomy.template_mm.astype(np.float32) - np.array(middle_mm)[:, None, None, None], axis=0
    )
    return np.where((template.fluid > 0.3) & (away < radius_mm), ratio, 1.0)


def ball(middle_mm: tuple[float, float, float], radius_mm: float, ratio: float = 1.5) -> np.ndarray:
    _, anatomy = head()
    away = np.linalg.norm(
        anatomy.template_mm.astype(np.float32) - np.array(middle_mm)[:, None, None, None], axis=0
    )
    return np.where(anatomy.brain & (away < radius_mm), ratio, 1.0)


def inputs(after: np.ndarray, before: np.ndarray | None = None, lesion: np.ndarray | None = None) -> Inputs:
    volume, anatomy = head()
    pre = replace(volume, array=t1(seed=1) if before is None else before, role=Role.T1)
    post = replace(volume, array=after, role=Role.T1C, is_after_contrast=True)
    scans = {
        one.role: Scan(one, replace(anatomy, corrected=one.array / 500), at_rest()) for one in (pre, post)
    }
    scans[Role.FLAIR] = Scan(volume, anatomy, at_rest())
    found = {} if lesion is None else {FLAIR_CHECK: CheckResult((), lesion, Role.FLAIR)}
    return Inputs(scans, found=found)


@cache
def focal() -> CheckResult:
    """Pia lit over the right parietal lobe, and a FLAIR lesion that is not."""
    return measure(
        inputs(t1(dura() * pia((35, -45, 55), 20), seed=2), lesion=ball((26, 10, 30), 10, 2.0) > 1)
    )


def values(result: CheckResult) -> dict[tuple[Quantity, Region, Side], float]:
    return {(f.quantity, f.region, f.side): f.value for f in result.findings if isinstance(f, Measured)}


def test_dura_and_vessels_alone_give_no_enhancement_of_pia_or_brain():
    vein = np.ones_like(dura())
    vein[:, 40, 30] = 2.0
    result = measure(inputs(t1(dura() * vein, seed=2)))
    assert values(result)[(Quantity.SULCAL_ENHANCEMENT_VOLUME, *WHOLE)] == 0
    assert values(result)[(Quantity.SULCAL_ENHANCEMENT_HEIGHT, *WHOLE)] == 0
    assert values(result)[(Quantity.ENHANCING_VOLUME, *WHOLE)] == 0
    assert result.lesions == ()


def test_dura_within_the_outline_of_the_brain_is_no_pia():
    """As where the outline is drawn too wide."""
    _, anatomy = head()
    rim = np.where(anatomy.brain & (anatomy.depth_mm < 5), 1.6, 1.0)
    found = values(measure(inputs(t1(dura() * rim, seed=2))))
    assert found[(Quantity.SULCAL_ENHANCEMENT_VOLUME, *WHOLE)] == 0


def test_pia_lit_on_one_side_is_measured_there():
    result = focal()
    found = values(result)
    volume = Quantity.SULCAL_ENHANCEMENT_VOLUME
    assert found[(volume, *WHOLE)] > 1
    assert found[(volume, Region.PARIETAL, Side.RIGHT)] > 0.5 * found[(volume, *WHOLE)]
    assert found[(volume, Region.PARIETAL, Side.LEFT)] == 0
    assert found[(Quantity.SULCAL_ENHANCEMENT_HEIGHT, *WHOLE)] >= 20
    assert 1.25 < found[(Quantity.SULCAL_ENHANCEMENT_RATIO, *WHOLE)] < 1.75
    assert result.lesions[0].check == NAME
    assert result.lesions[0].side is Side.RIGHT


def test_pia_lit_everywhere_lies_in_the_lobes_of_both_sides():
    found = values(measure(inputs(t1(dura() * pia((0, 0, 0), 200), seed=2))))
    for region in (Region.FRONTAL, Region.PARIETAL):
        for side in (Side.LEFT, Side.RIGHT):
            assert found[(Quantity.SULCAL_ENHANCEMENT_VOLUME, region, side)] > 1


def test_a_single_lit_slice_is_no_meningeal_enhancement():
    lit = pia((35, -45, 55), 20)
    lit[np.arange(len(lit)) != 63] = 1.0
    found = values(measure(inputs(t1(dura() * lit, seed=2))))
    assert found[(Quantity.SULCAL_ENHANCEMENT_VOLUME, *WHOLE)] == 0


def test_an_enhancing_ball_in_white_matter_has_its_volume():
    result = measure(inputs(t1(dura() * ball((26, 10, 30), 8), seed=2)))
    found = values(result)
    truth = 4 / 3 * np.pi * 8**3 / 1000
    assert found[(Quantity.ENHANCING_VOLUME, *WHOLE)] == pytest.approx(truth, rel=0.2)
    assert found[(Quantity.SULCAL_ENHANCEMENT_VOLUME, *WHOLE)] == 0
    assert [lesion.side for lesion in result.lesions] == [Side.RIGHT]


def test_pia_that_fills_half_of_its_voxels_has_half_of_the_volume():
    """Its voxels gain half of what blood does."""
    faint, full = (
        values(measure(inputs(t1(dura(4.0) * pia((35, -45, 55), 20, ratio), seed=2))))[
            (Quantity.SULCAL_ENHANCEMENT_VOLUME, *WHOLE)
        ]
        for ratio in (1.6, 2.2)
    )
    assert 0.3 * full < faint < 0.65 * full


@pytest.mark.parametrize(
    ("middle_mm", "on_flair", "is_told"),
    [((14, -18, 8), False, False), ((14, -18, 8), True, True), ((26, 10, 30), False, True)],
    ids=["grey", "grey and bright", "white"],
)
def test_grey_matter_enhances_only_where_it_is_diseased_on_flair(middle_mm, on_flair, is_told):
    """Else it is a sulcus, whose fluid thick slices hide; in white matter there is none."""
    lesion = ball(middle_mm if on_flair else (-26, 10, 30), 8, 2.0) > 1
    found = values(measure(inputs(t1(dura() * ball(middle_mm, 7), seed=2), lesion=lesion)))
    assert bool(found[(Quantity.ENHANCING_VOLUME, *WHOLE)]) == is_told


def test_a_blurred_ball_ends_where_it_gains_half():
    after = t1(dura() * ndimage.gaussian_filter(ball((26, 10, 30), 8, 1.8), 1.5), seed=2)
    found = values(measure(inputs(after)))
    truth = 4 / 3 * np.pi * 8**3 / 1000
    assert found[(Quantity.ENHANCING_VOLUME, *WHOLE)] == pytest.approx(truth, rel=0.2)


@pytest.mark.parametrize("ratio", [1.0, 1.3])
def test_enhancement_of_a_flair_lesion_is_told_also_when_there_is_none(ratio):
    lesion = ball((26, 10, 30), 10, 2.0) > 1
    found = values(measure(inputs(t1(dura() * np.where(lesion, ratio, 1), seed=2), lesion=lesion)))
    assert found[(Quantity.LESION_ENHANCEMENT, *WHOLE)] == pytest.approx(ratio, abs=0.03)


def test_another_gain_of_the_receiver_changes_nothing():
    after, lesion = t1(dura() * pia((35, -45, 55), 20), seed=2), ball((26, 10, 30), 10, 2.0) > 1
    assert values(measure(inputs(3 * after, lesion=lesion))) == pytest.approx(values(focal()), rel=1e-3)


def test_twice_the_same_is_bit_identical():
    again = focal.__wrapped__()
    assert again.findings == focal().findings
    assert again.lesions == focal().lesions


def test_without_lit_vessels_no_contrast_agent_is_believed():
    with pytest.raises(CannotAssess, match="no contrast agent") as refused:
        measure(inputs(t1(seed=2)))
    assert refused.value.why is Why.QUALITY


def test_another_technique_before_contrast_is_not_compared():
    with pytest.raises(CannotAssess, match="not comparable"):
        measure(inputs(t1(dura(), seed=2), before=t1(seed=1, grey=0.62)))


def test_thick_slices_are_not_compared_with_thin_ones():
    given = inputs(t1(dura(), seed=2))
    scan = given.scans[Role.T1]
    thick = replace(scan.volume, affine=scan.volume.affine @ np.diag([1.0, 1.0, 2.5, 1.0]))
    scans = {**given.scans, Role.T1: replace(scan, volume=thick)}
    with pytest.raises(CannotAssess, match="slices differ") as refused:
        measure(Inputs(scans))
    assert refused.value.why is Why.GEOMETRY


def test_without_the_series_before_contrast_nothing_is_said():
    scans = {role: scan for role, scan in inputs(t1(seed=2)).scans.items() if role is not Role.T1}
    with pytest.raises(CannotAssess, match="no T1 series"):
        measure(Inputs(scans))


def test_silence_covers_everything_that_is_measured():
    silent = silence(Why.QUALITY, "motion")
    assert {(f.quantity, f.region, f.side) for f in focal().findings} <= {
        (f.quantity, f.region, f.side) for f in silent
    }
    assert all(isinstance(one, NotAssessed) for one in silent)
    assert CHECK.label == f"{NAME} 4"


def test_a_pair_in_which_as_much_became_darker_as_brighter_is_refused():
    j = np.arange(load_template(2).brain.shape[1])[None, :, None]
    ghosts = np.select([j % 20 < 4, j % 20 >= 16], [1.45, 0.65], 1.0)
    with pytest.raises(CannotAssess, match="ghosts of motion"):
        measure(inputs(t1(dura() * ghosts, seed=2)))
