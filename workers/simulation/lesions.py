"""The lesions of one seed: places, sizes and irregular shapes, and what they make of the brain's tissues."""

from dataclasses import dataclass, replace
from enum import StrEnum
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from workers.simulation.brain import GREY, WHITE, Brain, clipped, relative
from workers.simulation.fields import distance_from, smooth_field
from workers.simulation.plans import FociPlan, Layer, LesionPlan, PiaPlan, Plan, RimPlan, Target
from workers.simulation.space import LOW, Box, Ellipsoid
from workers.simulation.tissues import Tissue


class Form(StrEnum):
    """How a lesion fills its ellipsoid."""

    SOLID = "solid"
    RIM = "rim"
    PIA = "pia"


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
    form: Form = Form.SOLID
    reach_mm: float = 0.0
    """Thickness of a rim."""
    within: tuple[Tissue, ...] = ()
    """Lesion tissues that it replaces besides healthy ones: it is a part of them."""


_EDGE_MM = 2.6
"""Half width of a lesion's edge."""

_CORTEX = (Tissue.CORTEX, Tissue.LIMBIC)

_SOURCES: dict[Target, tuple[Tissue, ...]] = {
    Target.CORTEX_AND_SUBCORTEX: GREY + WHITE,
    Target.GREY: GREY,
    Target.WHITE: WHITE,
    Target.ANY: GREY + WHITE,
    Target.ALL: (*GREY, *WHITE, Tissue.CSF, Tissue.VEIN, Tissue.CHOROID),
}


def place(
    plans: tuple[Plan, ...], brain: Brain, rng: np.random.Generator, *, growth: float = 1.0
) -> tuple[Lesion, ...]:
    """Lesions of one seed: jittered in position, size and strength, each side for itself.

    Each plan has its own random numbers, so that the same person has the same lesion whatever else the case holds.
    `growth` scales the radii: 1.2 is the same lesions later, larger.
    """
    seed = int(rng.integers(2**32))
    placed: list[Lesion] = []
    for plan in plans:
        own = np.random.default_rng([seed, crc32(repr(plan).encode())])
        placed += _placed(plan, brain, own)
    return tuple(replace(lesion, shape=lesion.shape.scaled(growth)) for lesion in placed)


def _placed(plan: Plan, brain: Brain, rng: np.random.Generator) -> list[Lesion]:
    match plan:
        case LesionPlan():
            sides = (1.0, -1.0) if plan.bilateral else (1.0,)
            return [part for mirror in sides for part in _layered(plan, mirror, rng)]
        case FociPlan():
            return _foci(plan, brain, rng)
        case RimPlan():
            reach = plan.reach_mm * rng.uniform(0.85, 1.15)
            sheet = _sheet(plan.region, plan.around, plan.kind, _varied(plan.strength, rng))
            return [replace(sheet, form=Form.RIM, reach_mm=reach, target=plan.target)]
        case PiaPlan():
            return [_sheet(plan.region, plan.within, plan.kind, _varied(plan.strength, rng))]


def _varied(strength: float, rng: np.random.Generator) -> float:
    return float(np.clip(strength * rng.uniform(0.92, 1.08), 0.0, 1.0))


def _sheet(region: Region, shape: Ellipsoid, kind: Tissue, strength: float) -> Lesion:
    side = _side(shape.centre[0], shape.centre[0])
    return Lesion(region, side, shape, kind, strength, Target.ANY, 0.0, Form.PIA)


def _layered(plan: LesionPlan, mirror: float, rng: np.random.Generator) -> list[Lesion]:
    whole = _jittered(plan, mirror, rng)
    parts, kinds = [whole], [whole.kind]
    for layer in plan.layers:
        parts.append(_part(whole, layer, tuple(kinds)))
        kinds.append(layer.kind)
    return parts


def _part(whole: Lesion, layer: Layer, within: tuple[Tissue, ...]) -> Lesion:
    return replace(
        whole,
        shape=whole.shape.scaled(layer.size),
        kind=layer.kind,
        strength=layer.strength,
        target=layer.target,
        within=within,
    )


