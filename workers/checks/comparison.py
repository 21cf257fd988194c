"""Two FLAIR series of one patient, voxel by voxel: what is new, what is gone (sign M5).

A voxel counts as new only if two witnesses agree: it is hyperintense now and was not, and its signal rose more than
signal does in undiseased tissue. The masks alone flip wherever a lesion lies near their threshold; the difference
alone draws every edge that the registration missed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.findings import Why
from rules.measures import Measure
from workers.checks.areas import areas, joined, near
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.scan import Scan, carried
from workers.imaging.volume import Volume

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

SMOOTHING_MM = 1.0
TREND_MM = 15.0
"""Standard deviation of the Gaussian that follows what is left of the receive fields."""
CLEAR_STEP = 0.5
REGISTRATION_MM = 0.5
"""What a rigid fit of two brains leaves at an edge. [P]"""
UNLIKE_FACTOR = 2.0
"""How much farther apart edges may lie where slices or pixels differ. [P]"""
EDGE_MM = 1.5
"""Distance from the earlier lesion at which a voxel is more than its partial volume. [P]"""
THICK = 2.0
"""Distance of slices over pixel size from which two stacks cut a lesion at other heights."""
MIXED = 0.5
"""Share of a slice by which they then may: what lies above or below is mixed in. [P]"""
MAX_NOISE = 0.2
"""Spread of the difference, relative to white matter, above which two series cannot be compared. [P]"""
LIKE_SPACING = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Lesions now and before on the grid of the study of now, all (k, j, i).

    new, gone : voxels on which both witnesses agree; valid : where both series look
    new_margin, gone_margin : half width of 95 % of their number of voxels
    """

    now: BoolArray
    before: BoolArray
    new: BoolArray
    gone: BoolArray
    valid: BoolArray
    new_margin: float
    gone_margin: float


@dataclass(frozen=True, slots=True, eq=False)
class _Difference:
    """How many standard deviations of undiseased tissue brighter, and by how much; (k, j, i).

    sure_z : the same where thick slices of other heights may have mixed in what lies above or below
    """

    z: FloatArray
    sure_z: FloatArray
    size: FloatArray

    def risen(self, cut: float) -> BoolArray:
        risen: BoolArray = (self.z >= cut) & (self.size >= cut_of(Measure.CHANGE_LEAST_DIFFERENCE))
        return risen

    def fallen(self, cut: float) -> BoolArray:
        fallen: BoolArray = (self.z <= -cut) & (self.size <= -cut_of(Measure.CHANGE_LEAST_DIFFERENCE))
        return fallen

    def is_sure(self) -> BoolArray:
        """Whether a change is one of the tissue, whatever was mixed in."""
        sure: BoolArray = np.abs(self.sure_z) >= cut_of(Measure.CHANGE_CLEAR_Z)
        return sure


def compare(now: Scan, mask: BoolArray, before: Scan, earlier_mask: BoolArray) -> Comparison:
    """New and gone hyperintensity; masks on the grids of their own scans.

    Raises CannotAssess if the two series are too unlike.
    """
    if now.volume.is_after_contrast != before.volume.is_after_contrast:
        raise CannotAssess(Why.QUALITY, "contrast agent was given before only one of the two FLAIR series")
    there = carried(np.ones(earlier_mask.shape, dtype=np.float32), before, now) > 0.99
    valid = now.anatomy.brain & there
    earlier = (carried(earlier_mask, before, now) >= 0.5) & valid
    current = mask & valid
    signal = carried(before.anatomy.corrected, before, now)
    widening = 1.0 if is_alike(now.volume, before.volume) else UNLIKE_FACTOR
    difference = _difference(now, signal, valid, (current | earlier, widening))
    reach = EDGE_MM * widening
    sure = difference.is_sure()
    far_from = (
        sure & ~near(earlier, reach, now.volume.spacing_mm),
        sure & ~near(current, reach, now.volume.spacing_mm),
    )
    new, new_margin = _agreed(now, current & ~earlier, far_from[0], difference.risen)
    gone, gone_margin = _agreed(now, earlier & ~current, far_from[1], difference.fallen)
    return Comparison(current, earlier, new, gone, valid, new_margin, gone_margin)


def is_alike(one: Volume, other: Volume) -> bool:
    """Whether two series have about the same voxels."""
    pairs = zip(sorted(one.spacing_mm), sorted(other.spacing_mm), strict=True)
    return all(max(a, b) <= LIKE_SPACING * min(a, b) for a, b in pairs)


