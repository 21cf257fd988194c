"""The slices that show most of what each check found, as grey pictures for the secondary capture."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rules.findings import Measured
from rules.identity import digest_of
from workers.analysis import Analysis
from workers.checks.result import CheckResult
from workers.figures.mosaic import MARGIN_MM
from workers.figures.plane import Plane, plane_of
from workers.images import Images
from workers.imaging.scan import Scan
from workers.reports.content import KeySlice
from workers.reports.involvement import amount, in_turn, turn_of
from workers.versions import drawing_digest

AT_MOST = 6
"""More would be a copy of the series."""
_OF_EACH_CHECK = 3
_HEIGHT = 760
"""Pixels of a picture's longer side, on a page of 1024."""
_SHOWN = (0.5, 99.7)
"""Percentiles of the brain's signal that are drawn as black and white."""


def key_slices(images: Images, analysis: Analysis) -> tuple[KeySlice, ...]:
    """At most `AT_MOST` slices, each check in turn; a slice that two checks chose of one series is shown once."""
    found = [one for name in analysis.results for one in _kept(images, name, analysis)]
    shown: dict[tuple[str, str], KeySlice] = {}
    for one in in_turn(found, lambda one: turn_of(one.check)):
        shown.setdefault((one.series, one.place), one)
    return tuple(shown.values())[:AT_MOST]


def _kept(images: Images, name: str, analysis: Analysis) -> tuple[KeySlice, ...]:
    """The slices of one check, out of the cache where its result came from there: its series need not be read and laid again."""
    result, identity = analysis.results[name], analysis.identities.get(name)
    if identity is None or result.seen is None:
        return tuple(_of_check(images, name, result))
    digest = digest_of([identity, drawing_digest()])
    return images.stages.recall(f"slices {name}", digest, lambda: tuple(_of_check(images, name, result)))


def _amount(result: CheckResult) -> float:
    return amount(one for one in result.findings if isinstance(one, Measured))


def _of_check(images: Images, name: str, result: CheckResult) -> Iterator[KeySlice]:
    # Fluid spaces and cord have masks in every study; only what says how much there is of it is a finding to show.
    if result.role is None or result.seen is None or not (_amount(result) > 0 and result.seen.any()):
        return
    scan = images.scan(result.role)
    plane = plane_of(scan.volume.affine)
    marked = np.asarray(plane.shown(result.seen), dtype=bool)
    signal = plane.shown(scan.volume.array)
    rows, columns = _window(plane, scan)
    limits = _limits(scan)
    for k in _largest(marked):
        yield KeySlice(
            picture=_picture(signal[k, rows, columns], limits, plane),
            marked=_scaled(marked[k, rows, columns], plane),
            letters=plane.letters,
            check=name,
            series=scan.volume.role.value,
            place=f"{plane.name} slice {k + 1} of {len(signal)}",
        )


def _largest(marked: NDArray[np.bool_]) -> list[int]:
    """Slices by their marked area, none beside another: neighbours show the same."""
    areas = marked.sum(axis=(1, 2))
    chosen: list[int] = []
    for k in np.argsort(-areas, kind="stable"):
        if areas[k] and all(abs(int(k) - other) > 1 for other in chosen):
            chosen.append(int(k))
        if len(chosen) == _OF_EACH_CHECK:
            break
    return chosen


def _window(plane: Plane, scan: Scan) -> tuple[slice, slice]:
    """The head around the brain; everything where no brain was found."""
    brain = np.asarray(plane.shown(scan.anatomy.brain), dtype=bool)
    if not brain.any():
        return slice(None), slice(None)
    spans = []
    for axes, spacing in (((0, 2), plane.spacing_mm[1]), ((0, 1), plane.spacing_mm[2])):
        at = np.flatnonzero(brain.any(axis=axes))
        margin = int(MARGIN_MM / spacing)
        spans.append(slice(max(int(at[0]) - margin, 0), int(at[-1]) + margin + 1))
    return spans[0], spans[1]


def _limits(scan: Scan) -> tuple[float, float]:
    brain = scan.volume.array[scan.anatomy.brain]
    seen = brain if brain.size else scan.volume.array[np.isfinite(scan.volume.array)]
    low, high = np.percentile(seen, _SHOWN) if seen.size else (0.0, 1.0)
    return min(float(low), 0.0), float(high)


def _picture(image: NDArray[np.generic], limits: tuple[float, float], plane: Plane) -> NDArray[np.uint8]:
    low, high = limits
    level = np.clip((np.nan_to_num(image) - low) / max(high - low, 1e-9), 0.0, 1.0)
    grey = Image.fromarray((255 * level).astype(np.uint8), mode="L")
    return np.asarray(grey.resize(_size(image.shape, plane), Image.Resampling.BICUBIC))


def _scaled(mask: NDArray[np.bool_], plane: Plane) -> NDArray[np.bool_]:
    image = Image.fromarray((255 * mask).astype(np.uint8), mode="L")
    return np.asarray(image.resize(_size(mask.shape, plane), Image.Resampling.BILINEAR)) >= 128


def _size(shape: tuple[int, ...], plane: Plane) -> tuple[int, int]:
    """Width and height in pixels with true proportions."""
    height, width = shape[0] * plane.spacing_mm[1], shape[1] * plane.spacing_mm[2]
    scale = _HEIGHT / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))
