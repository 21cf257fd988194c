"""Smooth noise, in-plane blur, and rough ellipsoids, on a GPU."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """Random numbers: of numpy for single values, of torch for arrays."""

    rng: np.random.Generator
    device: torch.device

    def between(self, low: float, high: float) -> float:
        """A number between two."""
        return float(self.rng.uniform(low, high))

    def normal(self, sigma: float) -> float:
        """A number around 0."""
        return float(self.rng.normal(0, sigma))

    def happens(self, share: float) -> bool:
        """Whether something of this probability happens."""
        return bool(self.rng.random() < share)

    def one_of(self, count: int) -> int:
        """A number below `count`."""
        return int(self.rng.integers(count))

    def noise(self, shape: Shape, scale: float | tuple[float, ...]) -> Tensor:
        """Smooth noise of unit variance with features of about `scale` voxels, of one axis each or of all."""
        scales = scale if isinstance(scale, tuple) else (scale,) * len(shape)
        low = [max(2, math.ceil(length / one) + 1) for length, one in zip(shape, scales, strict=True)]
        small = torch.randn((1, 1, *low), device=self.device)
        wide = functional.interpolate(small, size=tuple(shape), mode="trilinear", align_corners=True)[0, 0]
        return wide / wide.std().clamp_min(1e-3)


def blurred(slices: Tensor, sigma: float) -> Tensor:
    """In-plane Gaussian of (n, rows, columns)."""
    reach = torch.arange(-2, 3, device=slices.device, dtype=torch.float32)
    weights = torch.exp(-0.5 * (reach / sigma) ** 2)
    weights = weights / weights.sum()
    rows = functional.conv2d(slices[:, None], weights[None, None, :, None], padding=(2, 0))
    return functional.conv2d(rows, weights[None, None, None, :], padding=(0, 2))[:, 0]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Radii in mm as a log-normal with bounds, and half widths of the edge in mm."""

    log_mean: float
    log_spread: float
    least: float
    most: float
    edge: tuple[float, float] = (0.4, 1.8)


@dataclass(frozen=True, slots=True, eq=False)
class Rooms:
    """Where a blob may sit: voxels (n, 3) of each kind of place, how often each is chosen, and the voxel's size (k, j, i)."""

    places: tuple[Tensor, ...]
    weights: tuple[float, ...]
    spacing_mm: tuple[float, float, float]

    def centre(self, chance: Chance) -> list[int] | None:
        """One of the voxels; None where the chosen kind has none."""
        share = np.array(self.weights) / sum(self.weights)
        room = self.places[int(chance.rng.choice(len(self.places), p=share))]
        return [int(one) for one in room[chance.one_of(len(room))].tolist()] if len(room) else None


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Share of each voxel that is lesion, and the brightness of the lesion over its own tissue; changed in place."""

    share: Tensor
    bright: Tensor

    @staticmethod
    def nothing(shape: Shape, chance: Chance) -> "Load":
        """No lesion."""
        return Load(torch.zeros(shape, device=chance.device), torch.ones(shape, device=chance.device))

    def put(self, weight: Tensor, bright: float, box: tuple[slice, ...] = ()) -> None:
        """Add a lesion over a box; where lesions overlap the denser one is seen."""
        old = self.share[box]
        self.bright[box] = torch.where(weight > old, torch.full_like(old, bright), self.bright[box])
        self.share[box] = torch.maximum(old, weight)


def add_blobs(
    load: Load, rooms: Rooms, count: int, span: tuple[float, float], sizes: Sizes, chance: Chance
) -> None:
    """Rough ellipsoids of random size and turn, each with a brightness of its own within the span."""
    shape = tuple(load.share.shape)
    rough = sum(
        weight * chance.noise(shape, tuple(max(1.0, scale / mm) for mm in rooms.spacing_mm))
        for weight, scale in ((0.7, 5.0), (0.5, 2.5))
    )
    for _ in range(count):
        centre = rooms.centre(chance)
        if centre:
            radius = math.exp(sizes.log_mean + chance.normal(sizes.log_spread))
            radius = min(max(radius, sizes.least), sizes.most)
            box, away = _ellipsoid(shape, centre, rooms.spacing_mm, radius, chance)
            away = away - chance.between(0.05, 0.35) * rough[box]
            edge = max(chance.between(*sizes.edge), 0.35 * min(rooms.spacing_mm)) / radius
            load.put((0.5 + (1 - away) / (2 * edge)).clamp(0, 1), chance.between(*span), box)


def _ellipsoid(
    shape: Shape, centre: list[int], spacing_mm: tuple[float, ...], radius: float, chance: Chance
) -> tuple[tuple[slice, ...], Tensor]:
    """The part of a grid around an ellipsoid, and the distance from its middle there, 1 on its surface."""
    box, axes = [], []
    for length, middle, mm in zip(shape, centre, spacing_mm, strict=True):
        reach = math.ceil((2.0 * radius + 2) / mm)
        span = slice(max(middle - reach, 0), min(middle + reach + 1, length))
        place = torch.arange(span.start, span.stop, device=chance.device) - middle
        axes.append((place - chance.between(-0.5, 0.5)) * mm)
        box.append(span)
    turn = np.linalg.qr(chance.rng.normal(size=(3, 3)))[0]
    turn = turn / (radius * np.exp(chance.rng.normal(0, 0.3, (3, 1))))
    k, j, i = axes
    squares = torch.zeros(1, device=chance.device)
    for a, b, c in turn.astype(np.float32).tolist():
        squares = squares + (a * k[:, None, None] + b * j[None, :, None] + c * i[None, None, :]) ** 2
    return tuple(box), squares.sqrt()
