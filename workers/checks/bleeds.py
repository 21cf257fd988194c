"""Which dark spots of a susceptibility-weighted series are microbleed-like, and how sure that is (sign M3)."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region
from rules.findings import Why
from rules.measures import Measure
from workers.checks.cropping import box_of
from workers.checks.foci import Spot, darkness_of, find_spots, noise_of
from workers.checks.haemorrhage import Haemorrhage, find_haemorrhages
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.regions import parts_of

BoolArray = NDArray[np.bool_]
Triple = tuple[float, float, float]
Ramp = tuple[float, float]
"""Values at which a feature counts nothing and at which it counts fully."""

DARKNESS: Ramp = (0.2, 0.4)
"""Missing share of the surroundings' signal. Simulated foci of 3-6 mm have 0.31-0.93, veins up to 0.6. [P]"""
ROUNDNESS: Ramp = (0.2, 0.5)
"""Least over greatest curvature of its darkness: of simulated foci 95 % have 0.45 or more, of veins half 0.29 or less. [P]"""
DEPTH_MM: Ramp = (2.0, 4.0)
"""Depth under the brain's surface; nearer lie sulcal veins, dura and bone. [P]"""
DEPTH_AT_AIR_MM: Ramp = (5.0, 9.0)
"""The same over the air of the orbital roof, of the sinuses and of the mastoid. [P]"""
GOES_ON = 0.8
"""Factor of what seems to go on, into the next slices, out of its neighbourhood or to both sides: beside a vein a focus does, too. [P]"""
MAYBE = 0.1
"""Least score of what counts into the uncertainty."""

MIRROR_MM = 6.0
"""How well the mirror image of a nucleus' iron has to meet its fellow."""
MIRROR_SHARE = 0.75
"""Darkness and diameter of the fellow, either over the other, from which both are iron or calcification. Of simulated ones the lesser
has 0.92 and more; two bleeds may lie so by chance. [P]"""
SHORTER = 0.6
"""Length of the fellow over that of something long, from which both are iron: 0.66 and 0.9 in two simulated studies whose other side
stayed below 10 mm. [P]"""
IRON = (Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM, Region.THALAMUS, Region.MIDBRAIN)
DENTATE = ((15.0, -58.0, -35.0), 11.0)
"""Middle (lateral, front, up) and reach of the dentate nucleus, MNI mm, by the usual landmarks."""
PINEAL = ((0.0, -28.0, 3.0), 8.0)
"""Pineal gland and habenula, which calcify, MNI mm."""
GLOMUS = ((23.0, -40.0, 13.0), 8.0)
"""Choroid plexus of the atrium, which calcifies, MNI mm."""

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


def find_bleeds(anatomy: Anatomy, spacing_mm: Triple) -> Bleeds:
    """All microbleed-like foci and large haemorrhages. Raises CannotAssess where the slices or the noise forbid it."""
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
    large = find_large(anatomy, spacing_mm)
    covered = np.zeros(anatomy.brain.shape, dtype=bool)
    for one in large:
        covered[tuple(one.voxels)] = True
    free = [spot for spot in spots if not covered[_nearest(spot.voxels, spot.centre)]]
    return Bleeds(tuple(_foci(anatomy, free, spots)), large)


def find_large(anatomy: Anatomy, spacing_mm: Triple) -> tuple[Haemorrhage, ...]:
    """Haemorrhages of more than 10 mm; symmetric darkness of the nuclei is iron, though one side of it be shorter."""
    found = find_haemorrhages(anatomy, spacing_mm)
    middles = [_template_mm(anatomy, _middle(one)) for one in found]
    iron = [_holds_iron(anatomy, one.voxels, there) for one, there in zip(found, middles, strict=True)]
    if not any(iron):
        return found
    fellows = find_haemorrhages(anatomy, spacing_mm, SHORTER * cut_of(Measure.HAEMORRHAGE_LONGER))
    places = [(other.longest_mm, _template_mm(anatomy, _middle(other))) for other in fellows]
    return tuple(
        one
        for one, there, is_nucleus in zip(found, middles, iron, strict=True)
        if not (is_nucleus and _is_mirrored(one.longest_mm, there, places))
    )


def _is_mirrored(
    length_mm: float, place: NDArray[np.float64], others: list[tuple[float, NDArray[np.float64]]]
) -> bool:
    """Whether something long lies about where the mirror image is, or something not quite so long just there."""
    mirrored = place * np.array([-1.0, 1.0, 1.0])
    for longest_mm, there in others:
        away = float(np.linalg.norm(there - mirrored))
        is_itself = float(np.linalg.norm(there - place)) < 1.0
        is_long = longest_mm > cut_of(Measure.HAEMORRHAGE_LONGER)
        near = 2 * MIRROR_MM if is_long else MIRROR_MM
        if not is_itself and away <= near and (is_long or longest_mm >= SHORTER * length_mm):
            return True
    return False


