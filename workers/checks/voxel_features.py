"""What is known of each voxel that may be lesion: how bright it is, against what, among what neighbours, and where.

Signals are compared with the *mode* of undiseased tissue and its dark-side spread (workers.imaging.tissue), which
lesions, however many, cannot shift; that alone was worth 0.1 of Dice on real scans.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from workers.checks.smoothing import coarse, near, smoothed
from workers.imaging.anatomy import Anatomy
from workers.imaging.tissue import Level, level

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Box = tuple[slice, slice, slice]

FINE_MM, SMALL_MM, MIDDLE_MM, LARGE_MM = 0.8, 1.2, 3.0, 8.0
"""Standard deviations of the Gaussians under which a voxel is seen."""
MIN_DEPTH_MM = 1.5
"""The outermost rim is mixed with meninges, vessels and scalp."""
MIN_RATIO, MIN_Z = 1.03, 1.0
"""A voxel that is dimmer is not asked about: signal over white matter, and over its own tissue mix in spreads."""
DARK_MM = 5.0
"""Edge of the cube in which the darkest voxel is looked for: fluid that the template does not know of."""
FLUID = 0.45
"""Signal of fluid over white matter where none is seen. [P]"""
MIRROR_MM = 2.0
"""Cell of the template grid on which the other side is looked up."""

FEATURES = (
    "ratio_white", "ratio_grey", "z", "residual", "residual_small", "residual_middle", "residual_large",
    "small_over_middle", "middle_over_large", "signal_middle", "signal_large", "signal_over_middle", "darkest",
    "grey", "white", "fluid", "ventricle_mm", "depth_mm", "mirror", "gradient", "lateral_mm", "y_mm", "z_mm",
    "slice_mm", "pixel_mm", "spread", "contrast", "hindbrain",
)  # fmt: skip
"""In the order of the model's input; a model made for others is refused by its card."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The voxels that may be lesion.

    box : part of the grid that holds the brain; index : (3, n) their places (k, j, i) within the box
    values : (n, features) float32
    """

    box: Box
    index: NDArray[np.intp]
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Levels:
    """Signal of undiseased tissue in this scan."""

    white: Level
    grey: float
    fluid: float


def candidates(anatomy: Anatomy, spacing_mm: tuple[float, float, float]) -> Candidates | None:
    """The candidate voxels of a FLAIR scan and their features; None where no white matter can be told."""
    box = _brain_box(anatomy.brain)
    brain = anatomy.brain[box]
    signal = np.where(brain, anatomy.corrected[box], 0).astype(np.float32)
    fine = smoothed(signal, brain, FINE_MM, spacing_mm)
    levels = _levels(anatomy, box, fine)
    if levels is None:
        return None
    expected = _expected(anatomy, box, fine, levels)
    residual = np.where(brain, (fine - expected) / levels.white.mode, 0).astype(np.float32)
    asked = brain & (anatomy.depth_mm[box] >= MIN_DEPTH_MM)
    asked &= (fine >= MIN_RATIO * levels.white.mode) & (fine - expected >= MIN_Z * levels.white.spread)
    index = np.stack(np.nonzero(asked))
    columns = _brightness(fine, residual, levels, index) | _surroundings(
        fine, residual, brain, index, spacing_mm
    )
    columns |= _place(anatomy, box, index, spacing_mm)
    columns["mirror"] = _mirror(anatomy, box, residual, index)
    whole = {"spread": levels.white.spread / levels.white.mode, "contrast": levels.grey / levels.white.mode}
    whole |= {"slice_mm": max(spacing_mm), "pixel_mm": min(spacing_mm)}
    values = np.empty((index.shape[1], len(FEATURES)), dtype=np.float32)
    for n, name in enumerate(FEATURES):
        values[:, n] = columns[name] if name in columns else whole[name]
    return Candidates(box, index, values)


def _brain_box(brain: BoolArray) -> Box:
    k, j, i = (np.flatnonzero(brain.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    if not k.size:
        return slice(0, 0), slice(0, 0), slice(0, 0)
    return slice(k[0], k[-1] + 1), slice(j[0], j[-1] + 1), slice(i[0], i[-1] + 1)


def _levels(anatomy: Anatomy, box: Box, fine: FloatArray) -> Levels | None:
    inner = anatomy.brain[box] & (anatomy.depth_mm[box] >= 2) & ~hindbrain(anatomy)[box]
    grey, white = anatomy.grey[box], anatomy.white[box]
    sure = level(fine[inner & (white > 0.9)])
    if sure is None:
        return None
    cortex = level(fine[inner & (grey > 0.8)]) or sure
    lakes = level(fine[inner & (grey + white < 0.1)])
    fluid = min(lakes.mode, 0.8 * sure.mode) if lakes else FLUID * sure.mode
    return Levels(sure, cortex.mode, fluid)


def hindbrain(anatomy: Anatomy) -> BoolArray:
    """Cerebellum and brainstem, (k, j, i)."""
    return anatomy.region(Region.CEREBELLUM) | anatomy.region(Region.BRAINSTEM)


def _expected(anatomy: Anatomy, box: Box, fine: FloatArray, levels: Levels) -> FloatArray:
    """Signal of undiseased tissue: the template's mix of it; cerebellum and brainstem by their own level."""
    grey, white = (one[box].astype(np.float32) for one in (anatomy.grey, anatomy.white))
    fluid = np.clip(1 - grey - white, 0, 1)
    mix = levels.white.mode * white + levels.grey * grey + levels.fluid * fluid
    for region in (Region.CEREBELLUM, Region.BRAINSTEM):
        inside = anatomy.region(region)[box]
        own = level((fine / np.maximum(mix, 1e-3))[inside & (anatomy.depth_mm[box] >= 2) & (fluid < 0.3)])
        if own:
            mix[inside] *= np.clip(own.mode, 0.85, 1.12)
    return mix


