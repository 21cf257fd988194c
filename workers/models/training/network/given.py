"""Scans and simulated heads that went through the product, with lesions put in and their contrast changed."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workers.models.training.network.channels import stacked
from workers.models.training.network.disease import SMALL
from workers.models.training.network.drawing import Chance, Load, Rooms, Sizes, add_blobs, blurred
from workers.models.training.network.picture import VISIBLE_FROM, VISIBLE_OVER
from workers.models.training.network.slices import COLUMNS, ROWS, Made, chosen

SPREAD, LARGE = Sizes(1.2, 0.6, 1.3, 14.0), Sizes(2.6, 0.4, 7.0, 28.0, (0.8, 3.0))
PLACES_AT_MOST = 20_000
_SCALES = {"grey": 255, "white": 255, "depth_mm": 8, "lesion": 255}


class Given:
    """What network.material wrote of a scan, small on the GPU until it is used."""

    def __init__(self, path: Path, device: torch.device) -> None:
        kept = np.load(path)
        self.step = float(kept["step"])
        self._kept = {
            name: torch.as_tensor(kept[name], device=device) for name in kept.files if name != "step"
        }
        self.rooms = self._rooms()

    def _array(self, name: str) -> Tensor:
        return self._kept[name].float() / _SCALES.get(name, 1)

    def _rooms(self) -> Rooms:
        grey, white, depth = (self._array(name) for name in ("grey", "white", "depth_mm"))
        x, y, z = (self._array(name) for name in ("x", "y", "z"))
        hind = (z < -12) & (y < 0) & (y > -80) & (x.abs() < 45) & (depth > 0)
        kinds = (
            ((white > 0.8) & ~hind, 0.55),
            ((white > 0.35) & (grey > 0.2) & (depth > 2) & ~hind, 0.2),
            ((grey > 0.6) & (depth > 2) & ~hind, 0.12),
            (hind & (white + grey > 0.6), 0.13),
        )
        places = [torch.nonzero(where) for where, _ in kinds]
        some = tuple(
            one[torch.randperm(len(one), device=one.device)[:PLACES_AT_MOST]].short() for one in places
        )
        return Rooms(some, tuple(weight for _, weight in kinds), (self.step, 1.0, 1.0))

    def slices(self, count: int, chance: Chance) -> Made | None:
        """Some slices, turned and zoomed in their plane; None where no white matter can be told."""
        depth, label = self._array("depth_mm"), self._array("lesion")
        signal, mask = self._array("signal"), (depth > 0).float()
        if chance.happens(0.75):
            signal, load = self._with_lesions(signal, chance)
            label = torch.maximum(label, load)
        signal = self._changed(signal, chance) * mask
        place = (self._array("x"), self._array("y"), self._array("z"))
        tissues = (self._array("grey"), self._array("white"))
        values = stacked(signal, tissues, place, depth, self.step)
        if values is None:
            return None
        weight = 1 - self._array("unsure") * (label < 0.5)
        rows = chosen(mask, count)
        both = torch.cat([values[rows], label[rows, None], weight[rows, None]], 1)
        both = _turned(both, chance) if chance.happens(0.7) else _window(both)
        return both[:, :-2].half(), both[:, -2].half(), both[:, -1].half()

    def _with_lesions(self, signal: Tensor, chance: Chance) -> tuple[Tensor, Tensor]:
        low = chance.between(1.08, 1.5)
        load = Load.nothing(tuple(signal.shape), chance)
        count = (2, 5, 10, 20, 30)[chance.one_of(5)]
        sizes = SMALL if chance.happens(0.5) else SPREAD
        add_blobs(load, self.rooms, count, (low, low + chance.between(0.05, 0.6)), sizes, chance)
        if chance.happens(0.35):
            span = (low, low + chance.between(0.05, 0.5))
            add_blobs(load, self.rooms, (1, 2, 4)[chance.one_of(3)], span, LARGE, chance)
        calm = blurred(signal, 0.8) if self.step > 2 else signal
        own = chance.between(0, 1)
        rough = chance.noise(tuple(signal.shape), (max(1.5, 4 / self.step), 4.0, 4.0))
        full = load.bright * (own * calm + (1 - own)) * (1 + chance.between(0, 0.08) * rough)
        rise = (full - calm).clamp_min(0)
        visible = ((rise / calm.clamp_min(0.3) - VISIBLE_FROM) / VISIBLE_OVER).clamp(0, 1)
        share = load.share * ((calm - 0.6) / 0.25).clamp(0, 1)
        return signal + share * rise, share * visible

    def _changed(self, signal: Tensor, chance: Chance) -> Tensor:
        """As other scanners would show it."""
        if chance.happens(0.5):
            solid = ((signal - 0.6) / 0.3).clamp(0, 1)
            signal = signal * (1 + chance.between(-0.12, 0.12) * self._array("grey") * solid)
        if chance.happens(0.6):
            signal = signal.clamp_min(0.02) ** chance.between(0.75, 1.3)
        if chance.happens(0.5):
            field = chance.noise(tuple(signal.shape), (max(2.0, 40 / self.step), 45.0, 45.0))
            signal = signal * torch.exp(chance.between(0, 0.05) * field)
        if chance.happens(0.5):
            signal = (signal + torch.randn_like(signal) * chance.between(0, 0.06)).abs()
        return blurred(signal, chance.between(0.3, 0.8)) if chance.happens(0.3) else signal


def _turned(values: Tensor, chance: Chance) -> Tensor:
    """Turned by some degrees, zoomed and shifted, in the window of the pool."""
    zoom, angle = chance.between(0.92, 1.1), math.radians(chance.between(-12, 12))
    cosine, sine = math.cos(angle) / zoom, math.sin(angle) / zoom
    height, width = values.shape[2:]
    matrix = [
        [cosine * COLUMNS / width, -sine * ROWS / width, chance.between(-0.05, 0.05)],
        [sine * COLUMNS / height, cosine * ROWS / height, chance.between(-0.05, 0.05)],
    ]
    count, channels = values.shape[:2]
    theta = torch.tensor(matrix, device=values.device)[None].expand(count, -1, -1)
    grid = functional.affine_grid(theta, [count, channels, ROWS, COLUMNS], align_corners=False)
    return functional.grid_sample(values, grid, align_corners=False)


def _window(values: Tensor) -> Tensor:
    """The middle, with zeros around where it is smaller than the window of the pool."""
    window = values.new_zeros(*values.shape[:2], ROWS, COLUMNS)
    spans = []
    for length, size in zip(values.shape[2:], (ROWS, COLUMNS), strict=True):
        kept, spare = min(length, size), (size - length) // 2
        start = max(-spare, 0)
        spans.append((slice(max(spare, 0), max(spare, 0) + kept), slice(start, start + kept)))
    (to_row, from_row), (to_column, from_column) = spans
    window[:, :, to_row, to_column] = values[:, :, from_row, from_column]
    return window
