"""Which voxels of a FLAIR brain are brighter than undiseased tissue of their own class.

The areas come from a lesion model where there is one; else from cuts on ratio and z. Large faint areas are found by
their mean in either case.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from rules.measures import Measure
from workers.checks.lesion_model import calmed, connected, hysteresis
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.tissue import FEW, Level, level

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

BROAD_MM = 3.0
"""Standard deviation of the Gaussian under which faint but large areas stand out."""
EDGE_MM = 2.0
"""The outermost rim is mixed with meninges, vessels and scalp."""
SMOOTHING_MM = 0.8

GREY_MATTERS = 0.3
"""Share of grey from which a voxel is compared with grey matter."""
MAX_WHITE = 1.08
"""Highest level of white matter over grey in health: 0.81-1.08 (grey is 0.93-1.23 of white)."""
LIMBIC_SHEETS = (Region.CINGULATE, Region.INSULA)
LIMBIC = (*LIMBIC_SHEETS, Region.HIPPOCAMPUS)
LIMBIC_LIFT = 1.06
"""Limbic cortex is brighter than the rest in health: 1.00-1.12 on lesion-free real scans."""
MAX_LIKE_WHITE = 1.06
"""Highest level of thalamus and brainstem over white matter in health: 0.97-1.06 on four real scans. Held against
cortex (1.1-1.25) or against themselves, they would hide a lesion that fills them. Woven of both, they may reach the
middle between white and grey: where grey is 1.17 the brainstem has 1.11-1.13, where it is 1.18-1.24 thalami without a
lesion have 1.09-1.12, and 1.39 with one (24 simulated scans). [P]"""


@dataclass(frozen=True, slots=True, eq=False)
class Probability:
    """Lesion probability of each voxel, (k, j, i), and from where on a voxel is called."""

    values: FloatArray
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Hyperintensity:
    """Voxels called hyperintense, (k, j, i), and how much brighter than expected every voxel of the brain is.

    ratio : signal over expected signal; z : difference in standard deviations of undiseased tissue
    model : what the model that called them believes, without speckle; None where cuts did
    """

    mask: BoolArray
    ratio: FloatArray
    z: FloatArray
    model: Probability | None = None


def find_hyperintensity(
    anatomy: Anatomy, spacing_mm: tuple[float, float, float], model: Probability | None = None
) -> Hyperintensity:
    """By a model's probability, or by hysteresis on ratio and robust z, class by class."""
    expected, spread = _expected(anatomy)
    hind, gains = _hindbrain(anatomy), _slice_gains(anatomy, expected)
    expected = np.where(hind, expected * gains[:, None, None], expected)
    signal = smoothed(anatomy, spacing_mm)
    ratio = np.divide(signal, expected, out=np.zeros_like(signal), where=expected > 0)
    z = np.divide(signal - expected, spread, out=np.zeros_like(signal), where=spread > 0)
    sound = anatomy.brain & (~hind | (gains <= cut_of(Measure.FLAIR_BRIGHT_SLAB))[:, None, None])
    usable = sound & (anatomy.depth_mm >= EDGE_MM) & ~anatomy.region(Region.VENTRICLES)
    calm = model and Probability(calmed(np.where(sound, model.values, 0), spacing_mm), model.threshold)
    if calm:
        clear = hysteresis(calm.values, calm.threshold, ratio, spacing_mm)
    else:
        grown = usable & _reached(ratio, z, Measure.FLAIR_GROW_RATIO, Measure.FLAIR_GROW_Z)
        seeds = grown & _reached(ratio, z, Measure.FLAIR_SEED_RATIO, Measure.FLAIR_SEED_Z)
        clear = connected(grown, seeds, spacing_mm)
    broad = _broad(anatomy, ratio, usable & ~clear, spacing_mm)
    if model:
        low = anatomy.region(Region.CEREBELLUM) | anatomy.region(Region.MEDULLA)
        broad = _supported(broad, low, model.values)
    return Hyperintensity(clear | broad, ratio, z, calm)


def _reached(ratio: FloatArray, z: FloatArray, least_ratio: Measure, least_z: Measure) -> BoolArray:
    reached: BoolArray = (ratio >= cut_of(least_ratio)) & (z >= cut_of(least_z))
    return reached


def _broad(
    anatomy: Anatomy, ratio: FloatArray, left: BoolArray, spacing_mm: tuple[float, float, float]
) -> BoolArray:
    """Large areas that are a little too bright throughout, among the voxels left over.

    No voxel of a faint oedema stands out of the noise; the mean over some millimetres does. Each kind of tissue has a
    mean of its own, lest a thin sheet vanish among its neighbours; and what was found already takes no part, lest
    a small bright lesion get a halo.
    """
    sheets, hippocampus, thalamus, brainstem = (
        np.logical_or.reduce([anatomy.region(region) for region in kind])
        for kind in (LIMBIC_SHEETS, (Region.HIPPOCAMPUS,), (Region.THALAMUS,), (Region.BRAINSTEM,))
    )
    broad = _raised(ratio, left & ~sheets & ~hippocampus & ~thalamus & ~brainstem, spacing_mm)
    for woven in (thalamus, brainstem):
        broad |= _raised(ratio, left & woven, spacing_mm, Measure.FLAIR_BROAD_RATIO_BRAINSTEM)
    broad |= _raised(ratio, left & hippocampus, spacing_mm)
    # The lift allows for the brightest spots of limbic cortex, not for its mean.
    broad |= _raised(ratio * LIMBIC_LIFT, left & sheets, spacing_mm)
    clusters, _ = ndimage.label(broad)
    sizes_mm3 = np.bincount(clusters.reshape(-1)) * float(np.prod(spacing_mm))
    large = sizes_mm3 >= cut_of(Measure.FLAIR_BROAD_LEAST)
    large[0] = False
    kept: BoolArray = large[clusters]
    return kept