def _difference(
    now: Scan, signal: FloatArray, valid: BoolArray, lesions: tuple[BoolArray, float]
) -> _Difference:
    """Now minus before; spread grows with the gradient, for an edge may have moved a little."""
    lesion, widening = lesions
    anatomy, spacing = now.anatomy, now.volume.spacing_mm
    normal = valid & ~near(lesion, 3.0, spacing) & (anatomy.depth_mm >= 2)
    white = normal & (anatomy.white > 0.9)
    if np.count_nonzero(white) < 1000:
        raise CannotAssess(Why.COVERAGE, "the two FLAIR series share too little undiseased white matter")
    raw = np.where(valid, anatomy.corrected - signal, 0.0).astype(np.float32)
    level = float(np.median(raw[white]))
    grey = normal & (anatomy.grey > 0.8)
    lift = float(np.median(raw[grey])) - level if grey.any() else 0.0
    raw -= np.where(valid, level + lift * anatomy.grey.astype(np.float32), 0.0)
    flat = _smoothed(raw, valid, SMOOTHING_MM, spacing)
    limit = 3 * max(_spread(flat[white]), 1e-3)
    flat -= _smoothed(np.clip(flat, -limit, limit), normal, TREND_MM, spacing)
    noise = max(_spread(flat[white]), 1e-3)
    if noise > MAX_NOISE:
        raise CannotAssess(Why.QUALITY, "the two FLAIR series differ too much to be compared")
    steep = _gradient(signal, valid, spacing) * REGISTRATION_MM * widening
    spread = np.hypot(noise * widening, steep).astype(np.float32)
    mixed = np.hypot(spread, _across_slices(signal, valid, spacing)).astype(np.float32)
    z, sure_z = (np.where(valid, flat / one, 0.0).astype(np.float32) for one in (spread, mixed))
    return _Difference(z, sure_z, flat)


def _across_slices(signal: FloatArray, valid: BoolArray, spacing: tuple[float, float, float]) -> FloatArray:
    """By how much a voxel of thick slices may differ for what lies above and below it; 0 of thin ones."""
    across = np.zeros_like(signal)
    if spacing[2] < THICK * max(spacing[:2]):
        return across
    smooth = _smoothed(signal, valid, SMOOTHING_MM, spacing)
    step = np.abs(np.diff(smooth, axis=0))
    across[1:] = step
    across[:-1] = np.maximum(across[:-1], step)
    return MIXED * across


def _gradient(signal: FloatArray, valid: BoolArray, spacing: tuple[float, float, float]) -> FloatArray:
    """Change of the smoothed signal within the slice per mm; across slices, per half a slice."""
    smooth = _smoothed(signal, valid, SMOOTHING_MM, spacing)
    along = np.gradient(smooth, *(max(mm, 1.0) for mm in spacing[::-1]))
    steep: FloatArray = np.sqrt(sum(one.astype(np.float32) ** 2 for one in along))
    return steep


def _smoothed(
    values: FloatArray, inside: BoolArray, sigma_mm: float, spacing: tuple[float, float, float]
) -> FloatArray:
    """Gaussian mean over the voxels inside; slices thicker than twice its width stay apart."""
    sigma = [sigma_mm / mm if mm < 2 * sigma_mm else 0.0 for mm in spacing[::-1]]
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma, truncate=3.0)
    sums = ndimage.gaussian_filter(np.where(inside, values, 0.0).astype(np.float32), sigma, truncate=3.0)
    smooth: FloatArray = np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0.02)
    return smooth


def _spread(values: FloatArray) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _agreed(
    now: Scan, candidates: BoolArray, beyond: BoolArray, changed: Callable[[float], BoolArray]
) -> tuple[BoolArray, float]:
    """Candidates whose signal changed, in clusters that reach beyond the edge of the other mask; and the margin."""
    found = _clusters(now, candidates & changed(cut_of(Measure.CHANGE_CLEAR_Z)), beyond)
    loose, strict = (
        np.count_nonzero(_clusters(now, candidates & changed(cut_of(Measure.CHANGE_CLEAR_Z) + step), beyond))
        for step in (-CLEAR_STEP, CLEAR_STEP)
    )
    margin = np.hypot((loose - strict) / 2, 1.96 * np.sqrt(np.count_nonzero(found)))
    return found, float(margin)


def _clusters(now: Scan, agreed: BoolArray, beyond: BoolArray) -> BoolArray:
    """Clusters that hold a cube of 3 mm beyond the edge."""
    voxel_mm3 = 1000 * now.volume.voxel_ml
    kept = [
        area
        for area in areas(agreed)
        if beyond[area.voxels].sum() * voxel_mm3 >= cut_of(Measure.CHANGE_LEAST_CLUSTER)
    ]
    return joined(kept, agreed.shape)
