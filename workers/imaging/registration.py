"""How the patient lay in one series relative to another of the same study, or to one of an earlier study.

Mutual information of the two series inside the brain, at places strewn between the voxels: places on the voxels would
favour motions by whole voxels. Where both share a frame of reference the headers say how they lie, up to the patient's
own movements; elsewhere a coarse search goes first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from rules.anatomy import Role
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.affine import blocks, rotation
from workers.imaging.distance import depth_in
from workers.imaging.motion import Motion
from workers.imaging.scan import Scan
from workers.imaging.similarity import BINS, FloatArray, Head, Points, information, quick_information
from workers.imaging.volume import Volume

LEVELS = ((6.0, 2_500), (4.0, 8_000), (1.5, 30_000))
"""Size in mm up to which voxels are averaged, and number of places compared, coarse first."""
SHELL_MM = 8.0
"""How far outside the brain places of the first level lie: they know the brain's outline, not what is around it."""
FAINT = (Role.SWI,)
"""Series with so little contrast between grey and white that ghosts of motion outweigh it: for them the places of all levels know the
outline. Without it the SWI of a restless head came to lie 7 mm off, with it 1.3 mm (simulated); of a still one 0.9 and 0.7 mm."""
MIN_INFORMATION = 0.12
"""Mutual information in nats below which the two are not believed to be the same brain. Other series of the same study
reach 0.17-0.63 (SWI least); noise and knees 0.10 at most; another person's brain, cleverly squeezed, 0.15 (4 real, 3
simulated studies)."""
MIN_SAME_FRAME = 0.04
"""The same for a series in the reference's own frame of reference: a SWI with hardly any contrast between grey and white
reaches 0.08, and the scanner's word that the patient lay still is worth more than such a match. [P]"""
MIN_GAIN = 0.004
"""Gain of information over the headers' geometry from which a motion is believed. [P]"""
MIN_INSIDE = 0.3
"""Share of the reference's brain that has to lie within the moving series. [P]"""
PITCHES_DEG, YAWS_DEG = (-24.0, -12.0, 0.0, 12.0, 24.0), (-12.0, 0.0, 12.0)
SHIFTS_MM = (-30.0, -15.0, 0.0, 15.0, 30.0)
STARTS, FINALISTS = 8, 3
_UNIT = np.array([0.1, 0.1, 0.1, 10.0, 10.0, 10.0])
"""Radians and mm of the optimiser's unit step: a tenth of a radian moves the cortex by some 7 mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Strewn:
    """What of the reference series all others are compared with: about 1 MB, in place of the scan.

    levels : places in patient mm with what is seen there, as LEVELS; outlined : the same with a shell around the brain in
        each, for FAINT series
    """

    levels: tuple[Points, ...]
    outlined: tuple[Points, ...]
    frame_of_reference_uid: str


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """The moving series on its own, coarsened grid.

    array : (k, j, i); matrix, shift : patient mm (x, y, z) to its voxels (i, j, k)
    """

    array: NDArray[np.float32]
    matrix: FloatArray
    shift: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Places of the reference and the moving series in histogram bins; motions turn about `centre`."""

    points: Points
    centre: FloatArray
    head: Head
    """In voxels of the target: its grid is not along the patient axes."""
    target: _Target

    def placed(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The map from patient mm of the reference to voxels of the target under a motion."""
        matrix, shift = _motion(x, self.centre)
        return self.target.matrix @ matrix, self.target.matrix @ shift + self.target.shift

    def information(self, x: FloatArray) -> float:
        """Mutual information in nats under a motion."""
        return information(self.points, self.head, *self.placed(x))[0]


def strewn(reference: Scan) -> Strewn:
    """Places all over the brain of the reference series, of each level's fineness."""
    shells = (SHELL_MM, *(0.0,) * (len(LEVELS) - 1))
    levels = tuple(_points(reference, *level, shell) for level, shell in zip(LEVELS, shells, strict=True))
    outlined = (levels[0], *(_points(reference, *level, SHELL_MM) for level in LEVELS[1:]))
    return Strewn(levels, outlined, reference.volume.frame_of_reference_uid)


def align(reference: Strewn, moving: Volume) -> Motion:
    """The motion from the reference series to another volume, of the same study or of another one of the patient.

    Raises CannotAssess if the two cannot be brought together.
    """
    is_faint = moving.role in FAINT
    points = reference.outlined if is_faint else reference.levels
    centre: FloatArray = reference.levels[-1].places.mean(axis=0)
    targets = [_target(moving, step) for step, _ in LEVELS]

    def pair(level: int, x: FloatArray) -> _Pair:
        return _pair(points[level], centre, targets[level], x)

    def matched(information: float, x: FloatArray) -> float:
        """What the brain itself says of a motion that was found by its outline too."""
        if not is_faint:
            return information
        return _pair(reference.levels[-1], centre, targets[-1], x).information(x)

    rest = np.zeros(6)
    match, x, fine = 0.0, rest, pair(2, rest)
    if moving.frame_of_reference_uid == reference.frame_of_reference_uid:
        match, x = _near_rest(pair(1, rest), fine, matched)
    is_enough = match >= MIN_SAME_FRAME  # 0 without a shared frame
    if not is_enough:
        starts = _best(pair(0, rest), _search(pair(0, rest)))[:FINALISTS]
        start = _best(pair(1, starts[0]), starts)[0]
        fine = pair(2, start)
        after, x = _refined(fine, start)
        match = matched(after, x)
        if match < MIN_INFORMATION:
            detail = f"the series does not show the same brain (match {match:.2f}, needed {MIN_INFORMATION})"
            raise CannotAssess(Why.ANATOMY, detail)
    _require_inside(fine, x)
    return Motion(*_motion(x, centre), information=match)


def _near_rest(
    coarse: _Pair, fine: _Pair, matched: Callable[[float, FloatArray], float]
) -> tuple[float, FloatArray]:
    """The motion of a patient who lay as the headers say, but for small movements, and what the brain says of it."""
    rest = np.zeros(6)
    before = fine.information(rest)
    after, x = _refined(fine, _refined(coarse, rest)[1])
    if after < before + MIN_GAIN:
        return matched(before, rest), rest
    match = matched(after, x)
    if match < MIN_SAME_FRAME <= (still := matched(before, rest)):
        return still, rest  # its outline drew a faint brain a little aside; the scanner's word is enough
    return match, x


def _best(pair: _Pair, starts: Sequence[FloatArray]) -> list[FloatArray]:
    """Motions refined from some starts, best first."""
    found = sorted((_refined(pair, start) for start in starts), key=lambda one: -one[0])
    return [x for _, x in found]


def _require_inside(pair: _Pair, x: FloatArray) -> None:
    matrix, shift = pair.placed(x)
    voxels = pair.points.places @ matrix.T + shift
    limits = np.array(pair.target.array.shape[::-1]) - 0.5
    inside = float(np.all((voxels > -0.5) & (voxels < limits), axis=1).mean())
    if inside < MIN_INSIDE:
        raise CannotAssess(Why.COVERAGE, f"only {100 * inside:.0f} % of the brain lies within the series")


def _points(reference: Scan, step: float, count: int, shell_mm: float = 0.0) -> Points:
    """Places strewn over the reference's brain, with bins of its signal there; a shell around it has the last bin."""
    anatomy, volume = reference.anatomy, reference.volume
    (share, affine), (signal, _) = (
        blocks(one.astype(np.float32), volume.affine, step / 2) for one in (anatomy.brain, anatomy.corrected)
    )
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    near = share > 0.5 if not shell_mm else _within(share > 0.5, spacing, shell_mm)
    voxels = np.flatnonzero(near)
    chosen = voxels[:: max(len(voxels) // count, 1)]
    place = np.stack(np.unravel_index(chosen, share.shape)).astype(np.float64)
    place += np.random.default_rng(0).uniform(-0.5, 0.5, place.shape)
    inside, seen = (ndimage.map_coordinates(one, place, order=1, mode="nearest") for one in (share, signal))
    sure = inside > 0.5
    low, high = np.percentile(seen[sure] / inside[sure], (0.5, 99.5))
    relative = (seen / np.maximum(inside, 0.5) - low) / max(high - low, 1e-6)
    bins = np.where(sure, np.clip(relative * (BINS - 1), 0, BINS - 2), BINS - 1).astype(np.intp)
    kept = sure | (inside < 0.05)
    return Points(place[::-1, kept].T @ affine[:3, :3].T + affine[:3, 3], bins[kept])


def _within(brain: NDArray[np.bool_], spacing: FloatArray, reach_mm: float) -> NDArray[np.bool_]:
    k, j, i = (float(mm) for mm in spacing)
    near: NDArray[np.bool_] = depth_in(~brain, (i, j, k)) <= reach_mm
    return near


def _target(moving: Volume, step: float) -> _Target:
    array, affine = blocks(moving.array, moving.affine, step)
    inverse = np.asarray(np.linalg.inv(affine), dtype=np.float64)
    return _Target(array, inverse[:3, :3], inverse[:3, 3])


def _pair(points: Points, centre: FloatArray, target: _Target, x: FloatArray) -> _Pair:
    """The bins are laid over what the places see under a motion: scalp and eyes would take most of them."""
    matrix, shift = _motion(x, centre)
    voxels = (points.places @ matrix.T + shift) @ target.matrix.T + target.shift
    seen = ndimage.map_coordinates(target.array, voxels.T[::-1], order=1, cval=np.nan)
    seen = seen[np.isfinite(seen)]
    if seen.size < len(points.bins) * MIN_INSIDE:
        seen = target.array.reshape(-1)
    low, high = np.percentile(seen, (0.5, 99.5))
    binned = np.clip((target.array - low) / max(high - low, 1e-6), 0.0, 1.0) * (BINS - 4) + 1.0
    return _Pair(points, centre, Head(binned.astype(np.float32), np.zeros(3), 1.0), target)


def _motion(x: FloatArray, centre: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rotation about the centre and shift, from the optimiser's six numbers."""
    values = x * _UNIT
    matrix = rotation(values[:3])
    return matrix, centre + values[3:] - matrix @ centre


def _search(pair: _Pair) -> list[FloatArray]:
    """The best few motions that differ, out of a grid around the one that brings the middles of the heads together."""
    array = pair.target.array
    k, j, i = np.nonzero(array > 0.25 * np.percentile(array, 99.0))
    here = np.linalg.inv(pair.target.matrix) @ (np.array([i.mean(), j.mean(), k.mean()]) - pair.target.shift)
    tried = []
    for middle, pitch, yaw, shift in product(
        (np.zeros(3), here - pair.centre), PITCHES_DEG, YAWS_DEG, product(SHIFTS_MM, repeat=3)
    ):
        x = np.array([*np.radians((pitch, 0.0, yaw)), *(middle + shift)]) / _UNIT
        tried.append((quick_information(pair.points, pair.head, *pair.placed(x)), x))
    tried.sort(key=lambda one: -one[0])
    return _apart([x for _, x in tried])


def _apart(tried: Sequence[FloatArray]) -> list[FloatArray]:
    starts: list[FloatArray] = []
    for x in tried:
        if all(np.abs(x - other).max() > 1.3 for other in starts):
            starts.append(x)
        if len(starts) == STARTS:
            break
    return starts


def _refined(pair: _Pair, start: FloatArray) -> tuple[float, FloatArray]:
    """Highest information near a motion, and where."""

    def cost(x: FloatArray) -> tuple[float, FloatArray]:
        matrix, shift = pair.placed(x)
        value, for_matrix, for_shift = information(pair.points, pair.head, matrix, shift)
        gradient = np.zeros(6)
        for n, step in enumerate(np.eye(6) * 1e-5):
            other, moved = pair.placed(x + step)
            gradient[n] = (np.sum(for_matrix * (other - matrix)) + for_shift @ (moved - shift)) / 1e-5
        return -value, -gradient

    found = optimize.minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 40, "ftol": 1e-7})
    return -float(found.fun), np.asarray(found.x, dtype=np.float64)
