"""Stacks of parallel slices in patient coordinates (PS3.3 C.7.6.2.1.1), LPS mm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Parallel, evenly spaced slices; positions are of voxel centres."""

    first: Matrix
    """(3,) position of the first voxel of the first slice."""
    row: Matrix
    """(3,) unit vector along a row, the direction in which the column index grows."""
    column: Matrix
    """(3,) unit vector along a column."""
    pixel_mm: float
    spacing_mm: float
    """Distance between slice centres."""
    thickness_mm: float
    rows: int
    columns: int
    slices: int

    @property
    def normal(self) -> Matrix:
        return np.cross(self.row, self.column)

    def position(self, k: float) -> Matrix:
        """(3,) position of the first voxel of slice k."""
        return self.first + self.normal * (k * self.spacing_mm)

    def affine(self) -> Matrix:
        """(4, 4) from (i, j, k, 1), with i along the row, to LPS mm."""
        affine = np.eye(4)
        affine[:3, 0] = self.row * self.pixel_mm
        affine[:3, 1] = self.column * self.pixel_mm
        affine[:3, 2] = self.normal * self.spacing_mm
        affine[:3, 3] = self.first
        return affine


def stack_around(centre: Matrix, axes: tuple[Matrix, Matrix], size: "StackSize") -> Stack:
    """A stack with its middle at `centre`; axes are the row and column directions."""
    row, column = axes
    normal = np.cross(row, column)
    half = (size.columns - 1) / 2 * row * size.pixel_mm + (size.rows - 1) / 2 * column * size.pixel_mm
    first = centre - half - (size.slices - 1) / 2 * normal * size.spacing_mm
    return Stack(
        np.round(first, 4),
        row,
        column,
        size.pixel_mm,
        size.spacing_mm,
        size.thickness_mm,
        size.rows,
        size.columns,
        size.slices,
    )


@dataclass(frozen=True, slots=True)
class StackSize:
    """The numbers of a stack without its place."""

    rows: int
    columns: int
    slices: int
    pixel_mm: float
    thickness_mm: float
    spacing_mm: float


def rotation(pitch: float, roll: float, yaw: float) -> Matrix:
    """(3, 3) rotation by degrees about the x, y and z axes, in that order."""
    matrix = np.eye(3)
    for axis, degrees in enumerate((pitch, roll, yaw)):
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        i, j = [n for n in range(3) if n != axis]
        step = np.eye(3)
        step[i, i] = step[j, j] = c
        step[i, j], step[j, i] = (-s, s) if axis != 1 else (s, -s)
        matrix = step @ matrix
    return matrix
