"""Lesions: what a case asks for in template space, and the irregular shapes one seed makes of it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from workers.simulation.brain import GREY, WHITE, Brain, clipped, relative
from workers.simulation.fields import smooth_field
from workers.simulation.space import LOW, Box, Ellipsoid, Point
from workers.simulation.tissues import Tissue


class Target(StrEnum):
    """Which tissue a lesion takes."""

    CORTEX_AND_SUBCORTEX = "cortex and subcortex"
    GREY = "grey"
    WHITE = "white"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class LesionPlan:
    """One lesion, in template mm on the right side where `bilateral`; the other side is drawn independently."""

    region: Region
    centre: Point
    radii: Point
    kind: Tissue
    strength: float
    """Share of the tissue that is changed in the middle of the lesion, 0..1."""
    target: Target = Target.ANY
    bilateral: bool = False
    other_side: float = 1.0
    """Size of the left lesion relative to the right one."""
    roughness: float = 0.35
    """Irregularity of the edge relative to the radius."""
    jitter_mm: float = 3.0


@dataclass(frozen=True, slots=True)
class FociPlan:
    """Scattered small lesions, placed at random in a tissue within a region of template space."""

    region: Region
    within: Ellipsoid
    count: tuple[int, int]
    radius_mm: tuple[float, float]
    kind: Tissue
    strength: float
    target: Target = Target.WHITE
    elongation: float = 1.0
    """Length over width, along the direction away from the ventricles (as in ovoid demyelination)."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """A lesion as placed."""

    region: Region
    side: Side
    shape: Ellipsoid
    kind: Tissue
    strength: float
    target: Target
    roughness: float


_EDGE_MM = 2.6
"""Half width of a lesion's edge."""

_CORTEX = (Tissue.CORTEX, Tissue.LIMBIC)

_SOURCES: dict[Target, tuple[Tissue, ...]] = {
    Target.CORTEX_AND_SUBCORTEX: GREY + WHITE,
    Target.GREY: GREY,
    Target.WHITE: WHITE,
    Target.ANY: GREY + WHITE,
}


def place(
    plans: tuple[LesionPlan | FociPlan, ...], brain: Brain, rng: np.random.Generator
) -> tuple[Lesion, ...]:
    """Lesions of one seed: jittered in position, size and strength, each side for itself."""
    placed: list[Lesion] = []
    for plan in plans:
        placed += _one_plan(plan, rng) if isinstance(plan, LesionPlan) else _foci(plan, brain, rng)
    return tuple(placed)


def _one_plan(plan: LesionPlan, rng: np.random.Generator) -> list[Lesion]:
    sides = (1.0, -1.0) if plan.bilateral else (1.0,)
    return [_jittered(plan, mirror, rng) for mirror in sides]


def _jittered(plan: LesionPlan, mirror: float, rng: np.random.Generator) -> Lesion:
    shift = rng.uniform(-plan.jitter_mm, plan.jitter_mm, 3)
    size = rng.uniform(0.9, 1.12) * (plan.other_side ** (1.0 / 3.0) if mirror < 0 else 1.0)
    x, y, z = (float(c + s) for c, s in zip(plan.centre, shift, strict=True))
    if plan.centre[0] == 0:
        x = x / 3.0
    radii = (plan.radii[0] * size, plan.radii[1] * size, plan.radii[2] * size)
    strength = float(np.clip(plan.strength * rng.uniform(0.92, 1.08), 0.0, 1.0))
    shape = Ellipsoid((mirror * x, y, z), radii)
    return Lesion(
        plan.region,
        _side(plan.centre[0], mirror * x),
        shape,
        plan.kind,
        strength,
        plan.target,
        plan.roughness,
    )


def _side(planned_x: float, x: float) -> Side:
    if planned_x == 0:
        return Side.MIDLINE
    return Side.RIGHT if x > 0 else Side.LEFT


def _foci(plan: FociPlan, brain: Brain, rng: np.random.Generator) -> list[Lesion]:
    count = int(rng.integers(plan.count[0], plan.count[1] + 1))
    room = _room(plan, brain)
    chosen = rng.choice(len(room), size=min(count, len(room)), replace=False)
    return [_focus(plan, room[index], rng) for index in chosen]


def _room(plan: FociPlan, brain: Brain) -> NDArray[np.float64]:
    """Template mm of the voxels where a focus may sit, (n, 3) as x, y, z."""
    grid = clipped(plan.within.box())
    inside = (plan.within.radius(grid) < 1.0) & (brain.share(_SOURCES[plan.target], relative(grid)) > 0.9)
    index = np.argwhere(inside)[:, ::-1] + [grid[2].start, grid[1].start, grid[0].start]
    return index + np.asarray(LOW)


def _focus(plan: FociPlan, at: NDArray[np.float64], rng: np.random.Generator) -> Lesion:
    radius = float(rng.uniform(*plan.radius_mm))
    x, y, z = (float(value) for value in at)
    radii = (radius * plan.elongation, radius, radius)
    strength = float(np.clip(plan.strength * rng.uniform(0.85, 1.1), 0.0, 1.0))
    side = Side.RIGHT if x > 0 else Side.LEFT
    return Lesion(plan.region, side, Ellipsoid((x, y, z), radii), plan.kind, strength, plan.target, 0.25)


def grow(
    lesions: tuple[Lesion, ...], brain: Brain, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Change the brain's tissues; returns over BOX the share that is lesion (0..1) and the lesion's number (1-based)."""
    burden = np.zeros_like(brain.inside)
    number = np.zeros(brain.inside.shape, dtype=np.int16)
    shape = brain.inside.shape
    rough = 0.75 * smooth_field(rng, shape, 7.0) + 0.5 * smooth_field(rng, shape, 3.5)
    for index, lesion in enumerate(lesions, start=1):
        reach = 1.0 + 3.0 * lesion.roughness + 2.0 / min(lesion.shape.radii)
        grid = clipped(lesion.shape.box(reach))
        box = relative(grid)
        weight = _weight(lesion, grid, rough[box], brain)
        moved = brain.move(weight * lesion.strength, box, lesion.kind, _SOURCES[lesion.target])
        share = moved / max(lesion.strength, 1e-6)
        number[box][share > np.maximum(burden[box], 0.05)] = index
        burden[box] = np.maximum(burden[box], share)
    return burden, number


def _weight(lesion: Lesion, grid: Box, rough: NDArray[np.float32], brain: Brain) -> NDArray[np.float32]:
    """Membership of a lesion in a head-grid box, 0..1, with a random-field edge."""
    radius = lesion.shape.radius(grid) - lesion.roughness * rough
    edge = _EDGE_MM / float(np.mean(lesion.shape.radii))
    weight = np.asarray(np.clip(0.5 + (1.0 - radius) / (2.0 * edge), 0.0, 1.0), dtype=np.float32)
    if lesion.target is Target.CORTEX_AND_SUBCORTEX:
        weight = weight * _near_cortex(brain.share(_CORTEX, relative(grid)))
    return weight


def _near_cortex(cortex: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 in cortex and the white matter within about 8 mm of it, falling to 0.25 deeper."""
    nearness = np.asarray(ndimage.gaussian_filter(cortex, 4.0, truncate=2.5), dtype=np.float32)
    return np.asarray(np.clip(0.25 + 4.0 * nearness, 0.0, 1.0), dtype=np.float32)
