"""Connected areas of a mask: where each lies, how large it is, and the slices that show it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from rules.findings import Evidence, Lesion, Quantity
from workers.imaging.anatomy import Anatomy
from workers.imaging.regions import PARTS, parts_of, sides
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

BoolArray = NDArray[np.bool_]
Values = tuple[tuple[Quantity, float], ...]

KEY_SLICES = 3
MIDLINE_SHARE = 0.15
"""An area with at least this share on either side crosses the midline. [P]"""


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """One connected area: indices (k, j, i) of its voxels."""

    voxels: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(self.voxels[0].size)

    def only(self, chosen: BoolArray) -> "Area":
        """Those of its voxels that are chosen."""
        k, j, i = (axis[chosen] for axis in self.voxels)
        return Area((k, j, i))

    def height_mm(self, volume: Volume) -> float:
        """Thickness of the tallest run of adjoining slices that the area touches."""
        return run_height(np.bincount(self.voxels[0]) > 0) * volume.spacing_mm[2]


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


def areas(mask: BoolArray) -> Iterator[Area]:
    """The connected areas of a mask (faces, edges and corners connect)."""
    labels, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        k, j, i = np.nonzero(labels[box] == number)
        yield Area((k + box[0].start, j + box[1].start, i + box[2].start))


def joined(found: list[Area], shape: tuple[int, ...]) -> BoolArray:
    """Areas as a mask, (k, j, i)."""
    mask = np.zeros(shape, dtype=bool)
    for area in found:
        mask[area.voxels] = True
    return mask


Box = tuple[slice, slice, slice]


def box_around(mask: BoolArray, margin_mm: float, spacing_mm: tuple[float, float, float]) -> Box | None:
    """The slices (k, j, i) that hold a mask and a margin around it; None if it is empty."""
    if not mask.any():
        return None
    spans = []
    for axis, mm in enumerate(spacing_mm[::-1]):
        there = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = int(np.ceil(margin_mm / mm)) + 1
        spans.append(
            slice(max(int(there[0]) - margin, 0), min(int(there[-1]) + margin + 1, mask.shape[axis]))
        )
    return spans[0], spans[1], spans[2]


def near(mask: BoolArray, reach_mm: float, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Voxels within a distance of a mask, (k, j, i)."""
    close = np.zeros_like(mask)
    box = box_around(mask, reach_mm, spacing_mm)
    if box is not None:
        close[box] = ndimage.distance_transform_edt(~mask[box], sampling=spacing_mm[::-1]) <= reach_mm
    return close


def within(anatomy: Anatomy, area: Area, region: Region, side: Side) -> Area:
    """The voxels of an area that lie in a region, on a side."""
    wanted = np.zeros(256, dtype=bool)
    wanted[list(parts_of(region))] = True
    inside = wanted[anatomy.parts[area.voxels]]
    if side in (Side.LEFT, Side.RIGHT):
        inside &= anatomy.is_left[area.voxels] == (side is Side.LEFT)
    return area.only(inside)


def evidence(label: str, volume: Volume, area: Area) -> Evidence:
    """The check, the series, and the slices with most of the area."""
    counts = np.bincount(area.voxels[0], minlength=1)
    order = [int(k) for k in np.argsort(-counts, kind="stable")[:KEY_SLICES] if counts[k] > 0]
    uids = dict.fromkeys(volume.sop_instance_uids[k] for k in order)
    return Evidence(label, volume.series_instance_uid, tuple(uids))


def cropped(scan: Scan, box: Box) -> Scan:
    """A part of a scan, in the same patient coordinates; its mask goes back with `uncropped`."""
    volume, anatomy = scan.volume, scan.anatomy
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([one.start for one in reversed(box)], dtype=np.float64)
    part = replace(
        volume, array=volume.array[box], affine=affine, sop_instance_uids=volume.sop_instance_uids[box[0]]
    )
    arrays = {
        one.name: getattr(anatomy, one.name)[(..., *box)] for one in fields(anatomy) if one.name != "covered"
    }
    return Scan(part, replace(anatomy, **arrays), scan.motion)


def uncropped(mask: BoolArray, box: Box, shape: tuple[int, ...]) -> BoolArray:
    """A mask of a cropped scan on the whole grid."""
    whole = np.zeros(shape, dtype=bool)
    whole[box] = mask
    return whole


def lesions(name: str, scan: Scan, found: list[Area], values: Callable[[Area], Values]) -> tuple[Lesion, ...]:
    """Areas as lesions of a check, largest first."""
    ordered = sorted(found, key=lambda area: (-area.size, *(int(axis[0]) for axis in area.voxels)))
    return tuple(_lesion(name, scan, area, values(area)) for area in ordered)


def _lesion(name: str, scan: Scan, area: Area, values: Values) -> Lesion:
    volume = scan.volume
    places = _patient_mm(volume, area)
    centre = places.mean(axis=1)
    region = main_region(scan.anatomy, area)
    best = int(np.argmax(np.bincount(area.voxels[0])))
    return Lesion(
        check=name,
        region=region,
        side=_side(scan.anatomy, area, region),
        volume_ml=area.size * volume.voxel_ml,
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
        longest_mm=longest_mm(volume, area),
        series_instance_uid=volume.series_instance_uid,
        sop_instance_uids=(volume.sop_instance_uids[best],),
        values=values,
    )


def _patient_mm(volume: Volume, area: Area) -> NDArray[np.float64]:
    ijk = np.stack(area.voxels[::-1]).astype(np.float64)
    placed: NDArray[np.float64] = volume.affine[:3, :3] @ ijk + volume.affine[:3, 3:]
    return placed


def longest_mm(volume: Volume, area: Area) -> float:
    """Longest diameter within a slice, in mm: the largest width over directions 5 degrees apart."""
    spacing = np.array(volume.spacing_mm[:2])[::-1]
    best = int(np.argmax(np.bincount(area.voxels[0])))
    there = area.voxels[0] == best
    plane = np.stack([area.voxels[1][there], area.voxels[2][there]]) * spacing[:, None]
    turns = np.deg2rad(np.arange(0, 180, 5))
    across = np.column_stack([np.cos(turns), np.sin(turns)]) @ plane
    return float(np.ptp(across, axis=1).max() + spacing.mean())


def main_region(anatomy: Anatomy, area: Area) -> Region:
    """The region that holds most of an area; the whole brain where none is drawn."""
    counts = dict.fromkeys(PARTS, 0)
    for label, count in zip(*np.unique(anatomy.parts[area.voxels], return_counts=True), strict=True):
        if label:
            counts[PARTS[int(label) - 1]] += int(count)
    region, most = max(counts.items(), key=lambda one: one[1])
    return region if most else Region.BRAIN


def _side(anatomy: Anatomy, area: Area, region: Region) -> Side:
    if Side.LEFT not in sides(region):
        return sides(region)[0]
    left = float(anatomy.is_left[area.voxels].mean())
    if min(left, 1.0 - left) >= MIDLINE_SHARE:
        return Side.WHOLE
    return Side.LEFT if left > 0.5 else Side.RIGHT