def _middle(one: Haemorrhage) -> tuple[int, int, int]:
    return _nearest(one.voxels, tuple(one.voxels.mean(axis=1)))


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
    voxels = [_nearest(spot.voxels, spot.centre) for spot in spots]
    places = np.array([_template_mm(anatomy, voxel) for voxel in voxels]).reshape(-1, 3)
    traits = np.array([(spot.darkness, spot.diameter_mm) for spot in spots]).reshape(-1, 2)
    found = []
    for spot in free:
        voxel = _nearest(spot.voxels, spot.centre)
        score = _score(anatomy, spot, voxel)
        place = _template_mm(anatomy, voxel)
        if score >= MAYBE and not (
            _holds_iron(anatomy, spot.voxels, place) and _has_fellow(spot, place, places, traits)
        ):
            found.append(Focus(spot, score, voxel))
    return found


def _score(anatomy: Anatomy, spot: Spot, voxel: tuple[int, int, int]) -> float:
    """Product of what darkness, shape, size, tissue and depth say, 0 to 1."""
    place = _template_mm(anatomy, voxel)
    if _near(place, PINEAL) or _near(place, GLOMUS):
        return 0.0
    here = tuple(spot.voxels)
    tissue = float(np.mean(anatomy.grey[here] + anatomy.white[here], dtype=np.float64))
    depth = float(anatomy.depth_mm[voxel])
    aspect = _cuts(Measure.BLEED_ASPECT_NONE, Measure.BLEED_ASPECT_SURE)
    shape = _ramp(spot.aspect, aspect) * _ramp(spot.roundness, ROUNDNESS)
    diameter = _cuts(Measure.BLEED_DIAMETER_NONE, Measure.BLEED_DIAMETER_SURE)
    longest = _cuts(Measure.BLEED_LONGEST_NONE, Measure.BLEED_LONGEST_SURE)
    size = _ramp(spot.diameter_mm, diameter) * _ramp(spot.longest_mm, longest)
    return (
        (GOES_ON if spot.goes_on else 1.0)
        * _ramp(spot.darkness, DARKNESS)
        * shape
        * size
        * _ramp(tissue, _cuts(Measure.BLEED_TISSUE_NONE, Measure.BLEED_TISSUE_SURE))
        * _ramp(depth, DEPTH_AT_AIR_MM if _at_air(place) else DEPTH_MM)
    )


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


def _holds_iron(anatomy: Anatomy, voxels: NDArray[np.intp], place: NDArray[np.float64]) -> bool:
    """Whether something lies in or beside nuclei that gather iron or calcify with age."""
    here = tuple(voxels)
    wanted = [part for region in IRON for part in parts_of(region)]
    return float(np.isin(anatomy.parts[here], wanted).mean()) > 0.2 or _near(place, DENTATE)


def _near(place: NDArray[np.float64], ball: tuple[Triple, float]) -> bool:
    """Whether a place, or its mirror image, lies in a ball."""
    lateral = np.array([abs(place[0]), place[1], place[2]])
    return bool(np.linalg.norm(lateral - np.array(ball[0])) <= ball[1])


def _has_fellow(
    spot: Spot, place: NDArray[np.float64], places: NDArray[np.float64], traits: NDArray[np.float64]
) -> bool:
    """Whether something about as dark and as large lies at the mirrored place; what lies in the midline is its own mirror.

    traits : (n, 2), darkness and diameter of all spots
    """
    if abs(place[0]) < MIRROR_MM / 2:
        return False
    away = np.linalg.norm(places - place * np.array([-1.0, 1.0, 1.0]), axis=1)
    share = traits / np.array([spot.darkness, spot.diameter_mm])
    alike = np.all((share >= MIRROR_SHARE) & (share <= 1 / MIRROR_SHARE), axis=1)
    return bool(np.any(alike & (away <= MIRROR_MM)))


def _nearest(voxels: NDArray[np.intp], centre: tuple[float, ...]) -> tuple[int, int, int]:
    """The voxel nearest to a place."""
    one = int(np.argmin(np.sum((voxels - np.array(centre)[:, None]) ** 2, axis=0)))
    k, j, i = (int(n) for n in voxels[:, one])
    return k, j, i


def _template_mm(anatomy: Anatomy, voxel: tuple[int, int, int]) -> NDArray[np.float64]:
    return anatomy.template_mm[(slice(None), *voxel)].astype(np.float64)
