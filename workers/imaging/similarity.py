"""Mutual information of a whole head with the template brain under an affine map, and its gradient.

Written out rather than taken from ITK because it must give the same number on every run, be cheap enough for a
thousand poses (0.3 ms), and say nothing about skull, scalp and neck: only points of the template brain count.

References: Mattes et al. 2003, doi:10.1109/TMI.2003.809072.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 32
"""Histogram bins of either image."""

MOST = BINS - 2.001
"""Largest signal that leaves room for the window."""

FloatArray = NDArray[np.float64]

_WINDOW = (
    np.array([[1.0, -3.0, 3.0, -1.0], [4.0, 0.0, -6.0, 3.0], [1.0, 3.0, 3.0, -3.0], [0.0, 0.0, 0.0, 1.0]]) / 6
)
"""Cubic B-spline Parzen window: weight of each of four neighbouring bins as coefficients of u^0 to u^3, `u` being how far
the signal lies above the second of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of the template: where they lie and what is seen there.

    places : (n, 3) template mm, LPS
    bins : (n,) histogram bin of the template's signal
    """

    places: FloatArray
    bins: NDArray[np.intp]

    def every(self, step: int) -> "Points":
        """One of every `step` points."""
        return Points(np.ascontiguousarray(self.places[::step]), self.bins[::step].copy())


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A scan on a regular grid along the patient axes.

    signal : (k, j, i) float32 in histogram bins, zero (air) outside the scan
    first : (3,) patient position of voxel (0, 0, 0) as (x, y, z) in mm, LPS
    """

    signal: NDArray[np.float32]
    first: FloatArray
    step_mm: float


def quick_information(points: Points, head: Head, matrix: FloatArray, shift: FloatArray) -> float:
    """Mutual information in nats with nearest neighbours; for exhaustive search."""
    nk, nj, ni = head.signal.shape
    i, j, k = np.rint(_positions(points, head, matrix, shift)).astype(np.intp)
    inside = (i >= 0) & (i < ni) & (j >= 0) & (j < nj) & (k >= 0) & (k < nk)
    seen = head.signal.reshape(-1)[((k * nj + j) * ni + i) * inside] * inside
    joint = np.bincount(points.bins * BINS + seen.astype(np.intp), minlength=BINS * BINS)
    return _information(joint.reshape(BINS, BINS) / len(inside))[0]


def information(
    points: Points, head: Head, matrix: FloatArray, shift: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Mutual information in nats, and its gradient for the matrix (3, 3) and the shift (3,)."""
    seen, slope = _interpolate(head, _positions(points, head, matrix, shift))
    low = seen.astype(np.intp)
    cells, u = points.bins * BINS + (low - 1), seen - low
    value, log_ratio = _information(_joint(cells, u))
    constant, linear, square = _pulls(log_ratio.reshape(-1))
    pull = (square[cells] * u + linear[cells]) * u + constant[cells]
    force = slope * (pull / (len(seen) * head.step_mm))
    return value, force @ points.places, force.sum(axis=1)


def _positions(points: Points, head: Head, matrix: FloatArray, shift: FloatArray) -> FloatArray:
    """Where the points lie in the head under a map, (3, n) voxels (i, j, k)."""
    moved: FloatArray = (matrix / head.step_mm) @ points.places.T
    moved += ((shift - head.first) / head.step_mm)[:, None]
    return moved


def _information(joint: FloatArray) -> tuple[float, FloatArray]:
    """Mutual information of a joint density, and log p(a, b) / p(b), the derivative for its cells."""
    fixed, moving = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    tiny = 1e-12
    log_ratio = np.log(joint + tiny) - np.log(moving + tiny)
    value = float(np.sum(joint * (log_ratio - np.log(fixed + tiny))))
    return value, log_ratio


def _joint(cells: NDArray[np.intp], u: FloatArray) -> FloatArray:
    """Joint density (template bin, head bin) under the Parzen window.

    The window is a cubic in `u`, so the sums of u^0 to u^3 over the points of a cell say all, and cost a quarter of
    four weights for every point.
    """
    square = u * u
    powers = [np.bincount(cells, one, BINS * BINS) for one in (None, u, square, square * u)]
    joint = np.zeros(BINS * BINS)
    for n, weights in enumerate(_WINDOW):
        share = sum(weight * power for weight, power in zip(weights, powers, strict=True))
        joint[n:] += share[: BINS * BINS - n]
    return (joint / len(cells)).reshape(BINS, BINS)


def _pulls(log_ratio: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Derivative of the information for the signal of a point, as a parabola in its `u`, for every first cell."""
    padded = np.concatenate([log_ratio, np.zeros(3)])
    ratios = np.stack([padded[n : n + BINS * BINS] for n in range(4)])
    constant, linear, square = (power * (_WINDOW[:, power] @ ratios) for power in (1, 2, 3))
    return constant, linear, square


def _interpolate(head: Head, position: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Trilinear signal at positions (3, n), kept within the bins, and its gradient per voxel, (3, n)."""
    nk, nj, ni = head.signal.shape
    limit = np.array([[ni], [nj], [nk]]) - 1.001
    kept = np.clip(position, 0.0, limit)
    base = kept.astype(np.intp)
    x, y, z = kept - base
    first = (base[2] * nj + base[1]) * ni + base[0]
    values = head.signal.reshape(-1)
    rows, steps = [], []
    for offset in (0, ni, nj * ni, nj * ni + ni):
        here = values[offset:][first]
        step = values[offset + 1 :][first] - here
        rows.append(here + x * step)
        steps.append(step)
    across, above = rows[1] - rows[0], rows[3] - rows[2]
    near = steps[0] + y * (steps[1] - steps[0])
    far = steps[2] + y * (steps[3] - steps[2])
    low, high = rows[0] + y * across, rows[2] + y * above
    slope = np.stack([near + z * (far - near), across + z * (above - across), high - low])
    inside = position == kept
    seen = (low + z * (high - low)) * inside.all(axis=0)
    slope *= inside & (seen > 1.0) & (seen < MOST)
    return np.clip(seen, 1.0, MOST), slope
