"""Bodies traced slice by slice: outlines with coordinates in template space, filled and joined from slice to slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from workers.imaging.primitives import Axes, BoolArray, FloatArray

Corner = tuple[float, float]
"""Two coordinates of MNI mm within a slice: x, to the right, and y (axial slices) or z (coronal ones)."""

Outline = tuple[float, tuple[Corner, ...]]
"""Where a slice lies, z of an axial and y of a coronal one, and the corners traced on it."""

EDGE_MM = 0.5
"""Half a voxel beyond the traced edge: the voxels that hold both tissues belong to the body."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Outlines in order of their slices, each with the same corners, which run straight from one slice to the next."""

    outlines: tuple[Outline, ...]
    coronal: bool = False

    def inside(self, axes: Axes) -> BoolArray:
        """Voxels within the outlines or no further than `EDGE_MM` from them, (k, j, i)."""
        inside: BoolArray = np.zeros((axes.z.size, axes.y.size, axes.lateral.size), dtype=bool)
        slices, upward = (axes.y, axes.z) if self.coronal else (axes.z, axes.y)
        places = [place for place, _ in self.outlines]
        between = make_interp_spline(places, np.array([corners for _, corners in self.outlines]), k=1, axis=0)
        for number, place in enumerate(slices.ravel()):
            if places[0] <= place <= places[-1]:
                plane = _filled(between(place), axes.lateral.ravel(), upward.ravel())
                inside[(slice(None), number) if self.coronal else number] = plane
        return inside


def _filled(corners: NDArray[np.float64], across: FloatArray, upward: FloatArray) -> BoolArray:
    """Pixels (upward, across) of a slice in an outline with its edge."""
    filled: BoolArray = np.zeros((upward.size, across.size), dtype=bool)
    low, high = corners.min(axis=0) - EDGE_MM, corners.max(axis=0) + EDGE_MM
    columns = np.flatnonzero((across >= low[0]) & (across <= high[0]))
    rows = np.flatnonzero((upward >= low[1]) & (upward <= high[1]))
    x, y = across[None, columns], upward[rows, None]
    within = np.zeros((rows.size, columns.size), dtype=bool)
    nearest = np.full(within.shape, np.inf)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        run, rise = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * run + (y - y0) * rise) / max(run**2 + rise**2, 1e-9), 0.0, 1.0)
        nearest = np.minimum(nearest, (x - x0 - along * run) ** 2 + (y - y0 - along * rise) ** 2)
        # A pixel is within when a ray from it crosses the outline an odd number of times.
        crossed = (y0 > y) != (y1 > y)
        within ^= crossed & ((x - x0) * abs(rise) < (y - y0) * run * np.sign(rise))
    filled[np.ix_(rows, columns)] = within | (nearest <= EDGE_MM**2)
    return filled
