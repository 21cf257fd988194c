"""The brain's tissues as fractions of each voxel, from the template's maps and one person's age and fluid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.simulation.fields import smooth_field
from workers.simulation.space import SHAPE, Ellipsoid, axes, both_sides
from workers.simulation.template import load_template
from workers.simulation.tissues import Tissue

Fraction = NDArray[np.float32]

BOX = (slice(64, 262), slice(0, 240), slice(4, 205))
"""The part of the head grid (z, y, x) that holds the brain."""


@dataclass(frozen=True, slots=True)
class BrainShape:
    """One brain's fluid and age."""

    age: float
    csf_gain: float
    """Weight of sulcal CSF; 1 is the template, below 1 tight sulci, above 1 wide ones."""


class Brain:
    """Fractions of tissues over BOX; the sum of all is `inside`, which is 1 within the brain."""

    def __init__(self, inside: Fraction, fractions: dict[Tissue, Fraction]) -> None:
        """Take over the arrays."""
        self.inside = inside
        self.fractions = fractions

    def move(self, weight: Fraction, into: Tissue, out_of: tuple[Tissue, ...]) -> Fraction:
        """Turn the share `weight` (0..1) of some tissues into another; returns what was moved."""
        moved = np.zeros_like(self.inside)
        for tissue in out_of:
            if tissue in self.fractions and tissue is not into:
                part = self.fractions[tissue] * weight
                self.fractions[tissue] = self.fractions[tissue] - part
                moved += part
        self.fractions[into] = self.fractions.get(into, np.zeros_like(moved)) + moved
        return moved

    def signal(self, signals: NDArray[np.float32]) -> Fraction:
        """Signal over BOX for the signal of each tissue."""
        total = np.zeros_like(self.inside)
        for tissue, fraction in self.fractions.items():
            total += fraction * signals[tissue]
        return total


GREY = (Tissue.CORTEX, Tissue.LIMBIC, Tissue.STRIATUM, Tissue.THALAMUS, Tissue.PALLIDUM)
WHITE = (Tissue.WHITE, Tissue.DIRTY_WHITE)

_SHARPNESS = 2.2
"""The template is an average of 152 people, so its boundaries are soft; a power of the fractions sharpens them."""


def build_brain(shape: BrainShape, rng: np.random.Generator) -> Brain:
    """Fractions of one brain."""
    template = load_template()
    t1, grey, white = (
        np.ascontiguousarray(part[BOX]) for part in (template.t1, template.grey, template.white)
    )
    inside = (t1 > 0).astype(np.float32)
    csf = (
        np.clip(1.0 - grey - white, 0.0, 1.0)
        * shape.csf_gain
        * (1.0 + 0.25 * smooth_field(rng, t1.shape, 22.0))
    )
    parts = [np.clip(part, 0.0, None) ** _SHARPNESS for part in (csf, grey, white)]
    total = np.maximum(parts[0] + parts[1] + parts[2], 1e-6) / np.maximum(inside, 1e-6)
    names = (Tissue.CSF, Tissue.CORTEX, Tissue.WHITE)
    brain = Brain(inside, {name: part / total * inside for name, part in zip(names, parts, strict=True)})
    for tissue, shapes, sources in _NUCLEI:
        for part in shapes:
            brain.move(soft(part), tissue, sources)
    _age(brain, shape, rng)
    _veins(brain, rng)
    return brain


def soft(shape: Ellipsoid, edge_mm: float = 1.5) -> Fraction:
    """Membership of an ellipsoid over BOX, 0..1, with an edge of about `edge_mm`."""
    weight = np.zeros(SHAPE, dtype=np.float32)
    box = shape.box(1.0 + 3.0 * edge_mm / min(shape.radii))
    distance = (1.0 - shape.radius(box)) * float(np.mean(shape.radii))
    weight[box] = np.clip(0.5 + distance / (2.0 * edge_mm), 0.0, 1.0)
    return np.ascontiguousarray(weight[BOX])


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
        tuple(both_sides(Ellipsoid((22, -41, 14), (5, 6, 5)), Ellipsoid((7, -16, 18), (3, 12, 2)))),
        (Tissue.CSF,),
    ),
)
"""Ellipsoids in template mm, intersected with the tissue they replace; own estimates against the template's T1."""

_VENTRICLES = Ellipsoid((0, -12, 12), (46, 74, 40))


def _age(brain: Brain, shape: BrainShape, rng: np.random.Generator) -> None:
    """Caps at the horns and rims along the lateral ventricles, wider and brighter with age."""
    box = tuple(span for span in _VENTRICLES.box())
    ventricles = np.zeros(SHAPE, dtype=bool)
    fluid = np.zeros(SHAPE, dtype=np.float32)
    fluid[BOX] = brain.fractions[Tissue.CSF]
    ventricles[box] = (fluid[box] > 0.6) & (_VENTRICLES.radius(box) < 1.0)
    distance = ndimage.distance_transform_edt(~ventricles[BOX]).astype(np.float32)
    years = float(np.clip((shape.age - 20.0) / 60.0, 0.0, 1.2))
    z, y, x = (
        axis[tuple(BOX[n] if n == m else slice(None) for n in range(3))] for m, axis in enumerate(axes())
    )
    horns = np.exp(-(((np.abs(x) - 17) / 9) ** 2) - ((y - 32) / 9) ** 2 - ((z - 8) / 12) ** 2) + np.exp(
        -(((np.abs(x) - 27) / 9) ** 2) - ((y + 62) / 12) ** 2 - ((z - 12) / 12) ** 2
    )
    reach = (1.2 + 1.6 * years + (1.0 + 2.5 * years) * horns) * (
        1.0 + 0.3 * smooth_field(rng, distance.shape, 9.0)
    )
    weight = np.clip(1.0 - distance / np.maximum(reach, 0.3) / 1.6, 0.0, 1.0) * (0.35 + 0.55 * years)
    brain.move(weight, Tissue.DIRTY_WHITE, (Tissue.WHITE,))


def _veins(brain: Brain, rng: np.random.Generator) -> None:
    """Thin veins in white matter and sulci: where two smooth random fields are zero together."""
    shape = brain.inside.shape
    first, second = (smooth_field(rng, shape, 8.0) for _ in range(2))
    weight = np.exp(-(first**2 + second**2) / (2 * 0.055**2))
    brain.move(weight, Tissue.VEIN, (Tissue.CSF, Tissue.CORTEX))
    brain.move(0.6 * weight, Tissue.VEIN, (Tissue.WHITE, Tissue.DIRTY_WHITE))
