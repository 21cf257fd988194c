"""The sheets of one series: what was found, which regions were laid, and how it lies on the reference series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from workers.checks.result import CheckResult
from workers.figures.mosaic import (
    Colour,
    Picture,
    Window,
    borders,
    grey,
    outline,
    tiles,
    window_of,
)
from workers.figures.plane import Plane, plane_of
from workers.figures.sheet import Sheet
from workers.imaging.regions import PARTS, parts_of
from workers.imaging.scan import Scan, carried
from workers.imaging.volume import Volume

SLICES = 18
REGISTRATION_SLICES = 6
CHECKER_PIXELS = 32
EDGE_SHARE = 92.0
"""Percentile of the reference's gradient within the brain above which it is drawn as an edge."""

BRAIN_COLOUR: Colour = (255, 226, 90)
EDGE_COLOUR: Colour = (90, 255, 140)
MASK_COLOURS: tuple[Colour, ...] = ((255, 70, 70), (80, 190, 255), (255, 120, 255), (120, 255, 120))
GROUPS: tuple[tuple[str, tuple[Region, ...], Colour], ...] = (
    ("frontal", (Region.FRONTAL,), (240, 110, 90)),
    ("parietal", (Region.PARIETAL,), (110, 200, 255)),
    ("temporal", (Region.TEMPORAL,), (120, 220, 120)),
    ("occipital", (Region.OCCIPITAL,), (235, 150, 255)),
    ("cingulate, insula", (Region.CINGULATE, Region.INSULA), (255, 190, 90)),
    ("deep white matter", (Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE), (150, 150, 150)),
    ("thalamus, hippocampus", (Region.THALAMUS, Region.HIPPOCAMPUS), (255, 255, 110)),
    ("basal ganglia, capsule", (Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM, Region.CAPSULE), (90, 240, 220)),
    ("splenium", (Region.SPLENIUM,), (255, 255, 255)),
    ("brainstem", (Region.MIDBRAIN, Region.PONS, Region.MEDULLA), (255, 110, 170)),
    ("cerebellum", (Region.CEREBELLUM,), (170, 200, 90)),
    ("ventricles", (Region.VENTRICLES,), (80, 130, 255)),
)  # fmt: skip
"""Name, regions and colour of what is outlined together."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A volume with the slices that are shown of it."""

    volume: Volume
    plane: Plane
    window: Window
    limits: tuple[float, float]
    """Signals shown as black and white."""

    def pictures(self) -> list[Picture]:
        """The slices without anything drawn on them."""
        return [grey(tile, self.limits) for tile in tiles(self.plane, self.window, self.volume.array)]

    def of(self, array: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Another array on the same grid, at the same slices."""
        return tiles(self.plane, self.window, array)

    def masks(self, mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
        """A mask at the same slices."""
        return [tile >= 0.5 for tile in self.of(mask)]


def view_of(
    volume: Volume, brain: NDArray[np.bool_], marked: NDArray[np.bool_] | None = None, count: int = SLICES
) -> View:
    """Slices of a volume through its brain; through all of it where no brain was found."""
    plane = plane_of(volume.affine)
    seen = volume.array[brain] if brain.any() else volume.array[np.isfinite(volume.array)]
    low, high = np.percentile(seen, (0.5, 99.7)) if seen.size else (0.0, 1.0)
    return View(volume, plane, window_of(plane, brain, marked, count), (float(min(low, 0.0)), float(high)))


def found_sheet(scan: Scan, title: str, results: Mapping[str, CheckResult]) -> Sheet:
    """The brain's outline and every mask that a check made on this series."""
    masks = [
        (name, result.mask)
        for name, result in results.items()
        if result.role is scan.volume.role and result.mask is not None
    ]
    marked = np.logical_or.reduce([mask for _, mask in masks]) if masks else None
    view = view_of(scan.volume, scan.anatomy.brain, marked)
    pictures = view.pictures()
    legend: list[tuple[str, Colour]] = [("brain", BRAIN_COLOUR)]
    _outlined(pictures, view.masks(scan.anatomy.brain), BRAIN_COLOUR)
    for n, (name, mask) in enumerate(masks):
        colour = MASK_COLOURS[n % len(MASK_COLOURS)]
        volume_ml = float(mask.sum()) * scan.volume.voxel_ml
        legend.append((f"{name.replace('_', ' ')} {volume_ml:.1f} mL", colour))
        _outlined(pictures, view.masks(mask), colour)
    return Sheet(title, pictures, view.plane.letters, legend)


def regions_sheet(scan: Scan, title: str) -> Sheet:
    """The regions as they were laid onto this series."""
    view = view_of(scan.volume, scan.anatomy.brain)
    pictures = view.pictures()
    numbers = np.zeros(len(PARTS) + 1, dtype=np.uint8)
    for n, (_, regions, _) in enumerate(GROUPS, start=1):
        numbers[[label for region in regions for label in parts_of(region)]] = n
    grouped = tiles(view.plane, view.window, numbers[scan.anatomy.parts], is_label=True)
    colours = [colour for _, _, colour in GROUPS]
    for picture, labels in zip(pictures, grouped, strict=True):
        borders(picture, labels.astype(np.uint8), colours)
    return Sheet(title, pictures, view.plane.letters, [(name, colour) for name, _, colour in GROUPS])


def registration_sheet(scan: Scan, reference: Scan, title: str) -> Sheet:
    """A checkerboard of the series with the reference series, and below it the reference's edges on the series."""
    view = view_of(scan.volume, scan.anatomy.brain, count=REGISTRATION_SLICES)
    there = carried(reference.volume.array, reference, scan)
    other = View(scan.volume, view.plane, view.window, _limits(there, scan.anatomy.brain))
    own = view.pictures()
    theirs = [grey(tile, other.limits) for tile in view.of(there)]
    boards = [_checkered(a, b) for a, b in zip(own, theirs, strict=True)]
    gap = [np.zeros_like(own[0])] * (-len(own) % REGISTRATION_SLICES)
    for picture, edge in zip(own, view.masks(_edges(there, scan)), strict=True):
        picture[edge] = EDGE_COLOUR
    legend = (
        ("above: squares of this series and of the reference by turns", (230, 230, 230)),
        ("below: edges of the reference on this series", EDGE_COLOUR),
    )
    return Sheet(title, [*boards, *gap, *own], view.plane.letters, legend)


def plain_sheet(volume: Volume, title: str, notes: Sequence[str]) -> Sheet:
    """The images alone, with the reason why nothing is drawn on them."""
    view = view_of(volume, np.zeros(volume.array.shape, dtype=bool))
    return Sheet(title, view.pictures(), view.plane.letters, notes=notes)


def _outlined(pictures: Sequence[Picture], masks: Sequence[NDArray[np.bool_]], colour: Colour) -> None:
    for picture, mask in zip(pictures, masks, strict=True):
        outline(picture, mask, colour)


def _limits(array: NDArray[np.float32], brain: NDArray[np.bool_]) -> tuple[float, float]:
    seen = array[brain]
    return (0.0, float(np.percentile(seen, 99.7))) if seen.size else (0.0, 1.0)


def _edges(there: NDArray[np.float32], scan: Scan) -> NDArray[np.bool_]:
    """The steepest in-plane changes of the reference within and just around the brain."""
    slices = plane_of(scan.volume.affine).axes[0]
    smooth = ndimage.gaussian_filter1d(there, 0.8, axis=(slices + 1) % 3)
    smooth = ndimage.gaussian_filter1d(smooth, 0.8, axis=(slices + 2) % 3)
    parts = [ndimage.sobel(smooth, axis=axis) for axis in range(3) if axis != slices]
    steepness = np.hypot(*parts)
    near = ndimage.binary_dilation(scan.anatomy.brain, iterations=2)
    cut = np.percentile(steepness[near], EDGE_SHARE) if near.any() else np.inf
    return np.asarray((steepness > cut) & near, dtype=bool)


def _checkered(first: Picture, second: Picture) -> Picture:
    """Squares of one picture and of another by turns."""
    rows, columns = np.indices(first.shape[:2]) // CHECKER_PIXELS
    return np.where(((rows + columns) % 2 == 0)[:, :, None], first, second)
