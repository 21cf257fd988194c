"""The brain's tissues as fractions of each voxel, from the template's maps and one person's age and fluid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.simulation.fields import distance_from, smooth_field
from workers.simulation.space import Box, Ellipsoid, axes, both_sides
from workers.simulation.template import load_template
from workers.simulation.tissues import Tissue

Fraction = NDArray[np.float32]

BOX: Box = (slice(66, 226), slice(27, 214), slice(30, 180))
"""The part of the head grid (z, y, x) that holds the brain."""


WHOLE: Box = (slice(None), slice(None), slice(None))
"""All of BOX."""


@dataclass(frozen=True, slots=True)
class BrainShape:
    """One brain's fluid and age."""

    age: float
    csf_gain: float
    """Weight of sulcal CSF; 1 is the template, below 1 tight sulci, above 1 wide ones."""
    right_csf: float = 1.0
    """Weight of the right hemisphere's sulcal CSF relative to the left."""


class Brain:
    """Fractions of tissues over BOX; their sum is `inside`, which is 1 within the brain. Changed in place."""

    def __init__(self, inside: Fraction, fractions: dict[Tissue, Fraction]) -> None:
        """Take over the arrays."""
        self.inside = inside
        self.fractions = fractions

    def move(self, weight: Fraction, box: Box, into: Tissue, out_of: tuple[Tissue, ...]) -> Fraction:
        """Turn the share `weight` (0..1) of some tissues into another within a part of BOX; returns what was moved."""
        moved = np.zeros_like(weight)
        for tissue in out_of:
            if tissue in self.fractions and tissue is not into:
                part = self.fractions[tissue][box] * weight
                self.fractions[tissue][box] -= part
                moved += part
        self.fractions.setdefault(into, np.zeros_like(self.inside))[box] += moved
        return moved

    def share(self, tissues: tuple[Tissue, ...], box: Box = WHOLE) -> Fraction:
        """Summed fraction of some tissues."""
        total = np.zeros_like(self.inside[box])
        for tissue in tissues:
            if tissue in self.fractions:
                total += self.fractions[tissue][box]
        return total

    def signal(self, signals: NDArray[np.float32]) -> Fraction:
        """Signal over BOX for the signal of each tissue."""
        total = np.zeros_like(self.inside)
        part = np.empty_like(total[0])
        for plane in range(len(total)):  # a plane at a time stays in a core's cache
            for tissue, fraction in self.fractions.items():
                np.multiply(fraction[plane], signals[tissue], out=part)
                total[plane] += part
        return total


GREY = (Tissue.CORTEX, Tissue.LIMBIC, Tissue.STRIATUM, Tissue.THALAMUS, Tissue.PALLIDUM)
WHITE = (Tissue.WHITE, Tissue.DIRTY_WHITE)

_SHARPNESS = 2.2
"""The template is an average of 152 people, so its boundaries are soft; a power of the fractions sharpens them."""


def build_brain(shape: BrainShape, rng: np.random.Generator) -> Brain:
    """Fractions of one brain."""
    brain = _tissues(shape, rng)
    for tissue, shapes, sources in _NUCLEI:
        for part in shapes:
            grid = clipped(part.box(1.0 + 4.5 / min(part.radii)))
            brain.move(_soft(part, grid), relative(grid), tissue, sources)
    _age(brain, shape, rng)
    _texture(brain, rng)
    _veins(brain, rng)
    return brain


def clipped(grid: Box) -> Box:
    """The part of a head-grid box that lies in BOX; at least one voxel."""
    spans = []
    for wanted, whole in zip(grid, BOX, strict=True):
        low = min(max(wanted.start, whole.start), whole.stop - 1)
        spans.append(slice(low, min(max(wanted.stop, low + 1), whole.stop)))
    return spans[0], spans[1], spans[2]


def relative(grid: Box) -> Box:
    """A head-grid box within BOX, as indices into the brain's arrays."""
    z, y, x = (slice(g.start - b.start, g.stop - b.start) for g, b in zip(grid, BOX, strict=True))
    return z, y, x


def _tissues(shape: BrainShape, rng: np.random.Generator) -> Brain:
    """Fluid, cortex and white matter; `csf_gain` decides how much of the uncertain boundary is fluid."""
    template = load_template()
    inside = (template.t1[BOX] > 0).astype(np.float32)
    grey, white = template.grey[BOX], template.white[BOX]
    fluid = np.clip(1.0 - grey - white, 0.0, 1.0) * np.float32(shape.csf_gain)
    fluid *= 1.0 + 0.25 * smooth_field(rng, fluid.shape, 22.0)
    right = 1.0 / (1.0 + np.exp(-axes()[2][:, :, BOX[2]] / 5.0))
    fluid *= 1.0 + (shape.right_csf - 1.0) * right.astype(np.float32)
    parts = [np.power(np.clip(part, 0.0, None), np.float32(_SHARPNESS)) for part in (fluid, grey, white)]
    scale = inside / np.maximum(parts[0] + parts[1] + parts[2], np.float32(1e-6))
    names = (Tissue.CSF, Tissue.CORTEX, Tissue.WHITE)
    return Brain(inside, {name: part * scale for name, part in zip(names, parts, strict=True)})


