"""Plug-in volume models: the scan as the model wants it, the run in a process of its own, the answer on the scan's grid."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.scan import Scan
from workers.models.card import Card, Normalisation
from workers.models.child import ALL, Exit
from workers.models.labels import relabelled

FloatArray = NDArray[np.float32]

LIMIT_S = 120
"""Wall-clock time of a run; after this it is killed. [P]"""
MEMORY_GB = 6
"""Address space of a run: onnxruntime maps about 1 GB before it loads a model. [P]"""
MARGIN_MM = 8.0
"""Room around the brain in the volume that the model sees."""


def probability_on(card: Card, scan: Scan, limit_s: float = LIMIT_S) -> FloatArray:
    """What the model says of each voxel of a scan, (k, j, i) float32, 0 to 1; 0 outside what it saw.

    Raises CannotAssess with TIMEOUT or CRASH.
    """
    return np.clip(_answer(card, scan, str(card.channel), limit_s), 0, 1)


def within_labels(card: Card, scan: Scan, limit_s: float = LIMIT_S) -> Scan:
    """The scan with the regions of a label engine where the model says that they are.

    What lay in such a region and is not called so goes to the nearest other region; left and right stay those of the
    template. Raises CannotAssess with TIMEOUT or CRASH, or with ANATOMY where a region is not found at all.
    """
    called = np.where(scan.anatomy.brain, np.rint(_answer(card, scan, ALL, limit_s)), 0).astype(np.intp)
    if called.max(initial=0) > len(card.regions):
        raise CannotAssess(Why.CRASH, f"{card.label} has more classes than its card names")
    for number, region in enumerate(card.regions, 1):
        if not (called == number).any():
            raise CannotAssess(Why.ANATOMY, f"{card.label} found no {region.value.replace('_', ' ')}")
    parts = relabelled(scan.anatomy.parts, called, card.regions, scan.volume.spacing_mm)
    return replace(scan, anatomy=replace(scan.anatomy, parts=parts))


def within_mask(card: Card, scan: Scan, limit_s: float = LIMIT_S) -> Scan:
    """The scan with its brain restricted to the model's mask."""
    brain = scan.anatomy.brain & (probability_on(card, scan, limit_s) >= card.threshold)
    if not brain.any():
        raise CannotAssess(Why.ANATOMY, f"the mask of {card.label} is empty")
    depth = ndimage.distance_transform_edt(brain, sampling=scan.volume.spacing_mm[::-1])
    parts = np.where(brain, scan.anatomy.parts, 0).astype(np.uint8)
    return replace(
        scan, anatomy=replace(scan.anatomy, brain=brain, parts=parts, depth_mm=depth.astype(np.float16))
    )


def _answer(card: Card, scan: Scan, channel: str, limit_s: float) -> FloatArray:
    """The answer on the scan's grid, (k, j, i), 0 outside what the model saw; a number of a class stays a whole one."""
    grid = _grid(card, scan)
    answer = _run(card, _pulled(_normalised(card, scan), scan, grid), channel, limit_s)
    matrix, offset = _flipped(np.linalg.inv(grid[0]) @ scan.volume.affine)
    order: Literal[0, 1] = 0 if channel == ALL else 1
    back: FloatArray = ndimage.affine_transform(answer, matrix, offset, scan.volume.array.shape, order=order)
    return back


def _grid(card: Card, scan: Scan) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """Affine (i, j, k to LPS mm) and shape (k, j, i) of the volume that the model sees: around the brain."""
    places = np.argwhere(scan.anatomy.brain)[:, ::-1]
    if not len(places):
        raise CannotAssess(Why.ANATOMY, "no brain to look at")
    affine = scan.volume.affine
    corners = affine[:3, :3] @ places.T + affine[:3, 3:]
    low, high = corners.min(axis=1) - MARGIN_MM, corners.max(axis=1) + MARGIN_MM
    step = np.array(card.spacing_mm)
    count = np.array(card.size) if card.size else np.ceil((high - low) / step).astype(int) + 1
    sign = np.array([1.0, 1.0, 1.0]) if card.orientation == "LPS" else np.array([-1.0, -1.0, 1.0])
    grid = np.eye(4)
    grid[:3, :3] = np.diag(sign * step)
    grid[:3, 3] = (low + high) / 2 - sign * step * (count - 1) / 2
    return grid, (int(count[2]), int(count[1]), int(count[0]))


def _normalised(card: Card, scan: Scan) -> FloatArray:
    brain, signal = scan.anatomy.brain, scan.volume.array
    match card.normalisation:
        case Normalisation.WHITE_MATTER:
            return np.where(brain, scan.anatomy.corrected, 0).astype(np.float32)
        case Normalisation.Z_SCORE:
            mean, spread = float(signal[brain].mean()), float(signal[brain].std())
            return ((signal - mean) / max(spread, 1e-6)).astype(np.float32)
        case Normalisation.UNIT_RANGE:
            low, high = np.percentile(signal[brain], [1, 99])
            return np.clip((signal - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)


def _pulled(
    values: FloatArray, scan: Scan, grid: tuple[NDArray[np.float64], tuple[int, int, int]]
) -> FloatArray:
    """Values of the scan on the model's grid; the nearest outside the scan."""
    matrix, offset = _flipped(np.linalg.inv(scan.volume.affine) @ grid[0])
    pulled: FloatArray = ndimage.affine_transform(values, matrix, offset, grid[1], order=1, mode="nearest")
    return pulled


def _flipped(affine: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix and offset between indices (k, j, i) of a map between indices (i, j, k)."""
    flip = np.eye(3)[::-1]
    return flip @ affine[:3, :3] @ flip, affine[:3, 3][::-1]


def _run(card: Card, volume: FloatArray, channel: str, limit_s: float) -> FloatArray:
    """The model's answer on its own grid, by a process that can be stopped."""
    with tempfile.TemporaryDirectory(prefix="cartriage-model-") as name:
        home = Path(name)
        np.save(home / "volume.npy", volume[None, None])
        order = [
            sys.executable, "-m", "workers.models.child", str(card.weights), card.sha256,
            channel, str(MEMORY_GB), str(home),
        ]  # fmt: skip
        try:
            done = subprocess.run(order, capture_output=True, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired:
            raise CannotAssess(Why.TIMEOUT, f"{card.label} took more than {limit_s:.0f} s") from None
        if done.returncode != 0 or not (home / "answer.npy").is_file():
            raise CannotAssess(Why.CRASH, f"{card.label} {_fault(done.returncode)}")
        answer: FloatArray = np.load(home / "answer.npy", allow_pickle=False)
    if answer.shape != volume.shape or not np.isfinite(answer).all():
        raise CannotAssess(Why.CRASH, f"{card.label} gave no answer for each voxel")
    return answer


def _fault(code: int) -> str:
    try:
        return Exit(code).words
    except ValueError:
        return f"failed or ran out of {MEMORY_GB} GB (exit {code})"
