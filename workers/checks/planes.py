"""A FLAIR brain as the lesion network sees it: slices with pixels of 1 mm, and what the template expects there.

Slices are those of the scan; a scan whose voxels are small along every axis is cut into axial ones. Rows run to the back (or down),
columns to the patient's left (or to the back), whatever the scanner wrote.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from workers.imaging.anatomy import Anatomy
from workers.imaging.tissue import level

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Axes = tuple[int, int, int]

PIXEL_MM = 1.0
AS_IT_IS = (0.88, 1.14)
"""Pixel sizes in mm that are taken for PIXEL_MM: the network was trained on heads of any size."""
THIN_MM = 1.7
"""Slice spacing up to which a scan is cut into axial slices."""
NEIGHBOUR_MM = 2.0
"""Distance over which the slices on either side are averaged into one; of thicker ones it is the next."""
LEVEL_DEPTH_MM, LEVEL_Z_MM = 2.0, 0.0
SURE_WHITE, SURE_GREY = 0.9, 0.8
"""Where undiseased tissue is looked for: above the level of the commissures, where no receive field is steep."""
BRIGHTEST = 3.0

CHANNELS = ("below", "signal", "above", "grey", "white", "lateral", "y", "z", "depth", "slice", "contrast")
"""In the order of the network's input."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How the network looks at a scan.

    brain : (slices, rows, columns) of the turned scan; slice_mm : distance of its slices
    order : axes (k, j, i) of the scan that are slices, rows and columns; flipped : those of them that run the other way
    rows, columns : matrices from the scan's pixels to the network's
    """

    brain: FloatArray
    slice_mm: float
    order: Axes
    flipped: tuple[int, ...]
    rows: sparse.csr_array
    columns: sparse.csr_array

    def seen(self, values: NDArray[np.generic]) -> FloatArray:
        """An array of the scan (k, j, i) as slices of the network, zero outside the brain."""
        turned = np.flip(values.transpose(self.order), self.flipped).astype(np.float32)
        return _resampled(turned * self.brain, self.rows, self.columns)

    def back(self, planes: FloatArray) -> FloatArray:
        """Values (slices, rows, columns) of the network on the scan's grid, (k, j, i)."""
        turned = _resampled(planes, _linear(self.rows), _linear(self.columns))
        return np.ascontiguousarray(np.flip(turned, self.flipped).transpose(np.argsort(self.order)))


def view_of(brain: BoolArray, affine: NDArray[np.float64]) -> View:
    """The way to look at a scan by its brain (k, j, i) and its affine (4, 4) from (i, j, k, 1) to LPS mm."""
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    order, flipped = orientation(affine)
    turned = np.flip(brain.transpose(order), flipped).astype(np.float32)
    rows, columns = (_area(turned.shape[n], float(spacing_mm[order[n]])) for n in (1, 2))
    return View(turned, float(spacing_mm[order[0]]), order, flipped, rows, columns)


def channels_of(anatomy: Anatomy, view: View) -> FloatArray | None:
    """What the network sees, (slices, channels, rows, columns); None where no white matter can be told."""
    signal = view.seen(anatomy.corrected)
    grey, white, depth = (view.seen(one) for one in (anatomy.grey, anatomy.white, anatomy.depth_mm))
    x, y, z = (view.seen(one) for one in anatomy.template_mm)
    levels = levels_of(signal, grey, white, depth, z)
    if levels is None:
        return None
    return stacked(signal, (grey, white), (x, y, z), depth, levels, view.slice_mm)


def levels_of(
    signal: FloatArray, grey: FloatArray, white: FloatArray, depth_mm: FloatArray, z_mm: FloatArray
) -> tuple[float, float] | None:
    """Signal of undiseased white and grey matter; None where no white matter can be told."""
    inner = (depth_mm >= LEVEL_DEPTH_MM) & (z_mm > LEVEL_Z_MM)
    sure = level(signal[inner & (white > SURE_WHITE)])
    if sure is None:
        return None
    cortex = level(signal[inner & (grey > SURE_GREY)])
    return sure.mode, cortex.mode if cortex else sure.mode


