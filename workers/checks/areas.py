"""Connected areas of a mask as lesions: where, how large, how long, on which slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from rules.findings import Lesion, Quantity
from workers.imaging.anatomy import Anatomy
from workers.imaging.regions import FLUID_SPACES, PARTS, UNPAIRED
from workers.imaging.volume import Volume

DIRECTIONS = 64
"""Directions in which the length is looked for: the longest is missed by less than 2 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Connected areas, largest first.

    heart : for each the voxel (k, j, i) of it that lies nearest to its centre of mass
    """

    lesions: tuple[Lesion, ...]
    hearts: tuple[tuple[int, int, int], ...]


def areas_of(
    check: str,
    volume: Volume,
    anatomy: Anatomy,
    mask: NDArray[np.bool_],
    values: dict[Quantity, NDArray[np.float32]],
) -> Areas:
    """The areas of a mask; `values` are averaged over each."""
    labels, _ = ndimage.label(mask)
    found = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        start = np.array([one.start for one in box])
        places = np.argwhere(labels[box] == number) + start
        found.append(_one(check, volume, anatomy, places, values))
    found.sort(key=lambda one: (-one[0].volume_ml, one[1]))
    return Areas(tuple(one for one, _ in found), tuple(heart for _, heart in found))


def _one(
    check: str,
    volume: Volume,
    anatomy: Anatomy,
    places: NDArray[np.intp],
    values: dict[Quantity, NDArray[np.float32]],
) -> tuple[Lesion, tuple[int, int, int]]:
    at = tuple(places.T)
    points = places[:, ::-1] @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    centre = points.mean(axis=0)
    heart = places[int(np.argmin(np.square(points - centre).sum(axis=1)))]
    region = _region(anatomy.parts[at])
    slices = np.bincount(places[:, 0])
    lesion = Lesion(
        check=check,
        region=region,
        side=_side(region, float(anatomy.is_left[at].mean())),
        volume_ml=len(places) * volume.voxel_ml,
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
        longest_mm=_longest(points - centre) + float(min(volume.spacing_mm)),
        series_instance_uid=volume.series_instance_uid,
        sop_instance_uids=(volume.sop_instance_uids[int(np.argmax(slices))],),
        values=tuple((quantity, float(one[at].mean(dtype=np.float64))) for quantity, one in values.items()),
    )
    return lesion, (int(heart[0]), int(heart[1]), int(heart[2]))


def _region(parts: NDArray[np.uint8]) -> Region:
    """The region of tissue that holds most of it; the brain where none does."""
    counts: dict[Region, int] = {}
    for label, count in zip(*np.unique(parts[parts > 0], return_counts=True), strict=True):
        region = PARTS[int(label) - 1]
        if region not in FLUID_SPACES:
            counts[region] = counts.get(region, 0) + int(count)
    return max(counts, key=lambda region: counts[region], default=Region.BRAIN)


def _side(region: Region, left: float) -> Side:
    if region in UNPAIRED:
        return Side.MIDLINE
    return Side.LEFT if left >= 0.5 else Side.RIGHT


def _longest(points: NDArray[np.float64]) -> float:
    """Greatest extent of points (n, 3) in any of some evenly spread directions, in their unit."""
    n = np.arange(DIRECTIONS) + 0.5
    height, turn = 1 - n / DIRECTIONS, np.pi * (1 + 5**0.5) * n
    flat = np.sqrt(1 - height**2)
    along = points @ np.stack([flat * np.cos(turn), flat * np.sin(turn), height])
    return float((along.max(axis=0) - along.min(axis=0)).max())
