"""Which voxels of a FLAIR brain are brighter than undiseased tissue of their own class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from workers.imaging.anatomy import Anatomy
from workers.imaging.tissue import Level, level

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

GROW_RATIO, GROW_Z = 1.12, 1.8
SEED_RATIO, SEED_Z = 1.25, 3.0
"""Clearly visible starts at a ratio of 1.18-1.20 (knowledge base M1). [P]"""
MIN_CLUSTER_MM3 = 27.0
"""A cube of 3 mm (knowledge base M1)."""
EDGE_MM = 2.0
"""The outermost rim is mixed with meninges, vessels and scalp."""
SMOOTHING_MM = 0.8

LIMBIC = (Region.CINGULATE, Region.INSULA, Region.HIPPOCAMPUS)
LIMBIC_LIFT = 1.06
"""Limbic cortex is brighter than the rest in health: 1.00-1.12 on lesion-free real scans."""


@dataclass(frozen=True, slots=True, eq=False)
class Hyperintensity:
    """Voxels called hyperintense, (k, j, i), and how much brighter than expected every voxel of the brain is.

    ratio : signal over expected signal; z : difference in standard deviations of undiseased tissue
    """

    mask: BoolArray
    ratio: FloatArray
    z: FloatArray


def find_hyperintensity(anatomy: Anatomy, spacing_mm: tuple[float, float, float]) -> Hyperintensity:
    """Hysteresis on ratio and robust z, class by class."""
    expected, spread = _expected(anatomy)
    signal = _smoothed(anatomy, spacing_mm)
    ratio = np.divide(signal, expected, out=np.zeros_like(signal), where=expected > 0)
    z = np.divide(signal - expected, spread, out=np.zeros_like(signal), where=spread > 0)
    usable = anatomy.brain & (anatomy.depth_mm >= EDGE_MM) & ~anatomy.region(Region.VENTRICLES)
    grown = usable & (ratio >= GROW_RATIO) & (z >= GROW_Z)
    seeds = grown & (ratio >= SEED_RATIO) & (z >= SEED_Z)
    return Hyperintensity(_connected(grown, seeds, spacing_mm), ratio, z)


def _connected(grown: BoolArray, seeds: BoolArray, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Clusters that hold a seed and reach the least volume."""
    clusters, count = ndimage.label(grown)
    sizes = np.bincount(clusters.reshape(-1), minlength=count + 1) * float(np.prod(spacing_mm))
    keep = sizes >= MIN_CLUSTER_MM3
    keep &= np.bincount(clusters[seeds], minlength=count + 1) > 0
    keep[0] = False
    kept: BoolArray = keep[clusters]
    return kept


def _smoothed(anatomy: Anatomy, spacing_mm: tuple[float, float, float]) -> FloatArray:
    sigma = [SMOOTHING_MM / mm if mm < 2 * SMOOTHING_MM else 0.0 for mm in spacing_mm[::-1]]
    inside = anatomy.brain.astype(np.float32)
    weight = ndimage.gaussian_filter(inside, sigma)
    sums = ndimage.gaussian_filter(anatomy.corrected * inside, sigma)
    smooth: FloatArray = np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0.05)
    return smooth


def _expected(anatomy: Anatomy) -> tuple[FloatArray, FloatArray]:
    """Signal and spread of undiseased tissue at each voxel: the brighter of the classes that may lie there."""
    signal = anatomy.corrected
    inner = anatomy.brain & (anatomy.depth_mm >= EDGE_MM)
    white = level(signal[inner & (anatomy.white > 0.9)]) or Level(1.0, 0.1)
    cerebrum = inner & ~anatomy.region(Region.CEREBELLUM) & ~anatomy.region(Region.BRAINSTEM)
    grey = level(signal[cerebrum & (anatomy.grey > 0.8)]) or white
    grey = Level(max(grey.mode, white.mode), white.spread)
    share = np.clip(anatomy.grey.astype(np.float32) / 0.3, 0.0, 1.0)
    expected = (white.mode + share * (grey.mode - white.mode)).astype(np.float32)
    for region in LIMBIC:
        expected[anatomy.region(region)] = grey.mode * LIMBIC_LIFT
    for region in (Region.CEREBELLUM, Region.BRAINSTEM):
        own = level(signal[inner & anatomy.region(region)])
        if own is not None:
            expected[anatomy.region(region)] = np.clip(own.mode, 0.95 * white.mode, 1.1 * grey.mode)
    return expected, np.full_like(expected, white.spread)
