"""How a dark spot is cut out of what it touches, and what its shape says (sign M3).

A spot is cut at fractions of its own darkness. What is long is cut narrower, so that foci that touch, or that run into a sulcus, come
apart; a vein must not become a row of beads by it, so what lies on either side of such a spot is looked at.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Place = tuple[int, int, int]
"""A voxel, (k, j, i)."""

CUTS = (0.5, 0.35)
"""Fractions of its darkness at which a candidate is cut out: its size, and how it goes on."""
TOUCHING_CUTS = (0.7, 0.85)
"""Fractions at which touching foci come apart; tried on very dark ones only, lest they break veins into beads. [P]"""
VERY_DARK = 0.45
ROUND = (0.3, 0.5)
"""Roundness up to which the wider cut counts wholly, and from which it says nothing more: what is round and runs into something
is a focus beside a vein. Simulated foci of which the wider cut made veins have 0.5-0.8, nine tenths of veins less than 0.5. [P]"""
ROUND_ENOUGH = 0.4
"""Roundness from which a faint spot is cut out of what it runs into: of foci in veins and beside ventricles four of five had 0.43-0.48. [P]"""
ARMS_FROM_MM, ARMS_TO_MM = 1.5, 4.0
"""How far beyond a spot's radius a vein is looked for on both sides of it. [P]"""
STRAIGHT = 0.94
"""Cosine of the 20 degrees that the arms of a vein may be off one line. [P]"""
TOO_LONG, TOO_LONG_MM = 2.0, 10.0
"""Length over width, and length, from which a very dark spot is cut again."""
SLANT = 1.5
"""How steeply a vein may run to be followed from slice to slice: shift in the plane over height. [P]"""
MAX_BEND_MM = 1.5


def best_cut(
    near: FloatArray, at: Place, mm: NDArray[np.float64], noise: float, round_share: float
) -> tuple[BoolArray, float, float, bool, bool]:
    """The spot at a place, its length in mm, its length over width, whether it was cut out of a vein, and out of anything longer.

    near : (k, j, i) darkness around it; mm : voxel size along the same axes. The wider cut counts as well. It is mixed with whatever lies
    beside the spot, so it counts a fifth less, and less still of what is round and has not one arm on either side.
    """
    peak = float(near[at])
    core = _component(near, at, CUTS[0] * peak)
    length, aspect = _shape(core, mm)
    believed, has_arms, is_bead, is_part = aspect, False, False, False
    if CUTS[1] * peak >= 3.0 * noise:
        wider = _component(near, at, CUTS[1] * peak)
        has_arms = _has_arms(wider, core, mm)
        longer = max(0.8 * _shape(wider, mm)[1] - aspect, 0.0)
        doubt = float(np.clip((ROUND[1] - round_share) / (ROUND[1] - ROUND[0]), 0.0, 1.0))
        believed += longer * (1.0 if has_arms else doubt)
        aspect += longer
    for cut in TOUCHING_CUTS:
        # A faint one is round or part of a vein; a very dark one may be two that touch.
        is_faint = peak < VERY_DARK
        if is_faint and round_share < ROUND_ENOUGH:
            break
        if (min(aspect, believed) if is_faint else aspect) <= TOO_LONG and length <= TOO_LONG_MM:
            break
        narrower = _component(near, at, cut * peak)
        is_bead = has_arms or _has_arms(core, narrower, mm)
        core, is_part = narrower, True
        length, aspect = _shape(core, mm)
    return core, length, min(aspect, believed), is_bead, is_part


def _has_arms(wider: BoolArray, core: BoolArray, mm: NDArray[np.float64]) -> bool:
    """Whether a wider cut leaves a spot on both sides along one line, as a vein does that swells there."""
    places = np.argwhere(core) * mm
    radius = (3.0 * len(places) * float(np.prod(mm)) / (4.0 * np.pi)) ** (1 / 3)
    ways = np.argwhere(wider) * mm - places.mean(axis=0)
    away = np.linalg.norm(ways, axis=1)
    there = (away > radius + ARMS_FROM_MM) & (away < radius + ARMS_TO_MM)
    arms = ways[there] / away[there, None]
    return bool(arms.size and np.min(arms @ arms.T) < -STRAIGHT)


def _component(near: FloatArray, at: Place, least: float) -> BoolArray:
    labels, _ = ndimage.label(near >= least, structure=np.ones((3, 3, 3)))
    component: BoolArray = labels == labels[at]
    return component


def leaves(core: BoolArray, low: NDArray[np.intp], high: NDArray[np.intp], shape: tuple[int, ...]) -> bool:
    """Whether a component reaches a face of its neighbourhood that is not a face of the scan."""
    for axis in range(3):
        lines: BoolArray = np.any(core, axis=tuple({0, 1, 2} - {axis}))
        if (lines[0] and low[axis] > 0) or (lines[-1] and high[axis] < shape[axis]):
            return True
    return False


def passes(near: FloatArray, core: BoolArray, least: float, mm: NDArray[np.float64]) -> bool:
    """Whether something as dark lies in the slice above and, on the same straight line, in the slice below.

    An oblique vein in thick slices is a row of separate spots.
    """
    k, j, i = np.nonzero(core)
    beyond = int(k.min()) - 1, int(k.max()) + 1
    if beyond[0] < 0 or beyond[1] >= len(near):
        return False
    middle = np.array([j.mean() * mm[1], i.mean() * mm[2]])
    reach = SLANT * mm[0] * (beyond[1] - beyond[0]) / 2
    ways = []
    for slice_k in beyond:
        away = np.argwhere((near[slice_k] >= least) & ~core[slice_k]) * mm[1:] - middle
        ways.append(away[np.hypot(*away.T) <= reach])
    above, below = ways
    if not above.size or not below.size:
        return False
    bend = np.linalg.norm(above[:, None] + below[None], axis=2)
    return bool(bend.min() <= MAX_BEND_MM)


def _shape(component: BoolArray, mm: NDArray[np.float64]) -> tuple[float, float]:
    """Longest axis in mm and length over width of a component.

    Length over width is the worse of two: by second moments, and by the ellipsoid that has this length and this
    volume. A slice thicker than the spot says nothing of its height, so the axis through the slices counts with the
    least height that the voxels allow as well as the most, and the rounder answer holds.
    """
    places = np.argwhere(component) * mm
    spread = places - places.mean(axis=0)
    moments = spread.T @ spread / len(places)
    diameter = (6.0 * len(places) * float(np.prod(mm)) / np.pi) ** (1 / 3)
    answers = []
    for share in (np.array([1.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0])):
        squares = np.linalg.eigvalsh(moments + np.diag(share * mm**2 / 12))
        length = float(2 * np.sqrt(5 * squares[2]))
        by_moments = float(np.sqrt(squares[2] / max(squares[1], 1e-6)))
        answers.append((max(by_moments, (length / diameter) ** 1.5), length))
    aspect, length = min(answers)
    return length, aspect
