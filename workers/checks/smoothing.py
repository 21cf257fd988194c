"""Gaussian means within the brain, on grids no finer than the Gaussian needs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Coarse:
    """Values on every so many-th voxel: block n lies at voxel n * step + (step - 1) / 2 of each axis (k, j, i)."""

    values: FloatArray
    steps: tuple[int, ...]


def smoothed(
    values: FloatArray, inside: BoolArray, sigma_mm: float, spacing_mm: tuple[float, float, float]
) -> FloatArray:
    """Gaussian mean of the values inside a mask, (k, j, i); 0 outside. `values` has to be 0 outside."""
    sigma = [sigma_mm / mm if mm < 2 * sigma_mm else 0.0 for mm in spacing_mm[::-1]]
    return _mean(values, inside.astype(np.float32), sigma) * inside


def coarse(
    values: FloatArray, inside: BoolArray, sigma_mm: float, spacing_mm: tuple[float, float, float]
) -> Coarse:
    """The same on blocks of about half the Gaussian's width, also outside the mask where some of it is near."""
    steps = tuple(max(1, int(sigma_mm / (2 * mm))) for mm in spacing_mm[::-1])
    sums, weights = _blocks(values, steps), _blocks(inside.astype(np.float32), steps)
    sigma = [sigma_mm / (mm * step) for mm, step in zip(spacing_mm[::-1], steps, strict=True)]
    return Coarse(_mean(sums, weights, sigma), steps)


def near(values: Coarse, index: NDArray[np.intp]) -> FloatArray:
    """Values at voxels (3, n) of the fine grid, linear between the blocks."""
    steps = np.asarray(values.steps, dtype=np.float32)[:, None]
    place = (index.astype(np.float32) - (steps - 1) / 2) / steps
    found: FloatArray = ndimage.map_coordinates(values.values, place, order=1, mode="nearest")
    return found


def _mean(sums: FloatArray, weights: FloatArray, sigma: list[float]) -> FloatArray:
    top = ndimage.gaussian_filter(sums, sigma, mode="constant")
    low = ndimage.gaussian_filter(weights, sigma, mode="constant")
    mean: FloatArray = np.divide(top, low, out=np.zeros_like(top), where=low > 1e-3)
    return mean


def _blocks(values: FloatArray, steps: tuple[int, ...]) -> FloatArray:
    """Sums over blocks; the last one of an axis may reach over the edge."""
    pad = [(0, -length % step) for length, step in zip(values.shape, steps, strict=True)]
    padded = np.pad(values, pad)
    shape = [n for length, step in zip(padded.shape, steps, strict=True) for n in (length // step, step)]
    blocks: FloatArray = padded.reshape(shape).sum(axis=(1, 3, 5), dtype=np.float32)
    return blocks
