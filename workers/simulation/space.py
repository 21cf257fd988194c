"""The head's own space: a 1 mm grid in the millimetres of the ICBM152 template (x right, y front, z up)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]
Box = tuple[slice, slice, slice]

LOW: Point = (-104.0, -136.0, -140.0)
"""Centre of the first voxel (x, y, z), in mm: room for face and neck around the template's brain."""

SHAPE = (265, 261, 209)
"""Voxels (z, y, x); odd, so that the coarse grid ends where it does."""

COARSE = 2
"""Step of the coarse grid, on which distances are computed, in mm."""


def axes(step: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Open mesh (z, y, x) of millimetres at every `step`-th voxel."""
    z, y, x = ((LOW[2 - axis] + np.arange(0, SHAPE[axis], step)).astype(np.float32) for axis in range(3))
    return z[:, None, None], y[None, :, None], x[None, None, :]


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid in template mm."""

    centre: Point
    radii: Point

    def mirrored(self) -> "Ellipsoid":
        """The same on the other side."""
        x, y, z = self.centre
        return Ellipsoid((-x, y, z), self.radii)

    def scaled(self, factor: float) -> "Ellipsoid":
        """The same place, another size."""
        x, y, z = self.radii
        return Ellipsoid(self.centre, (x * factor, y * factor, z * factor))

    def box(self, reach: float = 1.0) -> Box:
        """The part of the grid (z, y, x) that holds the ellipsoid enlarged by `reach`."""
        spans = []
        for axis in (2, 1, 0):
            middle, radius = self.centre[axis] - LOW[axis], self.radii[axis] * reach
            size = SHAPE[2 - axis]
            low = min(max(int(np.floor(middle - radius)), 0), size - 1)
            spans.append(slice(low, min(max(int(np.ceil(middle + radius)) + 1, low + 1), size)))
        return spans[0], spans[1], spans[2]

    def radius(self, box: Box) -> NDArray[np.float32]:
        """Normalised distance from the centre, 1 on the surface, over a box of the grid."""
        total: NDArray[np.float32] = np.zeros((1, 1, 1), dtype=np.float32)
        for axis, span in zip((2, 1, 0), box, strict=True):
            mm = LOW[axis] + np.arange(span.start, span.stop, dtype=np.float32)
            term = np.square((mm - np.float32(self.centre[axis])) / np.float32(self.radii[axis]))
            total = np.asarray(
                total + term.reshape([-1 if n == 2 - axis else 1 for n in range(3)]), np.float32
            )
        return np.sqrt(total)


def both_sides(*shapes: Ellipsoid) -> Iterator[Ellipsoid]:
    """Each shape, and its mirror image."""
    for shape in shapes:
        yield shape
        yield shape.mirrored()