def _supported(broad: BoolArray, low: BoolArray, probability: FloatArray) -> BoolArray:
    """Without the areas of a low part that the model does not believe in: the ends of a stack are often too bright.

    Not asked of pons and midbrain: a lesion that fills them is their own level, and the model does not see it.
    """
    clusters, count = ndimage.label(broad & low)
    sizes = np.maximum(np.bincount(clusters.reshape(-1), minlength=count + 1), 1)
    means = np.bincount(clusters.reshape(-1), probability.reshape(-1), minlength=count + 1) / sizes
    believed = means >= cut_of(Measure.FLAIR_BROAD_PROBABILITY)
    believed[0] = True
    kept: BoolArray = broad & believed[clusters]
    return kept


def _raised(
    ratio: FloatArray,
    inside: BoolArray,
    spacing_mm: tuple[float, float, float],
    least: Measure = Measure.FLAIR_BROAD_RATIO,
) -> BoolArray:
    """Voxels whose surroundings of the same kind are brighter than expected on average, and which are no darker."""
    found = np.zeros_like(inside)
    box = ndimage.find_objects(inside.astype(np.uint8))
    if not box:
        return found
    weight, bright = inside[box[0]].astype(np.float32), ratio[box[0]]
    sigma = [BROAD_MM / mm for mm in spacing_mm[::-1]]
    # Reflection at the faces of the box would count the voxels beside them twice.
    sums = ndimage.gaussian_filter(weight * bright, sigma, mode="constant")
    weights = ndimage.gaussian_filter(weight, sigma, mode="constant")
    found[box[0]] = inside[box[0]] & (bright >= 1.0) & (sums >= cut_of(least) * weights)
    return found


def smoothed(anatomy: Anatomy, spacing_mm: tuple[float, float, float]) -> FloatArray:
    sigma = [SMOOTHING_MM / mm if mm < 2 * SMOOTHING_MM else 0.0 for mm in spacing_mm[::-1]]
    inside = anatomy.brain.astype(np.float32)
    weight = ndimage.gaussian_filter(inside, sigma)
    sums = ndimage.gaussian_filter(anatomy.corrected * inside, sigma)
    smooth: FloatArray = np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0.05)
    return smooth


def _expected(anatomy: Anatomy) -> tuple[FloatArray, FloatArray]:
    """Signal and spread of undiseased tissue at each voxel: the brighter of the classes that may lie there.

    Grey is often brighter than white on FLAIR. Where the template expects some grey, a gyrus may lie instead of the
    white matter beside it, so the level of grey is what has to be exceeded.
    """
    signal = anatomy.corrected
    inner = anatomy.brain & (anatomy.depth_mm >= EDGE_MM)
    hind = _hindbrain(anatomy)
    white = level(signal[inner & ~hind & (anatomy.white > 0.9)]) or Level(1.0, 0.1)
    cortex = level(signal[inner & ~hind & (anatomy.grey > 0.8)]) or white
    # White matter much brighter than cortex is white matter diseased as a whole.
    white = Level(min(white.mode, MAX_WHITE * cortex.mode), white.spread)
    grey = max(cortex.mode, white.mode)
    like_white = MAX_LIKE_WHITE * white.mode
    share = np.clip(anatomy.grey.astype(np.float32) / GREY_MATTERS, 0.0, 1.0)
    expected = (white.mode + share * (grey - white.mode)).astype(np.float32)
    for region in LIMBIC:
        expected[anatomy.region(region)] = grey * LIMBIC_LIFT
    woven = max(like_white, (white.mode + grey) / 2)
    limits = {Region.CEREBELLUM: 1.1 * grey, Region.THALAMUS: woven, Region.BRAINSTEM: woven}
    for region, limit in limits.items():
        own = level(signal[inner & anatomy.region(region)])
        usual = own.mode if own else limit
        expected[anatomy.region(region)] = np.clip(usual, 0.95 * white.mode, limit)
    return expected, np.full_like(expected, white.spread)


def _slice_gains(anatomy: Anatomy, expected: FloatArray) -> FloatArray:
    """How much brighter than expected the hindbrain is as a whole, slice by slice, (k,); at least 1.

    The end slices of a 2D stack are not saturated by their neighbours, and blood flows in fresh: seen up to 1.6
    times brighter, far steeper than a receive field. A lesion would have to fill most of three slices to look so.
    """
    hind = _hindbrain(anatomy)
    inner = anatomy.brain & (anatomy.depth_mm >= EDGE_MM)
    gains = np.ones(len(hind), dtype=np.float32)
    for k in range(len(hind)):
        near = slice(max(k - 1, 0), k + 2)
        inside = hind[near] & inner[near]
        is_hind = 2 * np.count_nonzero(hind[k]) >= np.count_nonzero(anatomy.brain[k])
        if is_hind and np.count_nonzero(inside) >= FEW:
            gains[k] = max(1.0, float(np.median(anatomy.corrected[near][inside] / expected[near][inside])))
    return gains


def _hindbrain(anatomy: Anatomy) -> BoolArray:
    return anatomy.region(Region.CEREBELLUM) | anatomy.region(Region.BRAINSTEM)
