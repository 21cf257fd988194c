"""Signal that is lost next to air in the head, where the field is uneven within a voxel."""

import numpy as np
from scipy import ndimage

from workers.simulation.fields import Field, doubled
from workers.simulation.head import Labels
from workers.simulation.space import COARSE
from workers.simulation.tissues import Tissue

_REACH_MM = 5.0
"""How far the loss reaches into the brain [P]."""
_LOSS_PER_MS = 0.16
"""Exponent per ms of echo time next to a large air space [P]."""


def dephase(image: Field, labels: Labels, te_ms: float) -> None:
    """Leave of a signal (z, y, x), in place, what is left at a gradient echo time; far from sinuses and mastoids all."""
    air = labels[::COARSE, ::COARSE, ::COARSE] == Tissue.AIR
    parts, _ = ndimage.label(air)
    enclosed = air & (parts != parts[-1, 0, 0])
    near = ndimage.gaussian_filter(enclosed.astype(np.float32), _REACH_MM / COARSE, truncate=3.0)
    for found in ndimage.find_objects((near > 0).astype(np.uint8)):
        some = tuple(slice(max(one.start - 1, 0), one.stop + 1) for one in found)
        fine = doubled(near[some])
        box = tuple(
            slice(COARSE * one.start, COARSE * one.start + size)
            for one, size in zip(some, fine.shape, strict=True)
        )
        image[box] *= np.exp(-np.float32(_LOSS_PER_MS * te_ms) * fine, dtype=np.float32)
