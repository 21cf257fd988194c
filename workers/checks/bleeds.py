"""Which dark spots of a susceptibility-weighted series are microbleed-like, and how sure that is (sign M3)."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rules.findings import Why
from rules.measures import Measure
from workers.checks.cropping import box_of
from workers.checks.foci import Spot, darkness_of, find_spots, noise_of
from workers.checks.haemorrhage import Haemorrhage, find_haemorrhages, long_areas
from workers.checks.iron import (
    MIRROR_SHARE,
    SHORTER,
    has_like_fellow,
    holds_iron,
    is_near,
    lies_in_oedema,
    nearest_voxel,
    template_mm,
)
from workers.checks.spot_cuts import VERY_DARK
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of

BoolArray = NDArray[np.bool_]
Triple = tuple[float, float, float]
Ramp = tuple[float, float]
"""Values at which a feature counts nothing and at which it counts fully."""

DARKNESS: Ramp = (0.2, 0.6)
"""Missing share of the surroundings' signal. Nine tenths of simulated foci have 0.42-0.81, of what was falsely counted 0.28-0.59. [P]"""
VISIBLE: Ramp = (DARKNESS[0], 0.25)
"""Darkness below which nothing counts, however round."""
ROUNDNESS: Ramp = (0.2, 0.5)
"""Least over greatest curvature of its darkness: of simulated foci 95 % have 0.45 or more, of veins half 0.29 or less. [P]"""
DEPTH_MM: Ramp = (2.0, 4.0)
"""Depth under the brain's surface; nearer lie sulcal veins, dura and bone. [P]"""
DEPTH_AT_AIR_MM: Ramp = (5.0, 9.0)
"""The same over the air of the orbital roof, of the sinuses and of the mastoid. [P]"""
SYMMETRY: Ramp = (0.6, 0.8)
"""Of simulated foci that counted nine tenths have 0.66-0.90, of crossings of veins that were counted 0.47-0.71. [P]"""
SYMMETRY_OF_PART: Ramp = (0.2, 0.7)
"""The same of a spot that was cut out of something longer, whose other side is dark as well. [P]"""
BELOW_SULCI_MM: Ramp = (4.0, 12.0)
"""Depth that speaks for a focus: above, veins of sulci look like one. [P]"""
LIKENESS_AT_NONE = -19.0
SAYS_DARKNESS = 3.5
SAYS_ASPECT = 3.0
SAYS_ROUNDNESS = 3.5
SAYS_SYMMETRY = 6.0
SAYS_DIAMETER = 8.0
SAYS_DEPTH = 3.0
SAYS_GOES_ON = -1.0
"""Logarithm of the odds of a focus for which nothing speaks, and what each trait adds to it when it counts fully: a logistic regression
on simulated studies (docs/evaluation.md), rounded; only what goes on is held against a spot although it was not against those. [P]"""
MAYBE = 0.1
"""Least score of what counts into the uncertainty."""

PINEAL = ((0.0, -28.0, 3.0), 8.0)
"""Pineal gland and habenula, which calcify, MNI mm."""
GLOMUS = ((23.0, -40.0, 13.0), 8.0)
"""Choroid plexus of the atrium, which calcifies, MNI mm."""

FELLOW_MM = 4.5
"""How well the mirror image of a focus of a nucleus' iron has to meet its fellow: 0.9 to 2.6 mm in simulated ones; two bleeds in both
putamina lay 5.3 mm from it. [P]"""
FELLOW_DARKNESS = 0.85
"""Darkness of the fellow, either over the other, from which both are iron: 0.90 and more in simulated ones, 0.77 and 0.81 of two bleeds. [P]"""

MAX_SLICE_MM = 6.5
"""A focus of 4 mm has lost half of its darkness in slices of this spacing. [P]"""
MAX_PIXEL_MM = 1.5
MAX_NOISE = 0.08
"""Robust standard deviation of white matter, after smoothing by 0.6 mm, over its mean. [P]"""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Focus:
    """A dark spot with the probability that it is a microbleed-like focus (a score, not calibrated)."""

    spot: Spot
    score: float
    voxel: tuple[int, int, int]
    """The voxel of the brain that is nearest to its centre, (k, j, i)."""


