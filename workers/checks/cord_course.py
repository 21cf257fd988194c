"""Where the upper cervical cord runs in a head scan: the medulla's axis, carried on below and followed level by level.

The brain map ends near the foramen magnum, so the way from the template into the patient is fitted as an affine map in
the hindbrain and extended; each level is then a small disc across that line, in which a round cord has to stand
out from a whole rim of fluid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Role
from rules.findings import Why
from rules.measures import Measure
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.volume import Volume

FloatArray = NDArray[np.float64]

FORAMEN = np.array([0.0, -45.0, -66.0])
"""Middle of the foramen magnum on the medulla's axis, MNI mm: own estimate on the ICBM152 maps, some 5 mm sure. [P]"""
DOWN = np.array([0.0, -4.0, -14.0]) / np.hypot(4.0, 14.0)
"""Direction of the lower medulla, MNI."""
STEP_MM = 1.0
ABOVE_MM, BELOW_MM = 16.0, 80.0
"""How far above and below the foramen the course is followed."""
HINDBRAIN_Z = -15.0
GRAIN_MM = 0.7
"""Distance of the points of a level."""
CORE_MM, CORD_MM = 2.5, 3.5
"""Radii of what is surely cord: to measure, and to find it (a cord is 8-9 mm deep and 12-14 mm wide)."""
RIM_MM = (5.5, 9.0)
"""Radii between which fluid is looked for in every direction."""
RIM_STEPS = 4
SECTORS = 12
MIN_SECTORS = 9
"""Directions in which fluid has to be found: the cord may lean on one wall of the canal. [P]"""
MIN_CONTRAST = 0.2
"""Difference of cord and fluid over their mean, in a direction that counts. [P]"""
MOVE_MM = 1.5
"""How far the cord may stray from one level to the next, beyond its direction."""
LOST_MM = 4.0
"""A longer gap ends the course."""
RIM_IS_BRIGHT = {Role.T2: True, Role.FLAIR: False, Role.T1: False}


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The cord level by level from above the foramen downwards; no levels where less than 10 mm are in view.

    below_mm : (n,) distance below the foramen magnum, negative above
    places : (n, 3) patient mm, LPS
    signal : (n,) median of the cord's core
    """

    below_mm: FloatArray
    places: FloatArray
    signal: FloatArray
    in_view_mm: float
    """How far below the foramen the field of view reaches along the axis, whether or not the cord was followed."""

    @property
    def length_mm(self) -> float:
        """Length of the followed cord below the foramen magnum."""
        return float(max(self.below_mm[-1], 0.0)) if self.below_mm.size else 0.0


def follow(volume: Volume, anatomy: Anatomy) -> Course:
    """The course of the cord. Raises CannotAssess where too little of the hindbrain was found to start from."""
    to_patient = _hindbrain_map(volume, anatomy)
    start, direction = _carried(to_patient, FORAMEN, DOWN)
    levels = np.arange(-ABOVE_MM, BELOW_MM + STEP_MM / 2, STEP_MM)
    on_axis = start + levels[:, None] * direction
    in_view = levels[_inside(volume, on_axis)]
    reach = float(max(in_view.max(initial=0.0), 0.0))
    if reach < cut_of(Measure.CORD_LEAST_LENGTH):
        return Course(np.empty(0), np.empty((0, 3)), np.empty(0), reach)
    kept: list[tuple[float, FloatArray, float]] = []
    offset, lost = np.zeros(3), 0.0
    for level, place in zip(levels, on_axis, strict=True):
        seen = _cord_near(volume, place + offset, direction)
        if seen is None:
            lost += STEP_MM
            if kept and lost > LOST_MM:
                break
            continue
        where, signal = seen
        offset, lost = where - place, 0.0
        kept.append((float(level), where, signal))
    below, places, signals = ([one[n] for one in kept] for n in range(3))
    return Course(np.array(below), np.array(places).reshape(-1, 3), np.array(signals), reach)


def _hindbrain_map(volume: Volume, anatomy: Anatomy) -> FloatArray:
    """(4, 4) affine map from MNI mm to patient mm, fitted in the hindbrain."""
    k, j, i = np.nonzero(anatomy.brain & (anatomy.template_mm[2] < HINDBRAIN_Z))
    if k.size < 500:
        raise CannotAssess(Why.COVERAGE, "the hindbrain lies outside the slices")
    some = slice(None, None, max(k.size // 20_000, 1))
    k, j, i = k[some], j[some], i[some]
    template = anatomy.template_mm[:, k, j, i].astype(np.float64).T
    patient = np.stack([i, j, k], axis=1) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    design = np.column_stack([template, np.ones(len(template))])
    answer = np.linalg.lstsq(design, patient, rcond=None)[0]
    matrix = np.eye(4)
    matrix[:3] = answer.T
    return matrix


def _carried(matrix: FloatArray, place: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    moved = matrix[:3, :3] @ direction
    return matrix[:3, :3] @ place + matrix[:3, 3], moved / np.linalg.norm(moved)


def _voxels(volume: Volume, places: FloatArray) -> FloatArray:
    """Indices (n, 3) as (i, j, k)."""
    inverse = np.linalg.inv(volume.affine)
    return np.asarray(places @ inverse[:3, :3].T + inverse[:3, 3], dtype=np.float64)


def _inside(volume: Volume, places: FloatArray) -> NDArray[np.bool_]:
    limits = np.array(volume.array.shape[::-1]) - 1
    voxels = _voxels(volume, places)
    inside: NDArray[np.bool_] = np.all((voxels >= 0) & (voxels <= limits), axis=1)
    return inside


def _cord_near(volume: Volume, place: FloatArray, direction: FloatArray) -> tuple[FloatArray, float] | None:
    """Where the cord crosses the plane through a place, and its signal; None where none stands out or the view ends."""
    right = np.array([1.0, 0.0, 0.0]) - direction[0] * direction
    right /= np.linalg.norm(right)
    front = np.cross(right, direction)
    moves = _grid(MOVE_MM)
    spots = moves[:, None, :] + _stencil()
    points = (place + spots[..., :1] * right + spots[..., 1:] * front).reshape(-1, 3)
    if not _inside(volume, points).all():
        return None
    here = _voxels(volume, points).T[::-1]
    values = ndimage.map_coordinates(volume.array, here, order=1).reshape(len(moves), -1).astype(np.float64)
    rating, signal = _rated(values, volume.role)
    best = int(np.argmax(rating))
    if not np.isfinite(rating[best]):
        return None
    return place + moves[best, 0] * right + moves[best, 1] * front, float(signal[best])


def _grid(reach_mm: float) -> FloatArray:
    """Points (n, 2) within a circle, in mm."""
    ticks = GRAIN_MM * np.arange(-int(reach_mm / GRAIN_MM), int(reach_mm / GRAIN_MM) + 1)
    points = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(points[np.hypot(*points.T) <= reach_mm], dtype=np.float64)


def _stencil() -> FloatArray:
    """Points (n, 2) of a level in mm: the rim, sector by sector, then the cord."""
    angles = (np.arange(3 * SECTORS) + 0.5) * 2 * np.pi / (3 * SECTORS)
    radii = np.linspace(*RIM_MM, RIM_STEPS)
    rim = np.stack(
        [np.outer(np.cos(angles), radii).reshape(-1), np.outer(np.sin(angles), radii).reshape(-1)], axis=1
    )
    return np.concatenate([rim, _grid(CORD_MM)])


def _rated(values: FloatArray, role: Role) -> tuple[FloatArray, FloatArray]:
    """Contrast to the rim, minus infinity where it is open, and the core's signal.

    values : (moves, points of the stencil). In each direction the rim counts with its most fluid-like quarter, for the
    canal is not round.
    """
    rim_points = 3 * SECTORS * RIM_STEPS
    rims = np.sort(values[:, :rim_points].reshape(len(values), SECTORS, -1), axis=2)
    inner = values[:, rim_points:]
    cord = np.median(inner, axis=1)[:, None]
    quarter = rims.shape[2] // 4
    rim = rims[:, :, -1 - quarter] if RIM_IS_BRIGHT[role] else rims[:, :, quarter]
    contrast = (rim - cord) if RIM_IS_BRIGHT[role] else (cord - rim)
    contrast = contrast / np.maximum(rim + cord, 1e-6)
    closed = np.count_nonzero(contrast >= MIN_CONTRAST / 2, axis=1) >= MIN_SECTORS
    best = np.sort(contrast, axis=1)[:, SECTORS - MIN_SECTORS :].mean(axis=1)
    spread = inner.std(axis=1) / np.maximum(cord[:, 0], 1e-6)
    core = np.hypot(*_grid(CORD_MM).T) <= CORE_MM
    rating = np.where(closed & (cord[:, 0] > 0), best - spread, -np.inf)
    return rating, np.median(inner[:, core], axis=1)
