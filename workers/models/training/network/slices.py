"""Slices of a random head as a scanner would give them, and the template's priors where a fit would lay them: nearly right."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workers.checks.planes import THIN_MM
from workers.models.training.network.channels import stacked
from workers.models.training.network.drawing import Chance, Rooms, blurred
from workers.models.training.network.picture import Picture, picture
from workers.models.training.network.space import Space

ROWS, COLUMNS = 192, 160
KEPT = 30
"""Slices of a head that go into the pool."""
LEAST_PIXELS = 150
"""Brain that a slice has to hold."""
LATTICE_MM = 128.0
"""Reach of the random displacements on either side of the middle of the head."""
_COVER_MM = {"axial": 152, "sagittal": 150, "coronal": 190}
_MIDDLE = (0.0, -16.0, 6.0)
_SAMPLE_MM = 1.25
"""Distance of the samples through a slice."""
_AT_A_TIME = 60

Made = tuple[Tensor, Tensor, Tensor]
"""Channels (n, c, rows, columns), lesion share and weight (n, rows, columns), all float16."""


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """From scanner mm (3, n) to template mm, as it is and as a fit would find it.

    fields : displacements over LATTICE_MM that are broad, narrow and fine; the fit knows the first and a part of the second
    """

    matrix: Tensor
    middle: Tensor
    fields: tuple[Tensor, Tensor, Tensor]
    error: Tensor
    known: float
    shift: Tensor

    def true(self, points: Tensor) -> Tensor:
        """Where points lie in the template."""
        moved = sum(_displaced(one, points) for one in self.fields)
        return self.matrix @ points + self.middle + moved

    def fitted(self, points: Tensor) -> Tensor:
        """Where a fit would say that they lie."""
        broad, narrow, _ = self.fields
        moved = _displaced(broad, points) + self.known * _displaced(narrow, points)
        return self.matrix @ points + self.middle + moved + _displaced(self.error, points) + self.shift


def _displaced(field: Tensor, points: Tensor) -> Tensor:
    place = (points / LATTICE_MM).T[None, None, None]
    return functional.grid_sample(field, place, align_corners=True, padding_mode="border")[0, :, 0, 0]


def random_way(scale: float, chance: Chance) -> Way:
    """A person's size, pose and shape, folds that the template does not know, and the errors of a fit."""
    turn = np.eye(3)
    angles = (chance.between(-14, 10), chance.normal(3), chance.normal(4))
    for degrees, (a, b) in zip(angles, ((1, 2), (0, 2), (0, 1)), strict=True):
        step, angle = np.eye(3), math.radians(degrees)
        step[a, a] = step[b, b] = math.cos(angle)
        step[a, b], step[b, a] = -math.sin(angle), math.sin(angle)
        turn = step @ turn
    matrix = np.diag(1 / (scale * np.exp(chance.rng.normal(0, 0.03, 3)))) @ turn

    def field(knots: int, low: float, high: float) -> Tensor:
        return torch.randn(1, 3, knots, knots, knots, device=chance.device) * chance.between(low, high)

    middle = torch.tensor(_MIDDLE, device=chance.device)[:, None]
    return Way(
        matrix=torch.tensor(matrix.astype(np.float32), device=chance.device),
        middle=middle + 2 * torch.randn(3, 1, device=chance.device),
        fields=(field(6, 1, 5), field(16, 0.3, 2.2), field(44, 0, 2.6 if chance.happens(0.7) else 0)),
        error=field(9, 0.3, 2.6),
        known=chance.between(0.2, 1),
        shift=torch.randn(3, 1, device=chance.device) * chance.between(0, 1),
    )


def random_head(space: Space, rooms: tuple[Rooms, Rooms], chance: Chance) -> Made | None:
    """Slices of one random head; None where no white matter can be told."""
    seen = picture(space, rooms, chance)
    kind, scale = chance.between(0, 1), chance.between(0.9, 1.14)
    step = (
        chance.between(0.9, 1.3)
        if kind < 0.28
        else chance.between(2, 3.4)
        if kind < 0.55
        else chance.between(3.5, 6.6)
    )
    weights = (1.0, 0.0, 0.0) if step < THIN_MM else (0.84, 0.1, 0.06)
    plane = tuple(_COVER_MM)[int(chance.rng.choice(3, p=weights))]
    count = min(int(_COVER_MM[plane] * scale / step) + 2, 150)
    stack = _Stack(plane, count, step, max(1, round(step / 1.25)), chance)
    way = random_way(scale, chance)
    signal, lesion = _scanned(seen, space, stack, way)
    points = stack.points(stack.middles)
    place = way.fitted(points)
    maps = torch.stack([space.grey, space.white, space.brain, space.depth_mm, seen.wide])
    grey, white, brain, depth, wide = _looked_up(maps, place, space).reshape(5, count, ROWS, COLUMNS)
    x, y, z = place.reshape(3, count, ROWS, COLUMNS)
    mask = (brain >= 0.5).float()
    flawed = _flawed(signal, step, (z, mask), chance) * torch.exp(-chance.between(0, 0.6) * wide) * mask
    places = (x * mask, y * mask, z * mask)
    values = stacked(flawed, (grey * mask, white * mask), places, depth * scale * mask, step)
    if values is None:
        return None
    rows = chosen(mask, KEPT)
    return values[rows].half(), (lesion * mask)[rows].half(), torch.ones_like(mask[rows]).half()


def chosen(mask: Tensor, count: int) -> Tensor:
    """Numbers of some slices that hold brain."""
    rows = torch.nonzero(mask.sum((1, 2)) > LEAST_PIXELS)[:, 0]
    return rows[torch.randperm(len(rows), device=mask.device)[:count]]


