"""Lesions put into a scan at random: any place, from punctate to confluent, faint to bright, with irregular edges.

They are added to the signal that the features are made from, so real scans and synthetic heads take them alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.imaging.anatomy import Anatomy

FloatArray = NDArray[np.float32]

FLUID_BELOW, TISSUE_FROM = 0.6, 0.85
"""Signal over white matter below which a voxel holds fluid and from which none: a lesion does not fill sulci."""
SOURCES = ("periventricular", "deep white", "cortical", "deep grey", "hindbrain", "anywhere")
SHARES = (0.32, 0.20, 0.20, 0.08, 0.10, 0.10)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How much is put in: number of small lesions, of large areas, and their signal over white matter."""

    small: int
    large: int
    signal: tuple[float, float]


def random_plan(rng: np.random.Generator) -> LoadPlan:
    """From none in one of eight scans to some sixty; each scan has its own range of brightness."""
    if rng.random() < 0.12:
        return LoadPlan(0, 0, (1.0, 1.0))
    low = float(rng.uniform(1.08, 1.5))
    large = int(rng.integers(1, 5)) if rng.random() < 0.35 else 0
    return LoadPlan(int(rng.choice([3, 8, 16, 30, 50])), large, (low, low + float(rng.uniform(0.1, 0.6))))


def add_lesions(
    anatomy: Anatomy, spacing_mm: tuple[float, float, float], plan: LoadPlan, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """The corrected signal with lesions, and the share of each voxel that is lesion; both (k, j, i)."""
    signal = anatomy.corrected.copy()
    share = np.zeros_like(signal)
    calm = ndimage.gaussian_filter(anatomy.corrected, [1.0 / mm if mm < 2 else 0 for mm in spacing_mm[::-1]])
    rooms = [_room(anatomy, calm, source, spacing_mm) for source in SOURCES]
    for number in range(plan.small + plan.large):
        is_large = number >= plan.small
        room = rooms[int(rng.choice(len(SOURCES), p=SHARES))]
        if len(room):
            centre = room[int(rng.integers(len(room)))]
            radius = rng.uniform(9, 24) if is_large else float(np.clip(rng.lognormal(1.1, 0.5), 1.3, 11))
            _add_one((signal, share, calm), (centre, radius), (spacing_mm, rng.uniform(*plan.signal)), rng)
    share *= anatomy.brain
    return np.where(anatomy.brain, signal, anatomy.corrected), share


def _room(
    anatomy: Anatomy, calm: FloatArray, source: str, spacing_mm: tuple[float, float, float]
) -> NDArray[np.intp]:
    """Voxels in which a lesion of this kind may be centred, (n, 3)."""
    inner = anatomy.brain & (anatomy.depth_mm > 2.5) & (calm > TISSUE_FROM)
    grey, white = anatomy.grey, anatomy.white
    x, y, z = (one.astype(np.float32) for one in anatomy.template_mm)
    hind = (z < -10) & (y < -12) & ((np.abs(x) < 15) | (y < -40))
    fluid = (
        anatomy.brain
        & (calm < FLUID_BELOW)
        & (np.abs(x) < 35)
        & (np.abs(z - 12) < 25)
        & (anatomy.depth_mm > 15)
    )
    rim = ndimage.distance_transform_edt(~fluid, sampling=spacing_mm[::-1]) < 6 if fluid.any() else inner
    where = {
        "periventricular": inner & rim & ~hind,
        "deep white": inner & (white > 0.8) & (anatomy.depth_mm > 12) & ~hind,
        "cortical": inner & (grey > 0.4) & (anatomy.depth_mm < 14) & ~hind,
        "deep grey": inner & (grey > 0.4) & (anatomy.depth_mm > 20) & ~hind,
        "hindbrain": inner & hind,
        "anywhere": inner,
    }[source]
    return np.argwhere(where)


def _add_one(
    arrays: tuple[FloatArray, FloatArray, FloatArray],
    shape: tuple[NDArray[np.intp], float],
    look: tuple[tuple[float, float, float], float],
    rng: np.random.Generator,
) -> None:
    """One irregular ellipsoid, averaged over the slice thickness, in place."""
    signal, share, calm = arrays
    centre, radius = shape
    spacing_mm, bright = look
    step = np.asarray(spacing_mm[::-1])
    reach = np.ceil((1.9 * radius + 2) / step).astype(int)
    low = np.maximum(centre - reach, 0)
    high = np.minimum(centre + reach + 1, signal.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    weight = _blob(low, high, (centre, radius, step), rng)
    tissue = np.clip((calm[box] - FLUID_BELOW) / (TISSUE_FROM - FLUID_BELOW), 0, 1)
    weight *= tissue
    rough = 1 + 0.06 * rough_field(weight.shape, 3.0 / step, rng)
    signal[box] += weight * np.maximum(bright * rough - calm[box], 0.02) * (1 - share[box])
    share[box] = np.maximum(share[box], weight)


def _blob(
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    shape: tuple[NDArray[np.intp], float, NDArray[np.float64]],
    rng: np.random.Generator,
) -> FloatArray:
    """Membership 0 to 1 over a box; thick slices are averages of finer ones."""
    centre, radius, step = shape
    fine = max(1, round(step[0] / 1.2))
    k = (np.arange(low[0] * fine, high[0] * fine) + 0.5) / fine - 0.5
    axes = [k, np.arange(low[1], high[1]), np.arange(low[2], high[2])]
    mm = [(axis - c) * s for axis, c, s in zip(axes, centre + rng.uniform(-0.5, 0.5, 3), step, strict=True)]
    grid = np.stack(np.meshgrid(*mm, indexing="ij")).reshape(3, -1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    stretch = np.exp(rng.normal(0, 0.28, 3))
    away = np.sqrt(np.square((turn @ grid) / (radius * stretch)[:, None]).sum(axis=0))
    shape_fine = (len(k), high[1] - low[1], high[2] - low[2])
    fine_step = np.array([step[0] / fine, step[1], step[2]])
    rough = rough_field(shape_fine, np.maximum(0.45 * radius, 1.2) / fine_step, rng)
    away = away.reshape(shape_fine) - rng.uniform(0.1, 0.35) * rough
    edge = rng.uniform(0.4, 1.6) / radius
    weight = np.clip(0.5 + (1 - away) / (2 * edge), 0, 1).astype(np.float32)
    mean: FloatArray = weight.reshape(-1, fine, *shape_fine[1:]).mean(axis=1)
    return mean


def rough_field(shape: tuple[int, ...], sigma: NDArray[np.float64], rng: np.random.Generator) -> FloatArray:
    """Smooth noise of unit variance."""
    field = ndimage.gaussian_filter(
        rng.standard_normal(shape).astype(np.float32), sigma, mode="wrap", truncate=3
    )
    return field / np.float32(max(float(field.std()), 1e-6))
