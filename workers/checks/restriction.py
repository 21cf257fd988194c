"""Which voxels of a diffusion scan are restricted: bright on the weighted image and low on the ADC map (sign M2)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from rules.measures import Measure
from workers.checks.areas import EDGES
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.tissue import Level, level

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Spacing = tuple[float, float, float]

LEAST_SPREAD = 0.04
"""Least standard deviation of undiseased tissue, white matter being 1: less is smoothing, not health. [P]"""
USUAL_WHITE_ADC = 720.0
"""Median of normal white matter that the cuts are made for; a scanner that reads lower gets lower cuts."""
LOWEST_GAIN = 0.85
MIRROR_HIGHEST = 900.0
"""The other side counts at most as normal cortex: oedema or fluid there makes nothing low here."""
MIRROR_MM = 3.0
"""Standard deviation of the Gaussian that the other side is averaged with: brains are not that symmetric."""
FLUID_ADC = 1200.0
"""From here on a voxel holds too much fluid to stand for the tissue of its side. [P]"""
RIM_CONTRAST, RIM_DOUBT, RIM_MM = 0.4, 0.1, 6.0
"""A blurred area ends where its contrast falls to a half of that nearby. Cuts alone took in the blur of its edge: 15 % too
much of 28 mL and 38 % too much of 2.6 mL; at 0.4 they come out within a few per cent (simulated). [P]"""
CUT_ERROR = 0.05
"""Standard deviation of an ADC from scanner to scanner, as a share. [P]"""
EDGE_MM = 1.0
"""The outermost rim is skull and distorted air."""
SEED_EDGE_MM = 2.0
GREY_MATTERS = 0.3
"""Share of grey from which a voxel is compared with grey matter."""

DEEP_GREY = (Region.THALAMUS, Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM)
HINDBRAIN = (Region.CEREBELLUM, Region.BRAINSTEM)


@dataclass(frozen=True, slots=True, eq=False)
class Brightness:
    """A weighted image against undiseased tissue, all (k, j, i).

    contrast : share by which a voxel is brighter than expected; z : how much brighter than expected, in standard deviations; bright : voxels of areas that hold a clearly bright one
    """

    contrast: FloatArray
    z: FloatArray
    usable: BoolArray
    bright: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Restriction:
    """Voxels called restricted, and those that are bright without it (T2 shine-through); all (k, j, i).

    looser, stricter : the mask under cuts moved by their errors (CUT_ERROR, RIM_DOUBT)
    """

    mask: BoolArray
    looser: BoolArray
    stricter: BoolArray
    shine: BoolArray
    brightness: Brightness


def brightness_of(anatomy: Anatomy) -> Brightness:
    """How bright each voxel of a DWI is, class by class."""
    expected, spread = _expected(anatomy)
    more: FloatArray = anatomy.corrected - expected
    z: FloatArray = more / spread
    usable = anatomy.brain & (anatomy.depth_mm >= EDGE_MM)
    grown = usable & (z >= cut_of(Measure.RESTRICTION_GROW_Z))
    seeds = grown & (z >= cut_of(Measure.RESTRICTION_SEED_Z)) & (anatomy.depth_mm >= SEED_EDGE_MM)
    return Brightness(more / expected, z, usable, holding(grown, seeds))


def find_restriction(anatomy: Anatomy, adc: FloatArray, spacing_mm: Spacing) -> Restriction:
    """Hysteresis on the weighted image, under the ADC cut of each tissue.

    adc : in 1e-6 mm2/s on the grid of the weighted image, 0 where unknown
    """
    seen, cuts = brightness_of(anatomy), _cuts(anatomy, adc)
    known = np.where(adc > 0, adc, np.inf).astype(np.float32)
    mask, looser, stricter = (
        _areas(
            anatomy,
            seen,
            (known, cuts * (1 + CUT_ERROR * doubt), RIM_CONTRAST - RIM_DOUBT * doubt),
            spacing_mm,
        )
        for doubt in (0, 1, -1)
    )
    near = ndimage.binary_dilation(_growing(seen, known, cuts), EDGES, iterations=2)
    fluid = anatomy.region(Region.VENTRICLES)
    high = seen.bright & (known >= cuts) & np.isfinite(known) & ~near & ~fluid
    shining = holding(high, high & (seen.z >= cut_of(Measure.RESTRICTION_SEED_Z)))
    shine = _large(shining, anatomy, spacing_mm, cut_of(Measure.RESTRICTION_LEAST))
    return Restriction(mask, looser, stricter, shine, seen)


def _growing(seen: Brightness, adc: FloatArray, cuts: FloatArray) -> BoolArray:
    """Bright and low areas that hold a clearly bright voxel."""
    low = seen.bright & (adc < cuts)
    return holding(low, low & (seen.z >= cut_of(Measure.RESTRICTION_SEED_Z)))


def _areas(
    anatomy: Anatomy, seen: Brightness, ground: tuple[FloatArray, FloatArray, float], spacing_mm: Spacing
) -> BoolArray:
    """Restricted tissue with what of its rim is mixed with fluid, and without what is only blurred.

    ground : the ADC, its cuts, and the share of the contrast at which an area ends
    """
    adc, cuts, rim = ground
    core = _large(_growing(seen, adc, cuts), anatomy, spacing_mm, cut_of(Measure.RESTRICTION_LEAST) / 2)
    beside = ndimage.binary_dilation(core, EDGES)
    very_bright = seen.bright & (seen.z >= cut_of(Measure.RESTRICTION_PARTIAL_Z))
    mixed = beside & very_bright & (adc < cut_of(Measure.RESTRICTION_PARTIAL_ADC))
    sharp = _without_blur(core | mixed, seen.contrast, spacing_mm, rim)
    return _large(sharp, anatomy, spacing_mm, cut_of(Measure.RESTRICTION_LEAST))


def _without_blur(mask: BoolArray, contrast: FloatArray, spacing_mm: Spacing, rim: float) -> BoolArray:
    """The voxels whose contrast is near to that of the clearest voxel around them."""
    size = [2 * round(RIM_MM / mm) + 1 for mm in spacing_mm[::-1]]
    clearest = ndimage.maximum_filter(np.where(mask, contrast, 0.0), size)
    return mask & (contrast >= rim * clearest)


def holding(grown: BoolArray, seeds: BoolArray) -> BoolArray:
    """Connected areas that hold a seed."""
    clusters, count = ndimage.label(grown, EDGES)
    keep = np.bincount(clusters[seeds], minlength=count + 1) > 0
    keep[0] = False
    kept: BoolArray = keep[clusters]
    return kept


def _large(mask: BoolArray, anatomy: Anatomy, spacing_mm: Spacing, least_ml: float) -> BoolArray:
    """Connected areas of at least a volume; half of it is enough where most of an area is splenium."""
    clusters, count = ndimage.label(mask, EDGES)
    voxels = np.bincount(clusters.reshape(-1), minlength=count + 1)
    splenial = np.bincount(clusters[anatomy.region(Region.SPLENIUM)], minlength=count + 1)
    splenium, elsewhere = cut_of(Measure.RESTRICTION_LEAST_SPLENIUM), cut_of(Measure.RESTRICTION_LEAST)
    least = np.where(2 * splenial >= voxels, least_ml * splenium / elsewhere, least_ml)
    keep = voxels * float(np.prod(spacing_mm)) / 1000.0 >= least - 1e-9
    keep[0] = False
    kept: BoolArray = keep[clusters]
    return kept


def _expected(anatomy: Anatomy) -> tuple[FloatArray, FloatArray]:
    """Signal and spread of undiseased tissue at each voxel: the brighter of the classes that may lie there."""
    signal = anatomy.corrected
    inner = anatomy.brain & (anatomy.depth_mm >= SEED_EDGE_MM)
    hind = _any(anatomy, HINDBRAIN)
    white = level(signal[inner & ~hind & (anatomy.white > 0.9)]) or Level(1.0, 0.1)
    cortex = level(signal[inner & ~hind & (anatomy.grey > 0.8)]) or white
    grey = Level(max(cortex.mode, white.mode), max(cortex.spread, white.spread))
    share = np.clip(anatomy.grey.astype(np.float32) / GREY_MATTERS, 0.0, 1.0)
    share[hind] = 1.0
    expected = white.mode + share * (grey.mode - white.mode)
    spread = white.spread + share * (grey.spread - white.spread)
    return expected.astype(np.float32), np.maximum(spread, LEAST_SPREAD).astype(np.float32)


def white_adc(
    anatomy: Anatomy, adc: FloatArray, region: Region = Region.BRAIN, side: Side = Side.WHOLE
) -> float:
    """Median ADC of deep white matter, in 1e-6 mm2/s; 0 if there is none.

    Half of the white matter would have to be diseased to move it far.
    """
    deep = anatomy.brain & (anatomy.white > 0.9) & (anatomy.depth_mm >= 2 * SEED_EDGE_MM) & (adc > 0)
    sure = deep if region is Region.BRAIN else deep & anatomy.region(region, side)
    return float(np.median(adc[sure])) if sure.any() else 0.0


def _cuts(anatomy: Anatomy, adc: FloatArray) -> FloatArray:
    """ADC below which each voxel is low: by its tissue, or against the other side."""
    share = np.clip(anatomy.grey.astype(np.float32), 0.0, 1.0)
    white, cortex = cut_of(Measure.RESTRICTION_ADC_WHITE), cut_of(Measure.RESTRICTION_ADC_CORTEX)
    cuts = white + share * (cortex - white)
    cuts[_any(anatomy, DEEP_GREY)] = cut_of(Measure.RESTRICTION_ADC_DEEP_GREY)
    cuts[_any(anatomy, HINDBRAIN)] = cut_of(Measure.RESTRICTION_ADC_HINDBRAIN)
    cuts[anatomy.region(Region.SPLENIUM)] = cut_of(Measure.RESTRICTION_ADC_SPLENIUM)
    gain = np.clip(white_adc(anatomy, adc) / USUAL_WHITE_ADC, LOWEST_GAIN, 1.0)
    mirror = np.minimum(mirrored(anatomy, _tissue_adc(anatomy, adc)), MIRROR_HIGHEST)
    return np.maximum(gain * cuts, cut_of(Measure.RESTRICTION_MIRROR_RATIO) * mirror).astype(np.float32)


def _tissue_adc(anatomy: Anatomy, adc: FloatArray) -> FloatArray:
    """ADC averaged over neighbouring tissue; 0 where there is none."""
    tissue = anatomy.brain & (adc > 0) & (adc < FLUID_ADC)
    k, j, i = _steps_mm(anatomy)
    sigma = [MIRROR_MM / mm for mm in (k, j, i)]
    weight = ndimage.gaussian_filter(tissue.astype(np.float32), sigma)
    sums = ndimage.gaussian_filter(np.where(tissue, adc, 0.0).astype(np.float32), sigma)
    mean: FloatArray = np.divide(sums, weight, out=np.zeros_like(sums), where=weight > 0.1)
    return mean


def _steps_mm(anatomy: Anatomy) -> tuple[float, float, float]:
    """Template mm from voxel to voxel along (k, j, i)."""
    k, j, i = np.linalg.norm(_to_template(anatomy)[:, :3], axis=0)
    return float(k), float(j), float(i)


def _to_template(anatomy: Anatomy) -> NDArray[np.float64]:
    """(3, 4) affine map from (k, j, i, 1) to template mm that fits the brain best."""
    index = np.argwhere(anatomy.brain)
    index = index[:: max(len(index) // 5000, 1)]
    places = anatomy.template_mm[(slice(None), *index.T)].T.astype(np.float64)
    design = np.column_stack([index, np.ones(len(index))]).astype(np.float64)
    return np.asarray(np.linalg.lstsq(design, places, rcond=None)[0].T, dtype=np.float64)


def mirrored(anatomy: Anatomy, values: NDArray[np.generic]) -> FloatArray:
    """Values of the place across the midline, (k, j, i); 0 outside."""
    there = np.vstack([_to_template(anatomy), [0, 0, 0, 1]])
    across = np.linalg.inv(there) @ np.diag([-1.0, 1.0, 1.0, 1.0]) @ there
    signal = values.astype(np.float32)
    pulled: FloatArray = ndimage.affine_transform(signal, across[:3, :3], across[:3, 3], order=1)
    return pulled


def _any(anatomy: Anatomy, regions: tuple[Region, ...]) -> BoolArray:
    inside: BoolArray = np.logical_or.reduce([anatomy.region(region) for region in regions])
    return inside