@dataclass(frozen=True, slots=True, eq=False)
class Bleeds:
    """What is dark: foci of 2-10 mm, those not quite sure too, and what is longer than 10 mm."""

    foci: tuple[Focus, ...]
    large: tuple[Haemorrhage, ...]
    lime: tuple[Focus, ...] = ()
    """Foci that would count, and whose phase is that of lime."""

    @property
    def kept(self) -> tuple[Focus, ...]:
        """The foci that count."""
        return tuple(focus for focus in self.foci if focus.score >= cut_of(Measure.BLEED_LEAST_SCORE))


def find_bleeds(anatomy: Anatomy, spacing_mm: Triple, bright: BoolArray | None = None) -> Bleeds:
    """All microbleed-like foci and large haemorrhages. Raises CannotAssess where the slices or the noise forbid it.

    bright : as in `find_large`
    """
    _require_resolution(spacing_mm)
    box = box_of(anatomy.brain)
    if box is None:
        raise CannotAssess(Why.COVERAGE, "no brain lies within the slices")
    brain, depth = anatomy.brain[box], anatomy.depth_mm[box]
    dark = darkness_of(anatomy.corrected[box], brain, spacing_mm)
    tissue = (anatomy.white[box] > 0.9) & (depth > 3.0)
    if noise_of(dark, tissue, spacing_mm) > MAX_NOISE:
        raise CannotAssess(Why.QUALITY, "the images are too noisy for small foci")
    corner = np.array([one.start for one in box])
    spots = [_moved(spot, corner) for spot in find_spots(dark, tissue, depth >= DEPTH_MM[0], spacing_mm)]
    large = find_large(anatomy, spacing_mm, bright)
    covered = np.zeros(anatomy.brain.shape, dtype=bool)
    for one in large:
        covered[tuple(one.voxels)] = True
    free = [spot for spot in spots if not covered[nearest_voxel(spot.voxels, spot.centre)]]
    return Bleeds(tuple(_foci(anatomy, free, spots)), large)


def find_large(
    anatomy: Anatomy, spacing_mm: Triple, bright: BoolArray | None = None
) -> tuple[Haemorrhage, ...]:
    """Haemorrhages of more than 10 mm; darkness of both nuclei that is alike is iron or lime, though one side of it be shorter.

    bright : what is bright on FLAIR, (k, j, i); where it surrounds something dark, that is blood. None where that is not known
    """
    found = find_haemorrhages(anatomy, spacing_mm)
    suspects = [one for one in found if holds_iron(anatomy, one.voxels)]
    if not suspects:
        return found
    areas = long_areas(anatomy, spacing_mm, SHORTER * cut_of(Measure.HAEMORRHAGE_LONGER))
    iron = [
        one
        for one in suspects
        if has_like_fellow(anatomy, one.voxels, areas, spacing_mm)
        and not (bright is not None and lies_in_oedema(anatomy, one.voxels, bright, spacing_mm))
    ]
    return tuple(one for one in found if one not in iron)


def _require_resolution(spacing_mm: Triple) -> None:
    if spacing_mm[2] > MAX_SLICE_MM or max(spacing_mm[:2]) > MAX_PIXEL_MM:
        size = " x ".join(f"{mm:.1f}" for mm in spacing_mm)
        raise CannotAssess(Why.QUALITY, f"voxels of {size} mm are too coarse for small foci")


def _moved(spot: Spot, corner: NDArray[np.int64]) -> Spot:
    """A spot of the brain's box on the whole grid."""
    k, j, i = (float(a + b) for a, b in zip(spot.centre, corner, strict=True))
    return replace(spot, voxels=spot.voxels + corner[:, None], centre=(k, j, i))


def _foci(anatomy: Anatomy, free: list[Spot], spots: list[Spot]) -> list[Focus]:
    """The spots with a score that counts at all, in the order of their answer."""
    voxels = [nearest_voxel(spot.voxels, spot.centre) for spot in spots]
    places = np.array([template_mm(anatomy, voxel) for voxel in voxels]).reshape(-1, 3)
    traits = np.array([(spot.darkness, spot.diameter_mm) for spot in spots]).reshape(-1, 2)
    found = []
    for spot in free:
        voxel = nearest_voxel(spot.voxels, spot.centre)
        score = _score(anatomy, spot, voxel)
        place = template_mm(anatomy, voxel)
        if score >= MAYBE and not (
            holds_iron(anatomy, spot.voxels)
            and (_is_part_of_nucleus(spot) or _has_fellow(spot, place, places, traits))
        ):
            found.append(Focus(spot, score, voxel))
    return found


