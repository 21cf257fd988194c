"""Large dark lesions of a susceptibility-weighted series: longer than 10 mm, and neither vein, iron, fluid nor bone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.measures import Measure
from workers.checks.areas import longest_mm
from workers.checks.cropping import box_of
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]
Triple = tuple[float, float, float]

DARK_SWING = 0.05
"""How far the cut is moved to see how sure the size is. [P]"""
THIN_MM = 1.5
"""Radius of the in-plane opening: what is thinner than twice this is a vein or a sulcus. [P]"""
SWING_REACH_MM = 5.0
"""How far around a lesion a moved cut may find more of it."""
NECK_MM = 2.5
"""Half of the width at which two lesions only touch. [P]"""
INSIDE_MM = 2.0
"""Depth under the brain's surface from which a voxel is surely inside."""
MIN_INSIDE = 0.7
"""Share that has to lie that deep; bone and air beyond a badly fitting edge do not. [P]"""
MAX_FLATNESS = 4.0
"""Length over thickness of blood within tissue; sulci, falx and tentorium are thinner. [P]"""


LONG = 1.6
"""Length over width from which something may be a vein or a row of foci. [P]"""
VEIN_MM = 6.0
"""Width below which something long is a vein, though it swells. [P]"""
ROW_MM = 9.0
"""Width below which something long is a row of foci, if it has a waist: simulated pairs are 16 x 7 mm. [P]"""
FOCUS_ML, FOCUS_WIDTH = 0.2, 0.55
"""Volume below which, and mean width over length from which, something is a focus that blooms: of simulated foci of up to 6 mm those that
reach 8.5 to 10.5 mm have 0.13 to 0.19 mL and 0.56 to 0.76; a ball of 10 mm has 0.52 mL. [P]"""
LEAST_WIDTH_MM, LEAST_WIDTH, WIDE_MM = 5.3, 0.36, 7.5
"""Mean width, in mm and over the length, below which something is a vein or a cleft, of an egg of its volume and length; nothing of the
third is too narrow. [P]"""
WAIST = 0.75
"""Cross-section there over that on either side of it. [P]"""
WAIST_STEP_MM = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Haemorrhage:
    """One dark lesion; voxels (3, n) indices (k, j, i)."""

    voxels: NDArray[np.intp]
    longest_mm: float
    longest_swing_mm: float
    """Half of how much the length changes when the cut moves."""
    volume_swing: float
    """The same of the number of voxels."""


def find_haemorrhages(anatomy: Anatomy, spacing_mm: Triple) -> tuple[Haemorrhage, ...]:
    """All dark lesions of more than 10 mm, the longest first; symmetric iron is left to the caller."""
    box = box_of(anatomy.brain)
    if box is None:
        return ()
    corner = np.array([[one.start] for one in box])
    steady = _steady(anatomy.corrected[box], spacing_mm)
    found = [
        _sized(voxels, steady, anatomy.depth_mm[box], spacing_mm)
        for voxels in _long_areas(
            steady, anatomy.depth_mm[box], cut_of(Measure.HAEMORRHAGE_LONGER), spacing_mm
        )
        if _is_within(anatomy, voxels + corner) and _is_thick(voxels, spacing_mm)
    ]
    moved = [
        Haemorrhage(one.voxels + corner, one.longest_mm, one.longest_swing_mm, one.volume_swing)
        for one in found
    ]
    return tuple(sorted(moved, key=lambda one: -one.longest_mm))


def long_areas(anatomy: Anatomy, spacing_mm: Triple, longer_mm: float) -> list[NDArray[np.intp]]:
    """The voxels, (3, n), of each dark area of more than a length, whatever its shape: veins, sulci and bone are among them."""
    box = box_of(anatomy.brain)
    if box is None:
        return []
    corner = np.array([[one.start] for one in box])
    steady = _steady(anatomy.corrected[box], spacing_mm)
    return [voxels + corner for voxels in _long_areas(steady, anatomy.depth_mm[box], longer_mm, spacing_mm)]