class _Stack:
    """Where the pixels of a stack of slices lie in scanner mm; rows run to the back or down, columns to the left or back."""

    def __init__(self, plane: str, count: int, step: float, samples: int, chance: Chance) -> None:
        self.plane, self.samples = plane, samples
        device = chance.device
        thick = step * (1 if chance.happens(0.6) else chance.between(0.75, 1))
        self.middles = (torch.arange(count, device=device) - (count - 1) / 2) * step
        self.middles = self.middles + chance.between(-step, step) / 2
        self.offsets = (torch.arange(samples, device=device) - (samples - 1) / 2) * thick / samples
        self.rows = torch.arange(ROWS, device=device) - (ROWS - 1) / 2 + chance.between(-6, 6)
        self.columns = torch.arange(COLUMNS, device=device) - (COLUMNS - 1) / 2 + chance.between(-6, 6)
        if plane == "sagittal":
            self.columns = self.columns + chance.between(-16, 16)

    def points(self, through: Tensor) -> Tensor:
        """(3, n) x to the right, y to the front, z up, of the pixels at some heights of the stack."""
        shape = (len(through), ROWS, COLUMNS)
        k, r, c = (
            one.expand(shape)
            for one in (through[:, None, None], self.rows[None, :, None], self.columns[None, None, :])
        )
        axes = {"axial": (-c, -r, k), "sagittal": (-k, -c, -r), "coronal": (-c, -k, -r)}[self.plane]
        return torch.stack([one.reshape(-1) for one in axes])


def _scanned(seen: Picture, space: Space, stack: _Stack, way: Way) -> tuple[Tensor, Tensor]:
    """Signal and lesion share averaged through each slice, (count, rows, columns)."""
    maps = torch.stack([seen.signal, seen.lesion])
    heights = (stack.middles[:, None] + stack.offsets[None]).reshape(-1)
    parts = [
        _looked_up(maps, way.true(stack.points(some)), space).reshape(2, len(some), ROWS, COLUMNS)
        for some in heights.split(_AT_A_TIME)
    ]
    whole = torch.cat(parts, 1).reshape(2, len(stack.middles), stack.samples, ROWS, COLUMNS).mean(2)
    return whole[0], whole[1]


def _looked_up(maps: Tensor, place: Tensor, space: Space) -> Tensor:
    """Values (maps, n) of maps over template space at places (3, n) in mm; zero outside."""
    low = torch.tensor(space.low[::-1], device=maps.device)[:, None]
    size = torch.tensor(space.shape[::-1], device=maps.device, dtype=torch.float32)[:, None]
    grid = (2 * (place - low) / (size - 1) - 1).T[None, None, None]
    return functional.grid_sample(maps[None], grid, align_corners=True, padding_mode="zeros")[0, :, 0, 0]


def _flawed(signal: Tensor, step: float, where: tuple[Tensor, Tensor], chance: Chance) -> Tensor:
    """Blur, ghosts, shading that is left, contrast, noise."""
    if chance.happens(0.6):
        signal = blurred(signal, chance.between(0.25, 0.8))
    if chance.happens(0.08):
        signal = _ghosted(signal, chance)
    shape = tuple(signal.shape)
    field = chance.noise(shape, (max(2.0, 40 / step), 45.0, 45.0))
    signal = signal * torch.exp(chance.between(0, 0.055) * field * chance.between(0.3, 1))
    signal = _unequal(signal, step, where, chance)
    signal = signal.clamp_min(0.02) ** (chance.between(0.8, 1.25) if chance.happens(0.4) else 1.0)
    grain = torch.randn((2, *shape), device=chance.device) / chance.between(9, 45)
    if chance.happens(0.4):
        soft = blurred(grain.reshape(-1, *shape[1:]), chance.between(0.4, 0.8))
        grain = soft.reshape(grain.shape) * chance.between(1, 1.8)
    return ((signal + grain[0]) ** 2 + grain[1] ** 2).sqrt()


def _ghosted(signal: Tensor, chance: Chance) -> Tensor:
    amount, shift = chance.between(0.02, 0.09), (ROWS // 2, ROWS // 3, 24)[chance.one_of(3)]
    beat = torch.cos(torch.arange(len(signal), device=chance.device) * chance.between(0.1, 2))[:, None, None]
    second = chance.between(0, 0.6) * torch.roll(signal, -shift // 2, 1)
    return signal + amount * (torch.roll(signal, shift, 1) * beat + second)


def _unequal(signal: Tensor, step: float, where: tuple[Tensor, Tensor], chance: Chance) -> Tensor:
    """Slices of unequal brightness, ends of the head lit by the coil, end slices that their neighbours do not saturate."""
    z, mask = where
    if step > THIN_MM:
        signal = signal * (
            1 + chance.between(0, 0.025) * torch.randn(len(signal), 1, 1, device=chance.device)
        )
    if chance.happens(0.3):
        low = ((-chance.between(30, 55) - z) / 25).clamp(0, 1)
        signal = signal * (1 + chance.between(0, 0.4) * low)
    brainy = torch.nonzero(mask.sum((1, 2)) > 60)[:, 0]
    if step > THIN_MM and chance.happens(0.4) and len(brainy):
        up = (torch.arange(len(signal), device=chance.device) - brainy[0]).clamp_min(0)
        ends = torch.exp(-up / chance.between(0.6, 2.5)) * chance.between(0, 0.9)
        signal = signal * (1 + ends)[:, None, None]
    if chance.happens(0.15):
        high = ((z - chance.between(45, 60)) / 25).clamp(0, 1)
        signal = signal * (1 + chance.between(-0.1, 0.25) * high)
    return signal
