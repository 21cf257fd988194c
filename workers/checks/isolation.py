"""Whether a dark spot stands alone: a focus fades alike on every side, a vein stays dark along its course (sign M3)."""

import numpy as np
from numpy.typing import NDArray

CURVATURE_MM = 1.4
"""Standard deviation of the Gaussian with which curvature is taken: suits veins and foci of some 3-6 mm; of 1.0 to
2.2 mm, this told simulated ones apart best over all vendors. [P]"""
LEAST_VOXELS = 0.6
"""The same, at least, in voxels: below this the sampled kernel is no Gaussian's second derivative any more. [P]"""

TRUNCATE = 3.0
"""Standard deviations at which the Gaussian is cut off."""

AROUND_MM = 3.0
"""How far beyond a spot's radius its symmetry is looked for. [P]"""
SHELL_MM = 1.0
"""Thickness of the shells that stand for one distance; the innermost of thinner ones would hold one voxel, which explains itself."""


def roundness(near: NDArray[np.float32], at: tuple[int, int, int], mm: NDArray[np.float64]) -> float:
    """Least over greatest curvature of darkness at a voxel: 1 in the middle of a ball, 0 in a tube, less in a saddle.

    near : (k, j, i) darkness around the spot; mm : voxel size along the same axes

    The eigenvalues of the Hessian tell tubes from balls (Frangi, doi:10.1007/BFb0056195), and need no threshold at
    which to cut the spot out. Derivatives are taken per standard deviation, which thick slices make larger across
    them.
    """
    sigma = np.maximum(CURVATURE_MM / mm, LEAST_VOXELS)
    k, j, i = (_weights(*axis) for axis in zip(near.shape, at, sigma, strict=True))
    # Of the filtered neighbourhood one voxel is asked for, so it alone is filtered: [m, n, o] are orders along the axes.
    curves = np.einsum("kji,mk,nj,oi->mno", near, k, j, i, optimize=True)
    hessian = np.zeros((3, 3))
    for one in range(3):
        for other in range(one, 3):
            order = tuple((axis == one) + (axis == other) for axis in range(3))
            hessian[one, other] = hessian[other, one] = curves[order] * sigma[one] * sigma[other]
    curvatures = np.linalg.eigvalsh(hessian)
    return float(curvatures[2] / curvatures[0]) if curvatures[0] < 0 else 0.0


def symmetry(
    near: NDArray[np.float32],
    centre: tuple[float, float, float],
    mm: NDArray[np.float64],
    radius_mm: float,
) -> float:
    """Share of the variance of darkness in and around a spot that the distance from its centre explains: 1 for a ball that stands alone.

    near : (k, j, i) darkness around the spot; centre : of the spot, in its voxels; mm : voxel size along the same axes

    A vein is dark far from the centre too, but along its course alone; where veins cross, arms run into the shells on several sides.
    """
    along = [(np.arange(count) - at) * size for count, at, size in zip(near.shape, centre, mm, strict=True)]
    away = np.sqrt(sum(one**2 for one in np.ix_(*along)))
    ball = away < radius_mm + AROUND_MM
    darkness = near[ball].astype(np.float64)
    shell = (away[ball] / SHELL_MM).astype(np.intp)
    mean = np.bincount(shell, darkness) / np.maximum(np.bincount(shell), 1)
    spread = float(np.var(darkness))
    return 1.0 - float(np.var(darkness - mean[shell])) / spread if spread > 0 else 0.0


def _weights(length: int, at: int, sigma: float) -> NDArray[np.float64]:
    """Weights over an axis of a Gaussian at one of its voxels and of its first two derivatives, (3, length).

    What lies beyond an edge is the axis reflected there, as ndimage.gaussian_filter has it.
    """
    reach = int(TRUNCATE * sigma + 0.5)
    x = np.arange(-reach, reach + 1)
    bell = np.exp(-0.5 * (x / sigma) ** 2)
    bell /= bell.sum()
    kernels = (bell, x / sigma**2 * bell, (x**2 / sigma**4 - 1 / sigma**2) * bell)
    place = (at + x) % (2 * length)
    place = np.where(place < length, place, 2 * length - 1 - place)
    return np.stack([np.bincount(place, kernel, length) for kernel in kernels])
