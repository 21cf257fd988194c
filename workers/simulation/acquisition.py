"""From a person to the pixels of a stack: slice profile, resolution, coil shading, motion and noise."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.simulation.fields import linear_basis, smooth_field
from workers.simulation.geometry import Stack
from workers.simulation.subject import Warp

Pixels = NDArray[np.float32]

_KNOT = 5
"""The way to template space is computed at every 5th pixel and interpolated between."""

_SAMPLE_MM = 1.3
"""Distance of the samples over the slice profile; the anatomy has 1 mm."""


@dataclass(frozen=True, slots=True)
class Imperfection:
    """What keeps the picture from being perfect."""

    noise: float
    """Standard deviation of each of the two receiver channels, in signal units."""
    ghosting: float
    blur: float
    """In-plane Gaussian blur, in pixels."""


def profile(thickness_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets in mm and weights over a slice profile: flat, with soft shoulders, as of a windowed sinc pulse."""
    count = max(round(thickness_mm * 1.2 / _SAMPLE_MM), 2)
    offsets = (np.arange(count) - (count - 1) / 2) * thickness_mm * 1.2 / count
    weights = 1.0 / (1.0 + np.exp((np.abs(offsets) - thickness_mm / 2) / (0.08 * thickness_mm)))
    return offsets, weights / weights.sum()


def sample(image: NDArray[np.float32], stack: Stack, warp: Warp, *, order: Literal[0, 1] = 1) -> Pixels:
    """The head grid's image on a stack, (k, rows, columns), averaged over the slice profile; order 0 takes labels."""
    offsets, weights = profile(stack.thickness_mm) if order else (np.zeros(1), np.ones(1))
    rows, row_basis = linear_basis(stack.rows, _KNOT)
    columns, column_basis = linear_basis(stack.columns, _KNOT)
    lattice = (
        stack.column[:, None, None] * rows[:, None] + stack.row[:, None, None] * columns
    ) * stack.pixel_mm
    pixels = np.zeros((stack.slices, stack.rows, stack.columns), dtype=np.float32)
    for k in range(stack.slices):
        for offset, weight in zip(offsets, weights, strict=True):
            start = stack.position(k) + stack.normal * offset
            points = (lattice + start[:, None, None]).reshape(3, -1)
            knots = warp.voxels(points).reshape(3, rows.size, columns.size).astype(np.float32)
            voxels = row_basis @ knots @ column_basis.T
            pixels[k] += np.float32(weight) * ndimage.map_coordinates(
                image, voxels, order=order, mode="constant"
            )
    return pixels


def shading(shape: tuple[int, int, int], rng: np.random.Generator, strength: float) -> Pixels:
    """Multiplicative receive field of a head coil: smooth, brighter towards the coil elements."""
    spacing = float(max(shape[1], shape[2])) / 2.2
    planes = [smooth_field(rng, shape[1:], spacing) for _ in range(4)]
    along = smooth_field(rng, (shape[0], 4), shape[0] / 2.0)
    field = sum(along[:, n, None, None] * plane for n, plane in enumerate(planes)) / 2.0
    y, x = (np.linspace(-1.0, 1.0, n, dtype=np.float32) for n in shape[1:])
    rim = 0.35 * (x[None, :] ** 2 + y[:, None] ** 2)
    return np.exp(strength * (field + rim)).astype(np.float32)


def acquire(clean: Pixels, imperfection: Imperfection, rng: np.random.Generator) -> Pixels:
    """Signal as received, (k, rows, columns): limited k-space, ghosts along the columns, Rician noise."""
    k_space = np.fft.fftshift(np.fft.fft2(clean), axes=(1, 2))
    k_space *= _window(clean.shape[1:], imperfection.blur)
    if imperfection.ghosting > 0:
        k_space *= _motion(clean.shape[:2], imperfection.ghosting, rng)
    image = np.fft.ifft2(np.fft.ifftshift(k_space, axes=(1, 2)))
    noise = rng.normal(0.0, imperfection.noise, (2, *clean.shape))
    return np.hypot(image.real + noise[0], image.imag + noise[1]).astype(np.float32)


def _window(shape: tuple[int, ...], blur: float) -> NDArray[np.float64]:
    """A sharp edge at 88 % of k-space leaves the mild ringing of a real scan; the Gaussian is the blur."""
    rows, columns = (np.abs(np.linspace(-1.0, 1.0, n)) for n in shape)
    radius = np.maximum(rows[:, None] / 0.88, columns[None, :] / 0.98)
    square = rows[:, None] ** 2 + columns[None, :] ** 2
    return np.where(radius <= 1.0, np.exp(-0.5 * (np.pi * blur) ** 2 * square), 0.0)


def _motion(shape: tuple[int, ...], strength: float, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Phase errors of the lines: a breathing-like oscillation and a few sudden shifts."""
    slices, lines = shape
    line = np.arange(lines)
    periodic = np.sin(2 * np.pi * line * rng.uniform(0.11, 0.16) + rng.uniform(0, 6))
    phase = np.zeros((slices, lines))
    for k in range(slices):
        jump = np.zeros(lines)
        for _ in range(3):
            start = int(rng.integers(0, lines))
            jump[start:] += rng.normal(0, 0.7)
        phase[k] = periodic + jump * np.sign(line - lines / 2)
    return np.exp(1j * strength * 2.0 * phase)[:, :, None]
