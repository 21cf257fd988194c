"""Signal that is lost next to air in the head, where the field is uneven within a voxel."""

import numpy as np
from scipy import ndimage

from workers.simulation.fields import Field, expand, linear_basis
from workers.simulation.head import Labels
from workers.simulation.space import COARSE, SHAPE
from workers.simulation.tissues import Tissue

_REACH_MM = 5.0
"""How far the loss reaches into the brain [P]."""
_LOSS_PER_MS = 0.16
"""Exponent per ms of echo time next to a large air space [P]."""


def remaining(labels: Labels, te_ms: float) -> Field:
    """Share of the signal (z, y, x) that is left at a gradient echo time, 1 far from sinuses and mastoids."""
    air = labels[::COARSE, ::COARSE, ::COARSE] == Tissue.AIR
    parts, _ = ndimage.label(air)
    enclosed = air & (parts != parts[-1, 0, 0])
    near = ndimage.gaussian_filter(enclosed.astype(np.float32), _REACH_MM / COARSE, truncate=3.0)
    bases = [linear_basis(size, COARSE)[1][:, : near.shape[n]] for n, size in enumerate(SHAPE)]
    return np.exp(-np.float32(_LOSS_PER_MS * te_ms) * expand(near, bases), dtype=np.float32)
