"""Smooth random fields and the separable interpolation they are made with."""

import numpy as np
import SimpleITK as sitk  # noqa: N813 - as all its users write it
from numpy.typing import NDArray

Field = NDArray[np.float32]


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...], spacing: float) -> Field:
    """A Gaussian random field of unit variance with features of about `spacing` voxels; any number of axes.

    White noise on a coarse lattice, interpolated by cubic B-splines: separable, so a whole head costs milliseconds.
    """
    bases = [_spline_basis(size, spacing) for size in shape]
    noise = rng.standard_normal([basis.shape[1] for basis in bases]).astype(np.float32)
    variance = np.prod([np.square(basis).sum(axis=1).mean() for basis in bases])
    return expand(noise / np.float32(np.sqrt(variance)), bases)


def expand(coarse: Field, bases: list[Field]) -> Field:
    """Interpolate along each axis by its basis, (fine, coarse) each."""
    field = coarse
    for axis, basis in enumerate(bases[:-1]):
        field = np.moveaxis(np.tensordot(basis, field, axes=(1, axis)), 0, axis)
    rows = np.ascontiguousarray(field).reshape(-1, field.shape[-1])
    return (rows @ bases[-1].T).reshape(*field.shape[:-1], -1)


def doubled(coarse: Field) -> Field:
    """Linear interpolation to twice as many places less one along each of three axes, (2 n - 1) each."""
    field = coarse
    for axis in range(3):
        rows = np.moveaxis(field, axis, 0)
        fine = np.empty((2 * len(rows) - 1, *rows.shape[1:]), dtype=np.float32)
        fine[::2] = rows
        np.add(rows[:-1], rows[1:], out=fine[1::2])
        fine[1::2] *= np.float32(0.5)
        field = np.moveaxis(fine, 0, axis)
    return np.ascontiguousarray(field)


def distance_from(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of each voxel from the nearest one of a mask, in voxels: scipy's to the last bit, in two fifths of its time."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask).view(np.uint8))
    squares = sitk.SignedMaurerDistanceMap(
        image, insideIsPositive=False, squaredDistance=True, useImageSpacing=False
    )
    # Squares are whole numbers, so single precision holds them; those inside are negative.
    return np.sqrt(np.maximum(sitk.GetArrayViewFromImage(squares), 0).astype(np.float64))


def linear_basis(size: int, step: int) -> tuple[NDArray[np.float64], Field]:
    """Knots every `step` voxels over `size` voxels, and the (size, knots) weights of linear interpolation."""
    knots = np.arange(0, size - 1 + step, step, dtype=np.float64)
    distance = np.abs(np.arange(size)[:, None] - knots[None, :]) / step
    return knots, np.clip(1.0 - distance, 0.0, 1.0).astype(np.float32)


def _spline_basis(size: int, spacing: float) -> Field:
    """Cubic B-spline weights, (size, knots)."""
    knots = np.arange(-1, int(np.ceil(size / spacing)) + 2)
    t = np.abs(np.arange(size)[:, None] / spacing - knots[None, :])
    near = 2.0 / 3.0 - t**2 + t**3 / 2.0
    far = np.clip(2.0 - t, 0.0, None) ** 3 / 6.0
    return np.where(t < 1.0, near, far).astype(np.float32)