def _jittered(plan: LesionPlan, mirror: float, rng: np.random.Generator) -> Lesion:
    shift = rng.uniform(-plan.jitter_mm, plan.jitter_mm, 3)
    size = rng.uniform(0.9, 1.12) * (plan.other_side ** (1.0 / 3.0) if mirror < 0 else 1.0)
    x, y, z = (float(c + s) for c, s in zip(plan.centre, shift, strict=True))
    if plan.centre[0] == 0:
        x = x / 3.0
    shape = Ellipsoid((mirror * x, y, z), plan.radii).scaled(size)
    strength = _varied(plan.strength, rng)
    side = _side(plan.centre[0], mirror * x)
    return Lesion(plan.region, side, shape, plan.kind, strength, plan.target, plan.roughness)


def _side(planned_x: float, x: float) -> Side:
    if planned_x == 0:
        return Side.MIDLINE
    return Side.RIGHT if x > 0 else Side.LEFT


def _foci(plan: FociPlan, brain: Brain, rng: np.random.Generator) -> list[Lesion]:
    count = int(rng.integers(plan.count[0], plan.count[1] + 1))
    room = _room(plan, brain)
    chosen: list[NDArray[np.float64]] = []
    for index in rng.permutation(len(room))[: 60 * count]:
        if len(chosen) == count:
            break
        if all(float(np.linalg.norm(room[index] - other)) > plan.apart_mm for other in chosen):
            chosen.append(room[index])
    return [_focus(plan, at, rng) for at in chosen]


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
        reach = 1.0 + 3.0 * lesion.roughness + (2.0 + lesion.reach_mm) / min(lesion.shape.radii)
        grid = clipped(lesion.shape.box(reach))
        box = relative(grid)
        share = _moved(lesion, grid, rough[box], brain) / max(lesion.strength, 1e-6)
        least = np.maximum(burden[box], 0.05)
        number[box][(share > least) | ((share > 0.5) & bool(lesion.within))] = index
        burden[box] = np.maximum(burden[box], share)
    return burden, number


def _moved(lesion: Lesion, grid: Box, rough: NDArray[np.float32], brain: Brain) -> NDArray[np.float32]:
    """Share of each voxel of a head-grid box that the lesion took."""
    box = relative(grid)
    match lesion.form:
        case Form.SOLID:
            sources = tuple(dict.fromkeys((*_SOURCES[lesion.target], *lesion.within)))
            return brain.move(
                _weight(lesion, grid, rough, brain) * lesion.strength, box, lesion.kind, sources
            )
        case Form.RIM:
            weight = _rim(lesion, grid, brain) * np.clip(1.0 + 0.25 * rough, 0.4, 1.0)
            return brain.move(weight * lesion.strength, box, lesion.kind, _SOURCES[lesion.target])
        case Form.PIA:
            return _coat(lesion, grid, rough, brain)


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


def _rim(lesion: Lesion, grid: Box, brain: Brain) -> NDArray[np.float32]:
    """1 next to the fluid within the lesion's ellipsoid, falling to 0 beyond its reach."""
    fluid = (brain.fractions[Tissue.CSF][relative(grid)] > 0.4) & (lesion.shape.radius(grid) < 1.0)
    if not fluid.any():
        return np.zeros(fluid.shape, dtype=np.float32)
    distance = distance_from(fluid)
    return np.clip((lesion.reach_mm + 0.8 - distance) / 1.6, 0.0, 1.0).astype(np.float32)


def _coat(lesion: Lesion, grid: Box, rough: NDArray[np.float32], brain: Brain) -> NDArray[np.float32]:
    """A film of fluid about 1 mm thick along the cortex, patchy; the deep sulci take more of it than the convexity."""
    box = relative(grid)
    cortex = ndimage.gaussian_filter(brain.share(_CORTEX, box), 1.0, truncate=3.0)
    edge = np.clip((1.08 - lesion.shape.radius(grid)) / 0.16, 0.0, 1.0)
    patchy = np.clip(0.9 + 0.35 * rough, 0.25, 1.0)
    weight = np.asarray(np.clip(2.2 * cortex, 0.0, 1.0) * edge * patchy * lesion.strength, dtype=np.float32)
    moved = brain.move(weight, box, lesion.kind, (Tissue.CSF, Tissue.VEIN))
    fluid = ndimage.gaussian_filter(moved, 0.8, truncate=3.0)
    return moved + brain.move(np.clip(0.9 * fluid, 0.0, 0.5), box, lesion.kind, _CORTEX)
