"""Ghosts of motion, slice by slice (sign M8), and an anatomy without the slices that they spoil.

Ghosts repeat the head along the phase direction: in the brain they look like lesions, in the air beside the head they can be
measured. Noise is the same all round, so the air along one axis of the image is compared with that along the other.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from rules.measures import Measure
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.regions import parts_of
from workers.imaging.volume import Volume

AIR_FROM_MM = 20.0
"""Distance from the brain, straight out, beyond which neither skull nor scalp reaches."""
FACELESS_MM = 0.0
"""Height in the template, MNI mm, from which there is no face in front of the brain and no neck behind it."""
WIDE = 0.6
"""Share of the widest slice's brain from which a slice is judged: near the vertex the scalp runs along it."""
LEAST_AIR_MM2 = 500.0
QUARTILE = 0.75
"""Of the air's signal: a ghost need not fill the air, and a fold of scalp does not."""
OF_RAYLEIGH = 1.177
"""The upper quartile of the magnitude of noise over its root mean square."""
SURE = 5.0
"""Over the root of the number of voxels: share by which the energy of one air has to exceed that of the other; 2.8 standard errors of
the difference of two quartiles of noise."""
SPOILED = frozenset({Role.FLAIR, Role.DWI, Role.B0, Role.SWI})
"""T1 and T2 show fluid, which stands out from any ghost; pairs of T1 have a test of their own."""

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Pair = tuple[float, float]


def ghost_shares(volume: Volume, anatomy: Anatomy) -> FloatArray | None:
    """Share of the brain's signal that ghosts put into the air beside the head, (k,); 0 in slices without brain.

    A slice whose air cannot be judged has the share of the nearest that can; None if none can: stripped or tightly cut images.
    """
    brain, array = anatomy.brain, volume.array
    if not brain.any():
        return None
    areas = brain.sum(axis=(1, 2))
    high = _high(anatomy)
    shares = np.full(len(array), np.nan)
    for k in np.flatnonzero(areas >= WIDE * areas.max()):
        shares[k] = _share(array[k], brain[k], high[k], volume.spacing_mm[:2])
    judged = np.flatnonzero(np.isfinite(shares))
    if not judged.size:
        return None
    nearest = np.abs(np.arange(len(array))[:, None] - judged).argmin(axis=1)
    level = float(np.sqrt(np.mean(array[brain] ** 2, dtype=np.float64)))
    return np.where(areas > 0, shares[judged[nearest]] / max(level, 1e-6), 0.0)


def spoiled(volume: Volume, anatomy: Anatomy) -> BoolArray:
    """The slices, (k,), that ghosts keep from being measured."""
    shares = ghost_shares(volume, anatomy) if volume.role in SPOILED else None
    if shares is None:
        return np.zeros(len(volume.array), dtype=bool)
    return np.asarray(shares > cut_of(Measure.QUALITY_GHOSTS), dtype=np.bool_)


def without(anatomy: Anatomy, slices: BoolArray) -> Anatomy:
    """The anatomy with no brain in some slices, (k,), and with as much less of each region covered."""
    if not slices.any():
        return anatomy
    kept = ~slices[:, None, None]
    whole = np.bincount(anatomy.parts.reshape(-1), minlength=256)
    lost = np.bincount(anatomy.parts[slices].reshape(-1), minlength=256)

    def left(region_parts: list[int]) -> float:
        return 1.0 - float(lost[region_parts].sum()) / max(float(whole[region_parts].sum()), 1.0)

    return replace(
        anatomy,
        brain=anatomy.brain & kept,
        corrected=anatomy.corrected * kept,
        parts=anatomy.parts * kept,
        grey=anatomy.grey * kept,
        white=anatomy.white * kept,
        depth_mm=anatomy.depth_mm * kept,
        covered={region: share * left(list(parts_of(region))) for region, share in anatomy.covered.items()},
    )


def _share(plane: NDArray[np.float32], brain: BoolArray, high: BoolArray, spacing_mm: Pair) -> float:
    """Signal of the ghosts in the air beside the brain of one slice, in units of the pixels; NaN where there is too little air."""
    di, dj = spacing_mm
    along_j = plane[_beyond(brain, dj) & high]
    along_i = plane[_beyond(brain.T, di).T & high]
    fewest = min(along_j.size, along_i.size)
    if fewest * di * dj < LEAST_AIR_MM2:
        return np.nan
    one, other = sorted((float(np.quantile(air, QUARTILE)) / OF_RAYLEIGH) ** 2 for air in (along_j, along_i))
    return float(np.sqrt(max(other - one * (1.0 + SURE / np.sqrt(fewest)), 0.0)))


def _beyond(brain: BoolArray, mm: float) -> BoolArray:
    """Places before and behind the brain along the first axis, beside the middle half of its width."""
    beyond = np.zeros_like(brain)
    columns = np.flatnonzero(brain.any(axis=0))
    quarter = (columns[-1] - columns[0]) // 4
    middle = slice(columns[0] + quarter, columns[-1] - quarter + 1)
    rows = np.flatnonzero(brain[:, middle].any(axis=1))
    if not rows.size:
        return beyond
    margin = int(np.ceil(AIR_FROM_MM / mm))
    beyond[: max(rows[0] - margin, 0), middle] = True
    beyond[rows[-1] + margin + 1 :, middle] = True
    return beyond


def _high(anatomy: Anatomy) -> BoolArray:
    """Where, in a slice, neither face nor neck can lie, (k, j, i): the head is straight enough for one plane."""
    at = np.argwhere(anatomy.brain)
    at = at[:: max(len(at) // 5_000, 1)]
    heights = anatomy.template_mm[(2, *at.T)].astype(np.float64)
    design = np.column_stack([at, np.ones(len(at))]).astype(np.float64)
    slopes = np.linalg.lstsq(design, heights, rcond=None)[0]
    k, j, i = (slope * np.arange(n) for slope, n in zip(slopes, anatomy.brain.shape, strict=False))
    high: BoolArray = k[:, None, None] + j[:, None] + i + slopes[3] >= FACELESS_MM
    return high
