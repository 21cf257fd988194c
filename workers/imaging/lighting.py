"""A whole head made evenly bright before anything is known of it: by the mean signal of what lies around each voxel."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

AROUND_MM = 30.0
"""Standard deviation of the Gaussian around a voxel: wider than any structure, narrower than a receive field."""
AIR = 0.15
"""Share of the head's signal below which a voxel is air. [P]"""
BRIGHTEST = 2.5
"""Multiple of the head's median from which on signal (fat, eyes) is cut: it would darken what lies beside it. [P]"""
DARKEST = 0.2
"""Least mean, as a share of the head's median, that is divided by. [P]"""
STRIDE = 4
"""Every which voxel along each axis is enough for so wide a mean."""


def evenly_lit(signal: NDArray[np.float32], step_mm: float) -> NDArray[np.float32]:
    """Signal over its mean within some 30 mm, (k, j, i), of a head on a grid of `step_mm`.

    Where skull and scalp are no darker than brain a steep receive field leaves grey and white matter no levels of their
    own: the information of a simulated T1 at the right pose rose from 0.19 to 0.29 nats by this, of its T2 from 0.20 to
    0.26; an even real T1 gained 0.05, an even T2 lost 0.01.
    """
    bright = signal[signal > signal.mean()]
    if not bright.size:
        return signal
    inside = signal > AIR * float(np.median(bright))
    middle = float(np.median(signal[inside]))
    cut = np.minimum(signal, np.float32(BRIGHTEST * middle))
    every = (slice(None, None, STRIDE),) * 3
    sigma = AROUND_MM / (step_mm * STRIDE)
    share = ndimage.gaussian_filter(inside[every].astype(np.float32), sigma)
    mean = ndimage.gaussian_filter((cut * inside)[every], sigma) / np.maximum(share, 0.05)
    field = ndimage.zoom(mean, [n / m for n, m in zip(signal.shape, mean.shape, strict=True)], order=1)
    even: NDArray[np.float32] = (cut / np.maximum(field, DARKEST * middle)).astype(np.float32)
    return even
