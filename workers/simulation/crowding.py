"""What a swollen brain does to the fluid at the base of the skull, and tonsils in the foramen magnum."""

import numpy as np

from workers.simulation.brain import BOX, WHOLE, Brain, clipped, relative
from workers.simulation.case import Swelling
from workers.simulation.fields import Field, smooth_field
from workers.simulation.head import Labels
from workers.simulation.space import SHAPE, Ellipsoid, both_sides
from workers.simulation.tissues import Tissue

CISTERNS = Ellipsoid((0, -16, -18), (34, 36, 21))
"""Suprasellar, interpeduncular, ambient and quadrigeminal cisterns, in template mm."""

FORAMEN_MM = -64.0
"""Height of the foramen magnum, template mm."""

_CISTERNA_MAGNA = Ellipsoid((0, -58, -62), (26, 13, 9))


def crowd(brain: Brain, labels: Labels, swelling: Swelling, rng: np.random.Generator) -> None:
    """Close the cisterns and lower the tonsils, in place."""
    field = smooth_field(rng, SHAPE, 9.0)[CISTERNS.box()]
    if swelling.cisterns < 1.0:
        _fill(brain, labels, CISTERNS, 1.0 - swelling.cisterns, field)
    if swelling.tonsils_mm > 0.0:
        _fill(brain, labels, _CISTERNA_MAGNA, 0.85, np.zeros((1, 1, 1), dtype=np.float32))
        for tonsil in both_sides(Ellipsoid((5.0, -52.5, FORAMEN_MM), (4.6, 5.0, swelling.tonsils_mm))):
            box = tonsil.box()
            inside = (tonsil.radius(box) < 1.0) & (labels[box] == Tissue.CSF)
            labels[box][inside] = Tissue.CORTEX


def _fill(brain: Brain, labels: Labels, room: Ellipsoid, share: float, field: Field) -> None:
    """Let the neighbouring brain take a share of the fluid, in patches where it is not all."""
    grid = clipped(room.box())
    weight = np.clip((1.0 - room.radius(grid)) / 0.15, 0.0, 1.0) * np.float32(share)
    brain.move(weight.astype(np.float32), relative(grid), Tissue.CORTEX, (Tissue.CSF,))
    box = room.box()
    patches = field < 2.4 * (share - 0.5) if field.size > 1 else np.ones((1, 1, 1), dtype=bool)
    fluid = (room.radius(box) < 1.0) & (labels[box] == Tissue.CSF) & patches
    labels[box][fluid] = Tissue.CORTEX


def brighten(brain: Brain, labels: Labels, share: float) -> None:
    """Turn sulcal fluid, not that of the ventricles, into one that FLAIR does not null, in place."""
    ventricles = (Ellipsoid((0, -14, 10), (40, 70, 34)), Ellipsoid((0, -44, -32), (14, 12, 18)))
    nearest = np.minimum(*(part.radius(BOX) for part in ventricles))
    outside = np.clip((nearest - 0.9) / 0.25, 0.0, 1.0) * np.float32(share)
    brain.move(outside.astype(np.float32), WHOLE, Tissue.BRIGHT_FLUID, (Tissue.CSF,))
    if share > 0.6:
        labels[labels == Tissue.CSF] = Tissue.BRIGHT_FLUID
