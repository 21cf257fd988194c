"""Small dark spots of a susceptibility-weighted series: where they are, how round, how dark, how alone (sign M3).

Candidates are maxima of a difference of Gaussians over several scales, in millimetres on the native grid. Each is then
cut out at fractions of its own darkness, and its shape tells a focus from a vein: a vein goes on, in the plane or
from slice to slice, so its cut is long or leaves the neighbourhood, and its darkness is not curved along its course.
A focus that a vein passes is long too, cut out with some of that vein; but it is round, and the vein not on both sides of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.checks.isolation import roundness, symmetry
from workers.checks.spot_cuts import CUTS, ROUND_ENOUGH, TOO_LONG, TOO_LONG_MM, best_cut, leaves, passes

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Triple = tuple[float, float, float]
Place = tuple[int, int, int]
"""A voxel, (k, j, i)."""

BACKGROUND_MM = 6.0
"""Standard deviation of the Gaussian that gives the brightness of the surroundings; twice the largest focus' radius."""
SCALES_MM = (0.9, 1.4, 2.2, 3.2)
"""Standard deviations that suit spheres of about 3 to 11 mm (a sphere answers most at its radius over root 3)."""
SCALE_STEP = 1.6
"""Ratio of the two Gaussians: the usual stand-in for a Laplacian (Marr and Hildreth, doi:10.1098/rspb.1980.0020)."""
LEAST_RESPONSE = 0.02
NOISES = 5.0
"""Least response and least darkness in robust standard deviations of white matter. [P]"""
STEADY_MM = 0.6
"""Standard deviation of the Gaussian that steadies the voxels before they are cut."""
REACH_MM = 11.0
"""Half width of a candidate's neighbourhood: what leaves it is no focus of up to 10 mm."""
LEAST_DARKNESS = 0.15
SAME_MM = 3.0
"""Maxima nearer than this are one candidate."""


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """A dark spot.

    voxels : (3, n) indices (k, j, i) of what is at least half as dark as its darkest voxel
    darkness : share of the surroundings' signal that is missing at its darkest
    noises : the same in robust standard deviations of white matter
    """

    voxels: NDArray[np.intp]
    centre: tuple[float, float, float]
    """Centre of mass, (k, j, i)."""
    darkness: float
    noises: float
    diameter_mm: float
    """Of the sphere of the same volume."""
    longest_mm: float
    aspect: float
    """Length over width, the worse of two cuts; 1 is round."""
    goes_on: bool
    """Whether it leaves its neighbourhood, or is what a narrower cut left of something with an arm on either side."""
    roundness: float
    """Least over greatest curvature of its darkness: 1 for a ball, 0 for a tube."""
    symmetry: float
    """Share of the darkness in and around it that the distance from its centre explains: 1 for a ball that stands alone."""
    is_part: bool
    """Whether a narrower cut took it out of something longer."""


def darkness_of(signal: FloatArray, brain: BoolArray, spacing_mm: Triple) -> FloatArray:
    """Share of the surroundings' signal that is missing, (k, j, i) float32; 0 outside the brain.

    Dark voxels lose most of their vote on what the surroundings are.
    """
    sigma = [BACKGROUND_MM / mm for mm in spacing_mm[::-1]]
    inside = brain.astype(np.float32)
    rough = _mean(signal, inside, sigma)
    vote = np.where(signal > 0.85 * rough, inside, 0.05 * inside).astype(np.float32)
    around = _mean(signal, vote, sigma)
    dark = np.zeros_like(signal)
    np.divide(around - signal, around, out=dark, where=brain & (around > 0))
    return dark


def _mean(signal: FloatArray, weight: FloatArray, sigma: list[float]) -> FloatArray:
    below = ndimage.gaussian_filter(weight, sigma, truncate=2.5)
    above = ndimage.gaussian_filter(signal * weight, sigma, truncate=2.5)
    mean: FloatArray = np.divide(above, below, out=np.zeros_like(above), where=below > 1e-3)
    return mean


def steadied(dark: FloatArray, spacing_mm: Triple) -> FloatArray:
    """Darkness after the smoothing with which spots are cut out, (k, j, i)."""
    return _blurred(dark, STEADY_MM, spacing_mm)


def noise_of(dark: FloatArray, tissue: BoolArray, spacing_mm: Triple) -> float:
    """Robust standard deviation of white matter after the smoothing with which spots are cut out."""
    return _robust(_blurred(dark, STEADY_MM, spacing_mm)[tissue])