def _long_areas(
    steady: FloatArray, depth_mm: NDArray[np.float16], longer_mm: float, spacing_mm: Triple
) -> list[NDArray[np.intp]]:
    labels, _ = ndimage.label(_solid(steady, depth_mm, cut_of(Measure.HAEMORRHAGE_DARK), spacing_mm))
    areas = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        corner = np.array([[one.start] for one in box])
        parts = [part + corner for part in _parted(labels[box] == label, longer_mm, spacing_mm)]
        areas += [part for part in parts if longest_mm(part, spacing_mm) > longer_mm]
    return areas


def _sized(
    voxels: NDArray[np.intp], steady: FloatArray, depth_mm: NDArray[np.float16], spacing_mm: Triple
) -> Haemorrhage:
    """A lesion with how much its size changes when the cut moves, in its own neighbourhood."""
    reach = np.ceil(SWING_REACH_MM / np.array(spacing_mm[::-1])).astype(int)
    low = np.maximum(voxels.min(axis=1) - reach, 0)
    near = tuple(slice(int(a), int(b) + 1) for a, b in zip(low, voxels.max(axis=1) + reach, strict=True))
    sizes = []
    for swing in (-DARK_SWING, DARK_SWING):
        labels, _ = ndimage.label(
            _solid(steady[near], depth_mm[near], cut_of(Measure.HAEMORRHAGE_DARK) + swing, spacing_mm)
        )
        sizes.append(_at(labels, voxels - low[:, None], spacing_mm))
    (less, short), (more, long) = sizes
    return Haemorrhage(
        voxels, longest_mm(voxels, spacing_mm), max(long - short, 0) / 2, max(more - less, 0) / 2
    )


def _parted(area: BoolArray, longer_mm: float, spacing_mm: Triple) -> list[NDArray[np.intp]]:
    """The voxels of an area, (3, n); of each of its parts where they only touch."""
    voxels = np.stack(np.nonzero(area))
    if longest_mm(voxels, spacing_mm) <= longer_mm:
        return []
    inner = ndimage.distance_transform_edt(np.pad(area, 1), sampling=spacing_mm[::-1])[1:-1, 1:-1, 1:-1]
    cores, count = ndimage.label(inner > NECK_MM)
    if count < 2:
        return [voxels]
    away, nearest = ndimage.distance_transform_edt(cores == 0, sampling=spacing_mm[::-1], return_indices=True)
    del away
    owner = cores[tuple(nearest)][tuple(voxels)]
    return [voxels[:, owner == core] for core in range(1, count + 1)]


def _steady(signal: FloatArray, spacing_mm: Triple) -> FloatArray:
    """Smoothed in the plane by 0.8 mm."""
    smooth: FloatArray = ndimage.gaussian_filter(signal, (0, 0.8 / spacing_mm[1], 0.8 / spacing_mm[0]))
    return smooth


def _solid(steady: FloatArray, depth_mm: NDArray[np.float16], cut: float, spacing_mm: Triple) -> BoolArray:
    """Dark areas of the brain without what is thin in the plane; a bright middle is filled."""
    brain = depth_mm > 0
    dark = brain & (steady < cut)
    solid = np.zeros_like(dark)
    disc = _disc(THIN_MM, spacing_mm)
    for k in np.flatnonzero(dark.any(axis=(1, 2))):
        filled = _filled(dark[k], depth_mm[k] < INSIDE_MM)
        solid[k] = ndimage.binary_opening(filled, disc) & brain[k]
    return solid


