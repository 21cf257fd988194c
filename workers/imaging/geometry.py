"""Where slices lie in the patient: order along the normal, even spacing, and the affine, or the reason why not.

Positions and directions are DICOM patient coordinates (LPS, mm; PS3.3 C.7.6.2.1.1). Pure functions on arrays.
"""

import numpy as np
from numpy.typing import NDArray

from rules.findings import Why
from workers.errors import CannotAssess

Array = NDArray[np.float64]

ORIENTATION_TOLERANCE = 1e-3
"""Largest difference of a direction cosine between slices, of its length from 1, and of the dot product from 0.

Some senders round cosines to four digits; 1e-3 over a 250 mm field of view is a quarter of a millimetre.
"""
PIXEL_SPACING_TOLERANCE = 1e-4
"""Largest relative difference of PixelSpacing between slices: rounding only."""
SLICE_SPACING_TOLERANCE = 1e-2
"""Largest deviation of a slice from its even place, as a share of the slice spacing (as highdicom's spatial.py)."""
POSITION_TOLERANCE_MM = 0.02
"""Deviation that is always allowed: positions are often written with two or three decimals."""
_WHOLE_GAP_TOLERANCE = 0.1
"""A gap this near to a whole number of spacings is read as missing slices, any other as uneven spacing."""


def normal_of(orientation: Array) -> Array:
    """Unit normal of the slices, right-handed: row direction x column direction.

    orientation : (6,) cosines of ImageOrientationPatient. Raises CannotAssess if they are not orthonormal.

    >>> normal_of(np.array([1.0, 0, 0, 0, 1, 0]))
    array([0., 0., 1.])
    """
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm([row, column], axis=1)
    if np.any(np.abs(lengths - 1) > ORIENTATION_TOLERANCE) or abs(row @ column) > ORIENTATION_TOLERANCE:
        raise CannotAssess(Why.GEOMETRY, "the row and column directions are not perpendicular unit vectors")
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def order_along(normal: Array, positions: Array) -> NDArray[np.intp]:
    """Indices that sort slices along the normal.

    positions : (n, 3) mm. Raises CannotAssess if two lie at one place: which to use is not ours to guess.
    """
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    gaps = np.diff(heights[order])
    if np.any(gaps <= POSITION_TOLERANCE_MM):
        count = int(np.sum(gaps <= POSITION_TOLERANCE_MM))
        raise CannotAssess(Why.GEOMETRY, f"several images at one position ({count} times)")
    return order


def step_of(positions: Array, normal: Array) -> Array:
    """The vector from one slice to the next, measured between positions, never from SliceThickness.

    positions : (n, 3) mm, sorted along the normal, n >= 2. The vector need not run along the normal: a uniform
    shear (tilted gantry) is kept as it is. A slice missing at either end cannot be known from positions.
    Raises CannotAssess if a slice is missing in between or the spacing is uneven.
    """
    _refuse_gaps(np.diff(positions @ normal))
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    even = positions[0] + np.arange(len(positions))[:, None] * step
    deviation = np.linalg.norm(positions - even, axis=1).max()
    if deviation > _allowed(float(step @ normal)):
        raise CannotAssess(Why.GEOMETRY, f"slices lie up to {deviation:.2f} mm off a straight, even stack")
    return np.asarray(step, dtype=np.float64)


def _refuse_gaps(gaps: Array) -> None:
    usual = float(np.median(gaps))
    odd = np.flatnonzero(np.abs(gaps - usual) > _allowed(usual))
    if not odd.size:
        return
    steps = gaps[odd] / usual
    if np.all(steps > 1.5) and np.all(np.abs(steps - np.rint(steps)) < _WHOLE_GAP_TOLERANCE):
        missing = int(np.rint(steps).sum()) - odd.size
        number = "one slice is" if missing == 1 else f"{missing} slices are"
        place = f"between slices {odd[0] + 1} and {odd[0] + 2} of {gaps.size + 1}"
        raise CannotAssess(
            Why.GEOMETRY, f"{number} missing, first {place}" if missing > 1 else f"{number} missing {place}"
        )
    low, high = gaps.min(), gaps.max()
    raise CannotAssess(Why.GEOMETRY, f"slices are unevenly spaced, {low:.2f} to {high:.2f} mm")


def _allowed(spacing_mm: float) -> float:
    return max(POSITION_TOLERANCE_MM, SLICE_SPACING_TOLERANCE * abs(spacing_mm))


def affine_of(origin: Array, orientation: Array, pixel_spacing: Array, step: Array) -> Array:
    """The (4, 4) matrix from (i, j, k, 1) = (column, row, slice) to patient coordinates in mm, LPS.

    origin : (3,) centre of the first pixel of the first slice; orientation : (6,) cosines;
    pixel_spacing : (2,) between rows, between columns (PS3.3 10.7.1.3); step : (3,) from slice to slice.

    >>> affine_of(np.zeros(3), np.array([1.0, 0, 0, 0, 1, 0]), np.array([2.0, 0.5]), np.array([0, 0, 4.0]))
    array([[0.5, 0. , 0. , 0. ],
           [0. , 2. , 0. , 0. ],
           [0. , 0. , 4. , 0. ],
           [0. , 0. , 0. , 1. ]])
    """
    affine = np.eye(4)
    for column, cosines, spacing in (
        (0, orientation[:3], pixel_spacing[1]),
        (1, orientation[3:], pixel_spacing[0]),
    ):
        # Rounded cosines are a hair off unit length; PixelSpacing is the distance, so the length is divided out.
        affine[:3, column] = cosines / np.linalg.norm(cosines) * spacing
    affine[:3, 2] = step
    affine[:3, 3] = origin
    return affine
