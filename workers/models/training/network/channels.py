"""The network's channels from arrays on a GPU, as workers.checks.planes makes them from a scan."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workers.checks import planes
from workers.imaging.tissue import FEW, HISTOGRAM, RIVAL, SMOOTHING


def stacked(
    signal: Tensor,
    tissues: tuple[Tensor, Tensor],
    place: tuple[Tensor, Tensor, Tensor],
    depth: Tensor,
    slice_mm: float,
) -> Tensor | None:
    """(slices, channels, rows, columns); None where no white matter can be told."""
    grey, white = tissues
    x, y, z = place
    inner = (depth >= planes.LEVEL_DEPTH_MM) & (z > planes.LEVEL_Z_MM)
    own = _mode(signal[inner & (white > planes.SURE_WHITE)])
    if not own:
        return None
    cortex = _mode(signal[inner & (grey > planes.SURE_GREY)]) or own
    bright = (signal / own).clamp(0, planes.BRIGHTEST)
    below, above = _neighbours(bright, max(1, round(planes.NEIGHBOUR_MM / slice_mm)))
    inside = (depth > 0).float()
    contrast = min(max((cortex / own - 1) * 4, -2), 2)
    return torch.stack(
        [
            below, bright, above, grey, white, x.abs() / 70, y / 100, z / 70, (depth / 10).clamp(max=2),
            inside * (slice_mm / 5), inside * contrast,
        ],
        1,
    )  # fmt: skip


def _mode(values: Tensor) -> float | None:
    """As workers.imaging.tissue.level."""
    if values.numel() < FEW:
        return None
    low, high, bins = HISTOGRAM
    counts = torch.histc(values.float(), bins, low, high)
    reach = torch.arange(-12, 13, device=values.device, dtype=torch.float32)
    weights = torch.exp(-0.5 * (reach / SMOOTHING) ** 2)
    smooth = functional.conv1d(counts[None, None], weights[None, None], padding=12)[0, 0].cpu().numpy()
    rising = np.diff(smooth, prepend=0.0, append=0.0)
    peaks = np.flatnonzero((rising[:-1] > 0) & (rising[1:] <= 0))
    high_peaks = peaks[smooth[peaks] >= RIVAL * smooth.max()]
    return float((high_peaks[0] + 0.5) * (high - low) / bins)


def _neighbours(bright: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    ends = [one.expand(reach, -1, -1) for one in (bright[:1], bright[-1:])]
    padded, count = torch.cat([ends[0], bright, ends[1]]), len(bright)
    below = torch.stack([padded[n : n + count] for n in range(reach)]).mean(0)
    above = torch.stack([padded[n + reach + 1 : n + reach + 1 + count] for n in range(reach)]).mean(0)
    return below, above