def _filled(dark: BoolArray, at_edge: BoolArray) -> BoolArray:
    """The dark areas of a slice with their bright middles; what bone goes around, where the brain's edge does not fit, is no middle."""
    whole = ndimage.binary_fill_holes(dark)
    middles, count = ndimage.label(whole & ~dark)
    if not count:
        return dark
    areas, others = ndimage.label(whole)
    around = ndimage.maximum(areas, middles, np.arange(count + 1)).astype(int)
    is_at_edge = np.bincount(areas[dark & at_edge], minlength=others + 1) > 0
    rings = np.bincount(areas[dark], minlength=others + 1)
    kept = ~is_at_edge[around] | (np.bincount(middles.reshape(-1)) <= rings[around])
    kept[0] = False
    filled: BoolArray = dark | kept[middles]
    return filled


def _disc(radius_mm: float, spacing_mm: Triple) -> BoolArray:
    reach = [int(radius_mm / mm) for mm in spacing_mm[1::-1]]
    j, i = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    disc: BoolArray = (j * spacing_mm[1]) ** 2 + (i * spacing_mm[0]) ** 2 <= radius_mm**2
    return disc


def _is_within(anatomy: Anatomy, voxels: NDArray[np.intp]) -> bool:
    here = tuple(voxels)
    inside = float(np.mean(anatomy.depth_mm[here] >= INSIDE_MM))
    tissue = float(np.mean(anatomy.grey[here] + anatomy.white[here], dtype=np.float64))
    return inside >= MIN_INSIDE and tissue >= cut_of(Measure.HAEMORRHAGE_LEAST_TISSUE)


def _is_thick(voxels: NDArray[np.intp], spacing_mm: Triple) -> bool:
    """No sheet, no vein, no cleft, no focus that blooms, and no small row: two microbleeds that touch are no haemorrhage, but one that is long and narrow is."""
    mm = np.array(spacing_mm[::-1])
    places = voxels.T * mm
    spread = places - places.mean(axis=0)
    squares, axes = np.linalg.eigh(spread.T @ spread / len(places) + np.diag(mm**2 / 12))
    if not _is_wide(len(places) * float(np.prod(mm)) / 1000, longest_mm(voxels, spacing_mm)):
        return False
    if np.sqrt(squares[2] / squares[0]) > MAX_FLATNESS:
        return False
    width_mm = 2 * np.sqrt(5 * squares[1])
    if squares[2] <= LONG**2 * squares[1] or width_mm >= ROW_MM:
        return True
    step_mm = max(WAIST_STEP_MM, float(np.max(np.abs(axes[:, 2]) * mm)))
    return bool(width_mm >= VEIN_MM and not _has_waist(spread @ axes[:, 2], step_mm))


def _is_wide(volume_ml: float, length_mm: float) -> bool:
    """Whether something is as wide for its length, in the mean of both directions across it, as blood within tissue, and no mere focus."""
    width_mm = np.sqrt(6000 / np.pi * volume_ml / length_mm)
    if volume_ml < FOCUS_ML and width_mm >= FOCUS_WIDTH * length_mm:
        return False
    return bool(width_mm >= min(max(LEAST_WIDTH_MM, LEAST_WIDTH * length_mm), WIDE_MM))


def _has_waist(along_mm: NDArray[np.float64], step_mm: float) -> bool:
    """Whether something is thinner at a place along it than on either side of it."""
    steps = np.floor((along_mm - along_mm.min()) / step_mm).astype(int)
    section = np.convolve(np.bincount(steps), (0.25, 0.5, 0.25))
    before, after = np.maximum.accumulate(section), np.maximum.accumulate(section[::-1])[::-1]
    return bool(np.any(section < WAIST * np.minimum(before, after)))


def _at(labels: NDArray[np.integer], voxels: NDArray[np.intp], spacing_mm: Triple) -> tuple[int, float]:
    """Voxels and length of the areas of another cut that meet a lesion; (0, 0) for none."""
    met = np.unique(labels[tuple(voxels)])
    others = np.stack(np.nonzero(np.isin(labels, met[met > 0])))
    return others.shape[1], longest_mm(others, spacing_mm) if others.size else 0.0