def _score(anatomy: Anatomy, spot: Spot, voxel: tuple[int, int, int]) -> float:
    """How like a focus it is, where one can be, 0 to 1."""
    place = template_mm(anatomy, voxel)
    if is_near(place, PINEAL) or is_near(place, GLOMUS):
        return 0.0
    here = tuple(spot.voxels)
    tissue = float(np.mean(anatomy.grey[here] + anatomy.white[here], dtype=np.float64))
    depth = float(anatomy.depth_mm[voxel])
    longest = _cuts(Measure.BLEED_LONGEST_NONE, Measure.BLEED_LONGEST_SURE)
    return (
        _likeness(spot, depth)
        * _ramp(spot.darkness, VISIBLE)
        * _ramp(spot.longest_mm, longest)
        * _ramp(tissue, _cuts(Measure.BLEED_TISSUE_NONE, Measure.BLEED_TISSUE_SURE))
        * _ramp(depth, DEPTH_AT_AIR_MM if _at_air(place) else DEPTH_MM)
    )


def _likeness(spot: Spot, depth: float) -> float:
    """What darkness, shape, size and place say together, 0 to 1: one that is weak may be made up for by the others."""
    evidence = (
        LIKENESS_AT_NONE
        + SAYS_DARKNESS * _ramp(spot.darkness, DARKNESS)
        + SAYS_ASPECT * _ramp(spot.aspect, _cuts(Measure.BLEED_ASPECT_NONE, Measure.BLEED_ASPECT_SURE))
        + SAYS_ROUNDNESS * _ramp(spot.roundness, ROUNDNESS)
        + SAYS_SYMMETRY * _ramp(spot.symmetry, SYMMETRY_OF_PART if spot.is_part else SYMMETRY)
        + SAYS_DIAMETER
        * _ramp(spot.diameter_mm, _cuts(Measure.BLEED_DIAMETER_NONE, Measure.BLEED_DIAMETER_SURE))
        + SAYS_DEPTH * _ramp(depth, BELOW_SULCI_MM)
        + SAYS_GOES_ON * spot.goes_on
    )
    return float(1.0 / (1.0 + np.exp(-evidence)))


def _is_part_of_nucleus(spot: Spot) -> bool:
    """Whether a spot among nuclei that gather iron is a faint end of something longer, as the red nucleus is."""
    return spot.is_part and spot.darkness < VERY_DARK


def _cuts(none: Measure, sure: Measure) -> Ramp:
    return cut_of(none), cut_of(sure)


def _ramp(value: float, ends: Ramp) -> float:
    return float(np.clip((value - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0))


def _at_air(place: NDArray[np.float64]) -> bool:
    """Orbital surface of the frontal lobe, temporal base and pole, cerebellum beside the mastoid; MNI mm."""
    x, y, z = abs(place[0]), place[1], place[2]
    orbital = y > 15 and z < -8
    temporal = x > 20 and y > -40 and z < -16
    mastoid = x > 35 and y < -35 and z < -25
    return bool(orbital or temporal or mastoid)


def _has_fellow(
    spot: Spot, place: NDArray[np.float64], places: NDArray[np.float64], traits: NDArray[np.float64]
) -> bool:
    """Whether something about as dark and as large lies at the mirrored place; what lies in the midline is its own mirror.

    traits : (n, 2), darkness and diameter of all spots
    """
    if abs(place[0]) < FELLOW_MM / 2:
        return False
    away = np.linalg.norm(places - place * np.array([-1.0, 1.0, 1.0]), axis=1)
    share = traits / np.array([spot.darkness, spot.diameter_mm])
    least = np.array([FELLOW_DARKNESS, MIRROR_SHARE])
    alike = np.all((share >= least) & (share <= 1 / least), axis=1)
    return bool(np.any(alike & (away <= FELLOW_MM)))
