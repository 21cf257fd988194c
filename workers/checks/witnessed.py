"""Dots of the callosal body too faint for FLAIR alone, which the T2 shows at the same place (rule R18).

Slices of 5 mm average half of a dot away, and the model no longer believes in it. Two series that both show a dot where it half does
are enough; the roof of the ventricle, bright on T2 too, is dark on FLAIR.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from rules.measures import Measure
from workers.checks.cropping import box_around
from workers.checks.dots import RISE
from workers.checks.hyperintensity import Hyperintensity, Probability
from workers.imaging.cuts import cut_of
from workers.imaging.scan import Scan, carried
from workers.imaging.tissue import level

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

RING_MM, DIRECTIONS = (4.0, 5.25, 6.5), 12
"""The ring in the slice whose median a dot is held against: places at these radii in so many directions, however fine the pixels. [P]"""
AROUND_MM = 8.0
"""How far beyond the region the rings are followed. [P]"""
SURE_WHITE, DEPTH_MM = 0.9, 4.0
"""Where the T2's white matter is looked for."""


def witnessed(flair: Scan, t2: Scan, found: Hyperintensity, model: Probability) -> BoolArray:
    """Voxels of such dots in and around the callosal body, on the FLAIR's grid, (k, j, i)."""
    dots = np.zeros_like(found.mask)
    box = box_around(flair.anatomy.region(Region.CALLOSAL_BODY), AROUND_MM, flair.volume.spacing_mm)
    deep = (t2.anatomy.white > SURE_WHITE) & (t2.anatomy.depth_mm >= DEPTH_MM)
    white = level(t2.anatomy.corrected[deep])
    if box is None or white is None:
        return dots
    ring = _ring(flair.volume.spacing_mm)
    on_t2 = carried(t2.anatomy.corrected, t2, flair)[box] / np.float32(white.mode)
    believed = model.values[box] >= cut_of(Measure.FLAIR_WITNESSED_SHARE) * model.threshold
    on_both = (_rise(found.ratio[box], ring) >= RISE) & (
        _rise(on_t2, ring) >= cut_of(Measure.FLAIR_WITNESSED_RISE)
    )
    dots[box] = believed & on_both
    return dots


def foci_may_hide(count: float, apart_mm: float, *, has_witness: bool) -> bool:
    """Whether foci that matter may lie unseen between slices, so that a count of few is no answer.

    Where the T2 was looked at too, on slices that are not much thicker, it takes one that is missing to leave a doubt.
    """
    lacking = cut_of(Measure.FLAIR_FOCI_ENOUGH) - count
    if apart_mm <= cut_of(Measure.QUALITY_THICK) or lacking <= 0:
        return False
    return lacking <= 1 or not has_witness or apart_mm > cut_of(Measure.FLAIR_WITNESSED_SLICES)


def _ring(spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Footprint of the ring in one slice, (1, rows, columns)."""
    radius, angle = np.meshgrid(RING_MM, 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS)
    j, i = (
        np.rint(radius * side / mm).astype(int)
        for side, mm in ((np.sin(angle), spacing_mm[1]), (np.cos(angle), spacing_mm[0]))
    )
    ring = np.zeros((1, 2 * j.max() + 1, 2 * i.max() + 1), dtype=bool)
    ring[0, j.max() + j, i.max() + i] = True
    return ring


def _rise(signal: FloatArray, ring: BoolArray) -> FloatArray:
    """How far each voxel stands above the median of the ring around it."""
    above: FloatArray = signal - ndimage.median_filter(signal, footprint=ring)
    return above