def find_spots(dark: FloatArray, tissue: BoolArray, where: BoolArray, spacing_mm: Triple) -> tuple[Spot, ...]:
    """Dark spots whose darkest voxel lies in `where`, the strongest answer first; the caller judges them.

    dark : from `darkness_of`; tissue : voxels of white matter, which tell the noise
    """
    steady = _blurred(dark, STEADY_MM, spacing_mm)
    noise = _robust(steady[tissue])
    taken = np.zeros(dark.shape, dtype=bool)
    runs_in = np.zeros(dark.shape, dtype=bool)
    spots: list[Spot] = []
    for place in _maxima(dark, tissue, where, spacing_mm):
        if taken[place]:
            continue
        spot = _cut_out(steady, place, spacing_mm, noise, needs_round=bool(runs_in[place]))
        if spot is not None:
            # What is too long to be a focus may hold a round one, which is cut out of it.
            mask = taken if spot.aspect <= TOO_LONG and spot.longest_mm <= TOO_LONG_MM else runs_in
            mask[tuple(spot.voxels)] = True
            spots.append(spot)
    return tuple(spots)


def _blurred(values: FloatArray, sigma_mm: float, spacing_mm: Triple) -> FloatArray:
    """Gaussian in mm; along an axis much coarser than that, nothing."""
    sigma = [sigma_mm / mm if sigma_mm > 0.3 * mm else 0.0 for mm in spacing_mm[::-1]]
    blurred: FloatArray = ndimage.gaussian_filter(values, sigma, truncate=3.0)
    return blurred


def _robust(values: FloatArray) -> float:
    if not values.size:
        return 1e-3
    return max(1.4826 * float(np.median(np.abs(values - np.median(values)))), 1e-3)


def _maxima(dark: FloatArray, tissue: BoolArray, where: BoolArray, spacing_mm: Triple) -> list[Place]:
    """Places of the strongest answers over all scales, none nearer to a stronger one than SAME_MM."""
    answer = np.zeros_like(dark)
    for sigma_mm in SCALES_MM:
        inner, outer = (_blurred(dark, one * sigma_mm, spacing_mm) for one in (1.0, SCALE_STEP))
        one = inner - outer
        np.maximum(answer, one - NOISES * _robust(one[tissue]), out=answer)
    peaks = (answer == ndimage.maximum_filter(answer, size=3)) & (answer > LEAST_RESPONSE) & where
    found = np.argwhere(peaks)
    order = np.argsort(-answer[peaks], kind="stable")
    mm = found * np.array(spacing_mm[::-1])
    kept: list[int] = []
    for one in order:
        if not kept or np.min(np.sum((mm[kept] - mm[one]) ** 2, axis=1)) >= SAME_MM**2:
            kept.append(int(one))
    return [(int(k), int(j), int(i)) for k, j, i in found[kept]]


def _cut_out(
    steady: FloatArray, place: Place, spacing_mm: Triple, noise: float, *, needs_round: bool
) -> Spot | None:
    """The spot at a maximum; None where nothing is darker than the noise, or where it should be round and is not."""
    mm = np.array(spacing_mm[::-1])
    reach = np.maximum(np.ceil(REACH_MM / mm).astype(int), 1)
    low = np.maximum(np.array(place) - reach, 0)
    high = np.minimum(np.array(place) + reach + 1, steady.shape)
    near = steady[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    at = _darkest(near, np.array(place) - low)
    peak = float(near[at])
    if peak < max(NOISES * noise, LEAST_DARKNESS):
        return None
    round_share = roundness(near, at, mm)
    if needs_round and round_share < ROUND_ENOUGH:
        return None
    core, length, aspect, is_bead, is_part = best_cut(near, at, mm, noise, round_share)
    voxels = np.stack(np.nonzero(core))
    weight = near[tuple(voxels)]
    k, j, i = (float(one) for one in (voxels * weight).sum(axis=1) / weight.sum())
    diameter = (6.0 * voxels.shape[1] * float(np.prod(mm)) / np.pi) ** (1 / 3)
    return Spot(
        voxels=voxels + low[:, None],
        centre=(k + float(low[0]), j + float(low[1]), i + float(low[2])),
        darkness=peak,
        noises=peak / noise,
        diameter_mm=diameter,
        longest_mm=length,
        aspect=aspect,
        goes_on=is_bead or leaves(core, low, high, steady.shape) or passes(near, core, CUTS[0] * peak, mm),
        roundness=round_share,
        symmetry=symmetry(near, (k, j, i), mm, diameter / 2),
        is_part=is_part,
    )


def _darkest(near: FloatArray, at: NDArray[np.intp]) -> Place:
    """The darkest voxel among a voxel and its neighbours."""
    low = np.maximum(at - 1, 0)
    block = near[tuple(slice(a, b + 2) for a, b in zip(low, at, strict=True))]
    k, j, i = (int(n) for n in np.array(np.unravel_index(int(block.argmax()), block.shape)) + low)
    return k, j, i