def stacked(
    signal: FloatArray,
    tissues: tuple[FloatArray, FloatArray],
    place: tuple[FloatArray, FloatArray, FloatArray],
    depth_mm: FloatArray,
    levels: tuple[float, float],
    slice_mm: float,
) -> FloatArray:
    """The channels, (slices, channels, rows, columns), each of about unit range."""
    bright = np.clip(signal / np.float32(levels[0]), 0, BRIGHTEST)
    below, above = _neighbours(bright, max(1, round(NEIGHBOUR_MM / slice_mm)))
    inside = (depth_mm > 0).astype(np.float32)
    x, y, z = place
    contrast = np.clip((levels[1] / levels[0] - 1) * 4, -2, 2)
    channels = (
        below, bright, above, *tissues, np.abs(x) / 70, y / 100, z / 70, np.minimum(depth_mm / 10, 2),
        inside * np.float32(slice_mm / 5), inside * np.float32(contrast),
    )  # fmt: skip
    return np.stack(channels, axis=1).astype(np.float32)


def orientation(affine: NDArray[np.float64]) -> tuple[Axes, tuple[int, ...]]:
    """The scan's axes (0 is k, 1 is j, 2 is i) to be slices, rows and columns, and which of these three to turn round.

    >>> orientation(np.diag([1.0, 1.0, 5.0, 1.0]))
    ((0, 1, 2), ())
    >>> orientation(np.diag([-1.0, 1.0, 1.0, 1.0]))
    ((0, 1, 2), (2,))
    """
    length = np.linalg.norm(affine[:3, :3], axis=0)
    along = (affine[:3, :3] / length)[:, ::-1].T
    upright = int(np.argmax(np.abs(along[:, 2])))
    slices = upright if length.max() <= THIN_MM else 0
    rest = [axis for axis in range(3) if axis != slices]
    lateral = int(np.argmax(np.abs(along[:, 0])))
    # What runs up is rows; else what runs sideways is columns.
    rows = upright if upright in rest else next(axis for axis in rest if axis != lateral)
    columns = next(axis for axis in rest if axis != rows)
    order = (slices, rows, columns)
    flipped = []
    for place, axis in enumerate(order):
        main = int(np.argmax(np.abs(along[axis])))
        wanted = -1.0 if place == 1 and main == 2 else 1.0
        if along[axis, main] * wanted < 0:
            flipped.append(place)
    return order, tuple(flipped)


def _neighbours(bright: FloatArray, reach: int) -> tuple[FloatArray, FloatArray]:
    """Mean of so many slices on either side; beyond the ends the last slice again."""
    padded = np.pad(bright, ((reach, reach), (0, 0), (0, 0)), mode="edge")
    count = len(bright)

    def mean_from(first: int) -> FloatArray:
        total = np.zeros_like(bright)
        for number in range(first, first + reach):
            total += padded[number : number + count]
        return total / np.float32(reach)

    return mean_from(0), mean_from(reach + 1)


def _area(length: int, step_mm: float) -> sparse.csr_array:
    """From pixels of a size to those of PIXEL_MM: linear where they are coarser, mean over the area where finer."""
    if AS_IT_IS[0] <= step_mm <= AS_IT_IS[1]:
        return sparse.eye_array(length, format="csr", dtype=np.float32)
    count = max(1, round(length * step_mm / PIXEL_MM))
    step = length / count
    centre = (np.arange(count) + 0.5) * step - 0.5
    width = max(1.0, step)
    weights = np.clip(1 - np.abs(np.arange(length)[None] - centre[:, None]) / width, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return sparse.csr_array(weights.astype(np.float32))


def _linear(area: sparse.csr_array) -> sparse.csr_array:
    """The way back: linear between the network's pixels."""
    count, length = area.shape
    if count == length:
        return sparse.eye_array(length, format="csr", dtype=np.float32)
    place = np.clip((np.arange(length) + 0.5) * count / length - 0.5, 0, count - 1)
    weights = np.clip(1 - np.abs(place[:, None] - np.arange(count)[None]), 0, None)
    return sparse.csr_array(weights.astype(np.float32))


def _resampled(values: FloatArray, rows: sparse.csr_array, columns: sparse.csr_array) -> FloatArray:
    """Every slice with other rows and columns; sparse products have one order of summing, on any number of threads."""
    count, nj, ni = values.shape
    by_row = np.ascontiguousarray(values.transpose(1, 0, 2)).reshape(nj, -1)
    shorter = (rows @ by_row).reshape(-1, count, ni)
    by_column = np.ascontiguousarray(shorter.transpose(2, 1, 0)).reshape(ni, -1)
    found = (columns @ by_column).reshape(-1, count, shorter.shape[0])
    return np.ascontiguousarray(found.transpose(1, 2, 0))
