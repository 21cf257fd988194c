"""Slices side by side with outlines on them, as one RGB picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.figures.plane import Plane

Colour = tuple[int, int, int]
Picture = NDArray[np.uint8]
"""(rows, columns, 3) RGB."""

TILE_HEIGHT = 260
"""Pixels; a 256 matrix is shown about as it is."""
MARGIN_MM = 14.0
"""What is shown around the brain: enough of the skull to see a wrong outline."""
COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a volume that is shown, in the plane's own (slices, rows, columns)."""

    rows: slice
    columns: slice
    slices: tuple[int, ...]


def window_of(
    plane: Plane, inside: NDArray[np.bool_], marked: NDArray[np.bool_] | None, count: int
) -> Window:
    """Where `inside` lies, and up to `count` slices evenly through it, each the most marked one of its stretch.

    inside, marked : (k, j, i)
    """
    shown = np.asarray(plane.shown(inside), dtype=bool)
    if not shown.any():
        shown = np.ones_like(shown)
    rows, columns = (
        _span(np.asarray(shown.any(axis=axes)), MARGIN_MM / spacing)
        for axes, spacing in (((0, 2), plane.spacing_mm[1]), ((0, 1), plane.spacing_mm[2]))
    )
    filled = np.flatnonzero(shown.any(axis=(1, 2)))
    areas = np.zeros(len(shown)) if marked is None else plane.shown(marked).sum(axis=(1, 2))
    stretches = np.array_split(filled, min(count, len(filled)))
    return Window(rows, columns, tuple(_chosen(stretch, areas) for stretch in stretches))


def _span(filled: NDArray[np.bool_], margin: float) -> slice:
    at = np.flatnonzero(filled)
    return slice(max(int(at[0] - margin), 0), min(int(at[-1] + margin) + 1, filled.size))


def _chosen(stretch: NDArray[np.intp], areas: NDArray[np.generic]) -> int:
    """The slice with the largest area, else the middle one."""
    best = stretch[int(np.argmax(areas[stretch]))]
    return int(best if areas[best] else stretch[len(stretch) // 2])


def tiles(
    plane: Plane, window: Window, array: NDArray[np.generic], *, is_label: bool = False
) -> list[NDArray[np.float32]]:
    """The window's slices of an array at the tile's size, with true proportions."""
    shown = plane.shown(array)
    scale = _scale(plane, window)
    return [_resized(shown[k, window.rows, window.columns], scale, is_label=is_label) for k in window.slices]


def _scale(plane: Plane, window: Window) -> tuple[float, float]:
    """Pixels for each row and each column."""
    per_mm = TILE_HEIGHT / ((window.rows.stop - window.rows.start) * plane.spacing_mm[1])
    return per_mm * plane.spacing_mm[1], per_mm * plane.spacing_mm[2]


def _resized(
    image: NDArray[np.generic], scale: tuple[float, float], *, is_label: bool
) -> NDArray[np.float32]:
    order: Literal[0, 1] = 0 if is_label else 1
    signal = np.asarray(image, dtype=np.float32)
    finer: NDArray[np.float32] = ndimage.zoom(signal, scale, order=order, mode="nearest", grid_mode=True)
    return finer


def grey(image: NDArray[np.float32], limits: tuple[float, float]) -> Picture:
    """An image between two signals as RGB."""
    low, high = limits
    level = np.clip((image - low) / max(high - low, 1e-9), 0.0, 1.0)
    return np.repeat((255 * level).astype(np.uint8)[:, :, None], 3, axis=2)


def outline(picture: Picture, mask: NDArray[np.bool_], colour: Colour, width: int = 1) -> None:
    """Draw the inner edge of a mask into a picture."""
    edge = mask & ~ndimage.binary_erosion(mask, iterations=width, border_value=1)
    picture[edge] = colour


def borders(picture: Picture, labels: NDArray[np.integer], colours: Sequence[Colour]) -> None:
    """Draw the edges between labels, each in its own colour; `colours[n - 1]` is that of label n, 0 is nothing."""
    for number in np.unique(labels[labels > 0]):
        outline(picture, labels == number, colours[int(number) - 1])


def mosaic(pictures: Sequence[Picture]) -> Picture:
    """Pictures of one size in rows of COLUMNS, black where none is left."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // COLUMNS)
    whole = np.zeros((rows * height, COLUMNS * width, 3), dtype=np.uint8)
    for n, picture in enumerate(pictures):
        top, left = n // COLUMNS * height, n % COLUMNS * width
        whole[top : top + height, left : left + width] = picture[:height, :width]
    return whole
