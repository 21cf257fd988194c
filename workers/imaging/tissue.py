"""What undiseased tissue looks like in this scan, read so that lesions, however many, cannot shift it.

The level of a tissue is the histogram *mode* of the voxels that are surely of it, and its spread is read from the dark
side of that mode alone: FLAIR lesions are bright, so they add a tail on the other side. Plain means of the same
voxels lost a third of all lesions on real scans with confluent load.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEW = 200
"""Voxels below which a histogram says nothing."""
HISTOGRAM = (0.0, 3.0, 240)
SMOOTHING = 3.0
"""Histogram bins (of 0.0125) of the Gaussian that steadies the mode."""

RIVAL = 0.3
"""Height over the highest peak from which a darker peak is taken for the undiseased tissue. [P]"""


@dataclass(frozen=True, slots=True)
class Level:
    """Signal of lesion-free tissue, in the units of the voxels it was read from."""

    mode: float
    spread: float
    """Standard deviation, from the dark side of the mode."""


def level(values: NDArray[np.float32]) -> Level | None:
    """Mode and dark-side spread, or None for too few voxels."""
    if values.size < FEW:
        return None
    low, high, bins = HISTOGRAM
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    reach = np.arange(-12, 13)
    smooth = np.convolve(counts, np.exp(-0.5 * (reach / SMOOTHING) ** 2), mode="same")
    peak = _first_peak(smooth)
    mode = float(edges[peak] + edges[peak + 1]) / 2
    dark = mode - values[values < mode]
    # The 68th centile of the half normal is its standard deviation; fluid in the far tail does not move it.
    spread = float(np.quantile(dark, 0.6827)) if dark.size else 0.0
    return Level(mode, max(spread, 1e-3 * mode))


def _first_peak(counts: NDArray[np.float64]) -> int:
    """The darkest of the peaks that are nearly as high as the highest.

    When more than half of a tissue is diseased the highest peak is the lesion; what is left undiseased is darker.
    """
    rising = np.diff(counts, prepend=0.0, append=0.0)
    peaks = np.flatnonzero((rising[:-1] > 0) & (rising[1:] <= 0))
    high = peaks[counts[peaks] >= RIVAL * counts.max()]
    return int(high[0])
