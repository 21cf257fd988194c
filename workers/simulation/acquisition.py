"""From a person to the pixels of a stack: slice profile, resolution, coil shading, motion and noise."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from workers.simulation.fields import Field, linear_basis, smooth_field
from workers.simulation.geometry import Stack
from workers.simulation.space import LOW, Point
from workers.simulation.subject import Warp

Pixels = NDArray[np.float32]

_KNOT = 5
"""The way to template space is computed at every 5th pixel and interpolated between."""

_SAMPLE_MM = 1.6
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


def sample(
    image: NDArray[np.float32], stack: Stack, warp: Warp, *, order: Literal[0, 1] = 1, distortion: float = 0.0
) -> Pixels:
    """The head grid's image on a stack, (k, rows, columns), averaged over the slice profile; order 0 takes labels.

    `distortion` is the strength of echo-planar displacement along the columns, 1 for a usual scan.
    """
    offsets, weights = profile(stack.thickness_mm) if order else (np.zeros(1), np.ones(1))
    lattice = _Lattice.of(stack)
    support = _support(image)
    pixels = np.zeros((stack.slices, stack.rows * stack.columns), dtype=np.float32)
    for k in range(stack.slices):
        for offset, weight in zip(offsets, weights, strict=True):
            points = lattice.points + (stack.position(k) + stack.normal * offset)[:, None]
            gain = None
            if distortion:
                displaced = _displacement(warp.voxels(points)) * distortion
                points = points + stack.column[:, None] * displaced
                gain = lattice.pile_up(displaced)
            knots = warp.voxels(points).astype(np.float32)
            index = lattice.near(_is_near(support, knots))
            if not index.size:
                continue
            voxels = lattice.spread(knots).reshape(3, -1)[:, index]
            value = ndimage.map_coordinates(image, voxels, order=order, mode="constant") * np.float32(weight)
            pixels[k, index] += value if gain is None else value * gain.reshape(-1)[index]
    return pixels.reshape(stack.slices, stack.rows, stack.columns)


@dataclass(frozen=True, slots=True, eq=False)
class _Lattice:
    """Knots at every 5th pixel of a slice, and the way from them to its pixels."""

    rows: int
    columns: int
    row_basis: Field
    column_basis: Field
    points: NDArray[np.float64]
    """(3, knots) LPS mm relative to the slice's first pixel."""
    pixel_mm: float

    @staticmethod
    def of(stack: Stack) -> "_Lattice":
        rows, row_basis = linear_basis(stack.rows, _KNOT)
        columns, column_basis = linear_basis(stack.columns, _KNOT)
        points = (
            stack.column[:, None, None] * rows[:, None] + stack.row[:, None, None] * columns
        ) * stack.pixel_mm
        return _Lattice(
            stack.rows, stack.columns, row_basis, column_basis, points.reshape(3, -1), stack.pixel_mm
        )

    def spread(self, knots: Field) -> Field:
        """Values (n, knots) at every pixel, (n, rows, columns)."""
        shape = (-1, self.row_basis.shape[1], self.column_basis.shape[1])
        return np.asarray(self.row_basis @ knots.reshape(shape) @ self.column_basis.T, dtype=np.float32)

    def near(self, knots: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Flat indices of the pixels in cells with a wanted corner."""
        at = knots.reshape(self.row_basis.shape[1], self.column_basis.shape[1])
        cells = at[:-1, :-1] | at[1:, :-1] | at[:-1, 1:] | at[1:, 1:]
        row, column = (
            np.minimum(np.arange(size) // _KNOT, count - 1)
            for size, count in zip((self.rows, self.columns), cells.shape, strict=True)
        )
        return np.flatnonzero(cells[np.ix_(row, column)])

    def pile_up(self, displaced: NDArray[np.float64]) -> Field:
        """Signal gathered into each pixel where the displacement grows along the column, (rows, columns)."""
        at = displaced.reshape(self.row_basis.shape[1], self.column_basis.shape[1])
        slope = np.asarray(np.gradient(at, _KNOT * self.pixel_mm, axis=0))
        return self.spread(np.clip(1.0 + slope, 0.25, 2.6).astype(np.float32))[0]


def _support(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where within a block or the blocks around it the image has any signal; blocks of 8 voxels."""
    blocks = image[::2, ::2, ::2] > 0
    for axis, size in enumerate(blocks.shape):
        blocks = np.logical_or.reduceat(blocks, np.arange(0, size, _BLOCK // 2), axis=axis)
    return np.asarray(ndimage.binary_dilation(blocks, np.ones((3, 3, 3), dtype=bool)), dtype=np.bool_)


_BLOCK = 8


def _is_near(support: NDArray[np.bool_], voxels: Field) -> NDArray[np.bool_]:
    """Whether the blocks of some head-grid coordinates (3, n) have signal; outside the grid there is none."""
    index = np.floor(voxels / _BLOCK).astype(np.intp)
    limits = np.asarray(support.shape)[:, None]
    inside = np.all((index >= -1) & (index <= limits), axis=0)
    return inside & support[tuple(np.clip(index, 0, limits - 1))]


_AIR_SPACES: tuple[tuple[Point, float, float], ...] = (
    ((0.0, 24.0, -38.0), 7.5, 15.0),
    ((0.0, 70.0, -14.0), 5.0, 15.0),
    ((52.0, -30.0, -42.0), 6.0, 14.0),
    ((-52.0, -30.0, -42.0), 6.0, 14.0),
)
"""Air next to brain: place in template mm, displacement of the echo-planar image there and its reach, in mm [P]."""


def _displacement(voxels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Echo-planar displacement along the phase encoding, mm, at head-grid coordinates (3, n) as z, y, x."""
    mm = voxels[::-1] + np.asarray(LOW)[:, None]
    total = np.zeros(mm.shape[1])
    for place, amount, reach in _AIR_SPACES:
        away = mm - np.asarray(place)[:, None]
        total += amount * np.exp(-(away**2).sum(axis=0) / (2.0 * reach**2))
    return total


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
    # The window and the motion are brought into the order of the transform, where they are smaller than k-space.
    k_space = fft.fft2(clean.astype(np.float32, copy=False))
    k_space.view(np.float32).reshape(*clean.shape, 2)[:] *= fft.ifftshift(
        _window(clean.shape[1:], imperfection.blur)
    )[:, :, None]
    if imperfection.ghosting > 0:
        k_space *= fft.ifftshift(_motion(clean.shape[:2], imperfection.ghosting, rng), axes=1)
    image = fft.ifft2(k_space, overwrite_x=True)
    noise = rng.standard_normal((2, *clean.shape), dtype=np.float32) * np.float32(imperfection.noise)
    return np.asarray(np.hypot(image.real + noise[0], image.imag + noise[1]), dtype=np.float32)


def _window(shape: tuple[int, ...], blur: float) -> Field:
    """A sharp edge at 88 % of k-space leaves the mild ringing of a real scan; the Gaussian is the blur."""
    rows, columns = (np.abs(np.linspace(-1.0, 1.0, n)) for n in shape)
    radius = np.maximum(rows[:, None] / 0.88, columns[None, :] / 0.98)
    square = rows[:, None] ** 2 + columns[None, :] ** 2
    return np.where(radius <= 1.0, np.exp(-0.5 * (np.pi * blur) ** 2 * square), 0.0).astype(np.float32)


def _motion(shape: tuple[int, ...], strength: float, rng: np.random.Generator) -> NDArray[np.complex64]:
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
    return np.exp(1j * strength * 2.0 * phase)[:, :, None].astype(np.complex64)
