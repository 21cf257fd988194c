"""Connected areas of a mask: where each lies, how large and how long it is, and the slices that show it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from rules.anatomy import Region, Side
from rules.findings import Course, Evidence, Lesion, Quantity
from workers.checks.cropping import box_around
from workers.imaging.anatomy import Anatomy
from workers.imaging.distance import depth_in
from workers.imaging.regions import FLUID_SPACES, PARTS, parts_of, sides
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

BoolArray = NDArray[np.bool_]
Triple = tuple[float, float, float]
Indices = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
Values = tuple[tuple[Quantity, float], ...]

FACES, EDGES, CORNERS = (ndimage.generate_binary_structure(3, reach) for reach in (1, 2, 3))
"""By what voxels touch: faces alone; faces and edges; corners too."""

KEY_SLICES = 3
BOTH_SIDES = 0.15
"""An area with at least this share on either side lies on both. [P]"""


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """One connected area: indices (k, j, i) of its voxels."""

    voxels: Indices

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(self.voxels[0].size)

    def only(self, chosen: BoolArray) -> "Area":
        """Those of its voxels that are chosen, (n,)."""
        k, j, i = (axis[chosen] for axis in self.voxels)
        return Area((k, j, i))

    def height_mm(self, volume: Volume) -> float:
        """Thickness of the tallest run of adjoining slices that the area touches."""
        return run_height(np.bincount(self.voxels[0]) > 0) * volume.spacing_mm[2]

    def patient_mm(self, volume: Volume) -> NDArray[np.float64]:
        """(3, n) middles of its voxels in patient coordinates (LPS)."""
        ijk = np.stack(self.voxels[::-1]).astype(np.float64)
        places: NDArray[np.float64] = volume.affine[:3, :3] @ ijk + volume.affine[:3, 3:]
        return places

    def heart(self, volume: Volume) -> tuple[int, int, int]:
        """The voxel (k, j, i) of it that lies nearest to its centre of mass."""
        places = self.patient_mm(volume)
        away = np.square(places - places.mean(axis=1, keepdims=True)).sum(axis=0)
        k, j, i = (int(axis[int(np.argmin(away))]) for axis in self.voxels)
        return k, j, i


def run_height(touched: BoolArray) -> int:
    """Number of slices in the longest run of adjoining True.

    >>> run_height(np.array([True, False, True, True]))
    2
    """
    longest = current = 0
    for is_touched in touched:
        current = current + 1 if is_touched else 0
        longest = max(longest, current)
    return longest


def area_of(mask: BoolArray) -> Area:
    """All voxels of a mask together."""
    k, j, i = np.nonzero(mask)
    return Area((k, j, i))


def areas(mask: BoolArray, touching: BoolArray = CORNERS) -> Iterator[Area]:
    """The connected areas of a mask, by the order of their first voxels."""
    labels, _ = ndimage.label(mask, touching)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        k, j, i = np.nonzero(labels[box] == number)
        yield Area((k + box[0].start, j + box[1].start, i + box[2].start))


def joined(found: Iterable[Area], shape: tuple[int, ...]) -> BoolArray:
    """Areas as a mask, (k, j, i)."""
    mask = np.zeros(shape, dtype=bool)
    for area in found:
        mask[area.voxels] = True
    return mask


def near(mask: BoolArray, reach_mm: float, spacing_mm: Triple) -> BoolArray:
    """Voxels within a distance of a mask, (k, j, i)."""
    close = np.zeros_like(mask)
    box = box_around(mask, reach_mm, spacing_mm)
    if box is not None:
        close[box] = depth_in(~mask[box], spacing_mm) <= reach_mm
    return close


def within(anatomy: Anatomy, area: Area, region: Region, side: Side) -> Area:
    """The voxels of an area that lie in a region, on a side."""
    wanted = np.zeros(256, dtype=bool)
    wanted[list(parts_of(region))] = True
    inside = wanted[anatomy.parts[area.voxels]]
    if side in (Side.LEFT, Side.RIGHT):
        inside &= anatomy.is_left[area.voxels] == (side is Side.LEFT)
    return area.only(inside)


def evidence(label: str, volume: Volume, slices: NDArray[np.intp]) -> Evidence:
    """The check, the series, and its key slices.

    slices : (n,) the slice of every voxel that was seen, as in the first of an area's indices
    """
    return Evidence(label, volume.series_instance_uid, key_slices(volume, slices))


def key_slices(volume: Volume, slices: NDArray[np.intp]) -> tuple[str, ...]:
    """SOP Instance UIDs of the slices that are named most often, the most often named first."""
    counts = np.bincount(slices)
    order = [int(k) for k in np.argsort(-counts, kind="stable")[:KEY_SLICES] if counts[k] > 0]
    return tuple(dict.fromkeys(volume.sop_instance_uids[k] for k in order))


def lesions(
    name: str,
    scan: Scan,
    found: Iterable[Area],
    values: Callable[[Area], Values],
    course: Callable[[Area], Course | None] = lambda _: None,
) -> tuple[Lesion, ...]:
    """Areas as lesions of a check, largest first."""
    ordered = sorted(found, key=lambda area: (-area.size, *(int(axis[0]) for axis in area.voxels)))
    return tuple(replace(_lesion(name, scan, area, values(area)), course=course(area)) for area in ordered)


def _lesion(name: str, scan: Scan, area: Area, values: Values) -> Lesion:
    volume = scan.volume
    x, y, z = (float(one) for one in area.patient_mm(volume).mean(axis=1))
    region = main_region(scan.anatomy, area)
    return Lesion(
        check=name,
        region=region,
        side=main_side(scan.anatomy, area, region),
        volume_ml=area.size * volume.voxel_ml,
        centre_mm=(x, y, z),
        longest_mm=longest_mm(area.voxels, volume.spacing_mm),
        series_instance_uid=volume.series_instance_uid,
        sop_instance_uids=key_slices(volume, area.voxels[0]),
        values=values,
    )


def main_region(anatomy: Anatomy, area: Area) -> Region:
    """The region of tissue that holds most of an area, never a fluid space; the brain where none holds any."""
    counts: dict[Region, int] = {}
    for label, count in zip(*np.unique(anatomy.parts[area.voxels], return_counts=True), strict=True):
        region = PARTS[int(label) - 1] if label else None
        if region is not None and region not in FLUID_SPACES:
            counts[region] = counts.get(region, 0) + int(count)
    return max(counts, key=lambda region: counts[region], default=Region.BRAIN)


def main_side(anatomy: Anatomy, area: Area, region: Region) -> Side:
    """Where an area of a region lies: of a paired one left, right or both; of an unpaired one as it is reported."""
    if Side.LEFT not in sides(region):
        return sides(region)[0]
    left = float(anatomy.is_left[area.voxels].mean())
    if min(left, 1.0 - left) >= BOTH_SIDES:
        return Side.WHOLE
    return Side.LEFT if left > 0.5 else Side.RIGHT


def longest_mm(voxels: Indices | NDArray[np.intp], spacing_mm: Triple) -> float:
    """Longest diameter in space: the greatest distance between the middles of two voxels, and one voxel of the plane.

    voxels : indices (k, j, i), each (n,)
    """
    ends = _row_ends(np.stack(tuple(voxels))) * np.array(spacing_mm[::-1])
    if len(ends) > 8:
        # What lies all in one plane has no hull; the ends of its rows are few.
        with suppress(QhullError):
            ends = ends[ConvexHull(ends).vertices]
    return float(pdist(ends).max(initial=0.0)) + spacing_mm[0]


def _row_ends(voxels: NDArray[np.intp]) -> NDArray[np.intp]:
    """(m, 3) first and last voxel of each row: no other can be one of the two that lie farthest apart."""
    k, j, i = voxels
    order = np.lexsort((i, j, k))
    placed = voxels[:, order].T
    starts = np.flatnonzero(np.r_[True, np.any(np.diff(placed[:, :2], axis=0), axis=1)])
    stops = np.r_[starts[1:], len(placed)] - 1
    return placed[np.union1d(starts, stops)]