def _brightness(
    fine: FloatArray, residual: FloatArray, levels: Levels, index: NDArray[np.intp]
) -> dict[str, FloatArray]:
    at = tuple(index)
    signal, left = fine[at], residual[at]
    return {
        "ratio_white": signal / levels.white.mode,
        "ratio_grey": signal / max(levels.grey, levels.white.mode),
        "z": left * levels.white.mode / levels.white.spread,
        "residual": left,
    }


def _surroundings(
    fine: FloatArray,
    residual: FloatArray,
    brain: BoolArray,
    index: NDArray[np.intp],
    spacing_mm: tuple[float, float, float],
) -> dict[str, FloatArray]:
    """Means of signal and residual under Gaussians within the brain, the darkest voxel near, and the slope."""
    at = tuple(index)
    small = smoothed(residual, brain, SMALL_MM, spacing_mm)
    middle, large, bright_middle, bright_large = (
        near(coarse(values, brain, sigma, spacing_mm), index)
        for values in (residual, fine)
        for sigma in (MIDDLE_MM, LARGE_MM)
    )
    size = [max(1, 2 * round(DARK_MM / mm / 2) + 1) if mm <= DARK_MM / 2 else 1 for mm in spacing_mm[::-1]]
    slope = [np.gradient(small, mm, axis=axis) for axis, mm in enumerate(spacing_mm[::-1])]
    return {
        "residual_small": small[at],
        "residual_middle": middle,
        "residual_large": large,
        "small_over_middle": small[at] - middle,
        "middle_over_large": middle - large,
        "signal_middle": bright_middle,
        "signal_large": bright_large,
        "signal_over_middle": fine[at] - bright_middle,
        "darkest": ndimage.minimum_filter(fine, size)[at],
        "gradient": np.sqrt(sum(np.square(one[at]) for one in slope)).astype(np.float32),
    }


def _place(
    anatomy: Anatomy, box: Box, index: NDArray[np.intp], spacing_mm: tuple[float, float, float]
) -> dict[str, FloatArray]:
    at = tuple(index)
    x, y, z = (anatomy.template_mm[axis][box][at].astype(np.float32) for axis in range(3))
    grey, white = (one[box][at].astype(np.float32) for one in (anatomy.grey, anatomy.white))
    lakes = anatomy.region(Region.VENTRICLES)[box]
    away = (
        ndimage.distance_transform_edt(~lakes, sampling=spacing_mm[::-1])
        if lakes.any()
        else np.full(lakes.shape, 99)
    )
    return {
        "grey": grey,
        "white": white,
        "fluid": np.clip(1 - grey - white, 0, 1),
        "ventricle_mm": np.minimum(away[at], 60).astype(np.float32),
        "depth_mm": anatomy.depth_mm[box][at].astype(np.float32),
        "lateral_mm": np.abs(x),
        "y_mm": y,
        "z_mm": z,
        "hindbrain": hindbrain(anatomy)[box][at].astype(np.float32),
    }


def _mirror(anatomy: Anatomy, box: Box, residual: FloatArray, index: NDArray[np.intp]) -> FloatArray:
    """Residual less that of the same place on the other side, both averaged over some millimetres of template space."""
    brain = anatomy.brain[box]
    cells = [
        np.round(anatomy.template_mm[axis][box][brain].astype(np.float32) / MIRROR_MM) for axis in range(3)
    ]
    low = [float(one.min()) for one in cells[1:]]
    reach = float(np.abs(cells[0]).max())
    shape = [int(one.max() - least) + 1 for one, least in zip(cells[1:], low, strict=True)]
    # The first axis is symmetric about the middle, so that turning it round is the other side.
    whole = (int(2 * reach) + 1, *shape)
    places = [cells[0] + reach, cells[1] - low[0], cells[2] - low[1]]
    flat = np.ravel_multi_index([one.astype(np.intp) for one in places], whole)
    size = int(np.prod(whole))
    sums = np.bincount(flat, residual[brain], size).reshape(whole)
    counts = np.bincount(flat, minlength=size).reshape(whole).astype(np.float64)
    mean = np.divide(
        ndimage.gaussian_filter(sums, 1.0),
        ndimage.gaussian_filter(counts, 1.0) + 1e-3,
        dtype=np.float32,
        casting="unsafe",
    )
    own = np.zeros(brain.shape, dtype=np.float32)
    own[brain] = (mean - mean[::-1]).reshape(-1)[flat]
    return own[tuple(index)]
