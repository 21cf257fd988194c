"""A limb instead of a head: what arrives when the wrong body part is filed under a head protocol."""

import numpy as np

from workers.simulation.fields import smooth_field
from workers.simulation.head import Labels
from workers.simulation.space import SHAPE, axes
from workers.simulation.tissues import Tissue


def build_limb(rng: np.random.Generator) -> Labels:
    """Labels over the head grid (z, y, x): skin, fat, muscles, one thick bone with marrow and a thin one."""
    z, y, x = axes()
    wobble = 4.0 * smooth_field(rng, SHAPE, 50.0)
    weave = smooth_field(rng, SHAPE, 8.0)
    across = np.sqrt(x**2 + (1.15 * (y + 18.0)) ** 2) + wobble + 0.04 * z
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[across < 68] = Tissue.SKIN
    labels[across < 66] = Tissue.FAT
    labels[(across < 54) & (weave > -1.0)] = Tissue.MUSCLE
    for centre, radius in (((8.0, -10.0), 19.0), ((-26.0, -34.0), 8.0)):
        bone = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2) + 0.4 * wobble
        labels[bone < radius] = Tissue.BONE
        labels[bone < radius - 3.5] = Tissue.MARROW
    return labels