def _soft(shape: Ellipsoid, grid: Box, edge_mm: float = 1.5) -> Fraction:
    """Membership of an ellipsoid over a head-grid box, 0..1, with an edge of about `edge_mm`."""
    distance = (1.0 - shape.radius(grid)) * float(np.mean(shape.radii))
    return np.clip(0.5 + distance / (2.0 * edge_mm), 0.0, 1.0)


_NUCLEI: tuple[tuple[Tissue, tuple[Ellipsoid, ...], tuple[Tissue, ...]], ...] = (
    (
        Tissue.THALAMUS,
        tuple(both_sides(Ellipsoid((11, -18, 7), (11, 16, 10)))),
        (Tissue.CORTEX, Tissue.WHITE),
    ),
    (
        Tissue.STRIATUM,
        tuple(
            both_sides(
                Ellipsoid((27, 2, 0), (8, 19, 12)),
                Ellipsoid((13, 14, 6), (7, 12, 14)),
                Ellipsoid((16, -2, 19), (5, 14, 6)),
            )
        ),
        (Tissue.CORTEX,),
    ),
    (
        Tissue.PALLIDUM,
        tuple(
            both_sides(
                Ellipsoid((19, -4, -2), (5, 9, 6)),
                Ellipsoid((10, -17, -13), (5, 4, 3)),
                Ellipsoid((5, -21, -9), (3, 3, 3)),
                Ellipsoid((15, -58, -35), (6, 6, 4)),
            )
        ),
        (Tissue.CORTEX, Tissue.WHITE, Tissue.STRIATUM),
    ),
    (
        Tissue.LIMBIC,
        (
            *both_sides(
                Ellipsoid((27, -20, -17), (9, 20, 8)),
                Ellipsoid((24, -4, -20), (9, 8, 9)),
                Ellipsoid((38, 4, 0), (6, 20, 14)),
            ),
            Ellipsoid((0, 30, 18), (9, 22, 14)),
            Ellipsoid((0, -5, 38), (9, 40, 9)),
        ),
        (Tissue.CORTEX,),
    ),
    (
        Tissue.CHOROID,
        tuple(both_sides(Ellipsoid((22, -41, 14), (3.5, 6, 3.5)), Ellipsoid((7, -16, 18), (3, 12, 2)))),
        (Tissue.CSF,),
    ),
)
"""Ellipsoids in template mm, intersected with the tissue they replace; own estimates against the template's T1."""

_VENTRICLES = Ellipsoid((0, -12, 12), (46, 74, 40))
_NEAR_VENTRICLES = clipped(Ellipsoid((0, -12, 12), (54, 82, 48)).box())


def _age(brain: Brain, shape: BrainShape, rng: np.random.Generator) -> None:
    """Caps at the horns and rims along the lateral ventricles, wider and brighter with age."""
    grid = _NEAR_VENTRICLES
    box = relative(grid)
    ventricles = (brain.fractions[Tissue.CSF][box] > 0.6) & (_VENTRICLES.radius(grid) < 1.0)
    distance = distance_from(ventricles).astype(np.float32)
    years = float(np.clip((shape.age - 20.0) / 60.0, 0.0, 1.2))
    reach = (1.2 + 1.6 * years + (1.0 + 2.5 * years) * _horns(grid)) * (
        1.0 + 0.3 * smooth_field(rng, distance.shape, 9.0)
    )
    weight = np.clip(1.0 - distance / np.maximum(reach, 0.3) / 1.6, 0.0, 1.0) * (0.35 + 0.55 * years)
    brain.move(weight.astype(np.float32), box, Tissue.DIRTY_WHITE, (Tissue.WHITE,))


def _horns(grid: Box) -> Fraction:
    """1 at the tips of the frontal and occipital horns, where caps sit, falling off around them."""
    z, y, x = (
        axis[tuple(grid[n] if n == m else slice(None) for n in range(3))] for m, axis in enumerate(axes())
    )
    frontal = ((np.abs(x) - 17) / 9) ** 2 + ((y - 32) / 9) ** 2 + ((z - 8) / 12) ** 2
    occipital = ((np.abs(x) - 27) / 9) ** 2 + ((y + 62) / 12) ** 2 + ((z - 12) / 12) ** 2
    return np.asarray(np.exp(-frontal) + np.exp(-occipital), dtype=np.float32)


def _texture(brain: Brain, rng: np.random.Generator) -> None:
    """White matter is not one tone: tracts and territories differ by a few percent."""
    shape = brain.inside.shape
    tone = 0.16 + 0.10 * smooth_field(rng, shape, 14.0) + 0.06 * smooth_field(rng, shape, 5.0)
    brain.move(np.clip(tone, 0.0, 0.5), WHOLE, Tissue.DIRTY_WHITE, (Tissue.WHITE,))


def _veins(brain: Brain, rng: np.random.Generator) -> None:
    """Thin veins in white matter and sulci: where two smooth random fields are zero together."""
    first, second = (smooth_field(rng, brain.inside.shape, 8.0) for _ in range(2))
    weight = np.asarray(np.exp(-(np.square(first) + np.square(second)) / 0.014), dtype=np.float32)
    brain.move(weight, WHOLE, Tissue.VEIN, (Tissue.CSF, Tissue.CORTEX))
    brain.move(np.float32(0.8) * weight, WHOLE, Tissue.VEIN, (Tissue.WHITE, Tissue.DIRTY_WHITE))
