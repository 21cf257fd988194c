"""The single areas of restricted diffusion: which region each belongs to, and what is told of each."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from rules.findings import Lesion, Quantity
from workers.imaging.anatomy import Anatomy
from workers.imaging.regions import FLUID_SPACES, PARTS, UNPAIRED
from workers.imaging.volume import Volume

BoolArray = NDArray[np.bool_]
Indices = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]

MIDLINE_MM = 3.0
"""An area that comes as near to the midline touches it."""
SPLENIAL_SHARE, NEAR_SPLENIAL_SHARE = 0.2, 0.6
"""Shares of an area in the splenium, and within a voxel or two of it, from which all of it is splenial. Anatomy that
lies a whole slice of 4.8 mm off still leaves 0.35 of a splenial lesion in the splenium (simulated). [P]"""
CENTRAL_MM = 6.0
"""The centre of a splenial area that is called one lies so near to the midline. [P]"""
ONE_SIDED = 0.9
"""Share of an area on one side from which all of it is: the midline of a bent image lies a little off. [P]"""
KEY_SLICES = 3
REACH = 8
"""Voxels around the restricted ones in which their tissue is looked for."""

_TOUCHING = ndimage.generate_binary_structure(3, 2)
_NO_TISSUE = tuple(label for label, part in enumerate(PARTS, start=1) if part in FLUID_SPACES)
_SPLENIUM = PARTS.index(Region.SPLENIUM) + 1
_BESIDE = PARTS.index(Region.PERIVENTRICULAR) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """One connected area: indices (n, 3) of its voxels (k, j, i), and where most of it lies."""

    voxels: NDArray[np.intp]
    region: Region
    side: Side
    volume_ml: float


def placed(anatomy: Anatomy, mask: BoolArray) -> Anatomy:
    """The anatomy with the restricted voxels in the regions and on the side that they belong to.

    Diffusion images are bent, and the anatomy is not bent with them: what falls into fluid belongs to the nearest
    tissue, what sits astride the midline in the splenium is all splenium, and what lies in it beside the midline is not.
    """
    if not mask.any():
        return anatomy
    parts = anatomy.parts.copy()
    _out_of_fluid(mask, parts)
    _settle_splenium(anatomy, mask, parts)
    return replace(anatomy, parts=parts, is_left=_sided(anatomy, mask))


def _sided(anatomy: Anatomy, mask: BoolArray) -> BoolArray:
    """The left half, with areas that lie nearly all on one side wholly there."""
    is_left = anatomy.is_left.copy()
    for area in _connected(mask):
        share = float(is_left[area].mean())
        if max(share, 1 - share) >= ONE_SIDED:
            is_left[area] = share >= ONE_SIDED
    return is_left


def _out_of_fluid(mask: BoolArray, parts: NDArray[np.uint8]) -> None:
    box = tuple(
        slice(max(int(axis.min()) - REACH, 0), int(axis.max()) + REACH + 1) for axis in np.nonzero(mask)
    )
    here = parts[box]
    tissue = (here > 0) & ~np.isin(here, _NO_TISSUE)
    astray = mask[box] & ~tissue
    if astray.any() and tissue.any():
        nearest = ndimage.distance_transform_edt(~tissue, return_distances=False, return_indices=True)
        here[astray] = here[tuple(axis[astray] for axis in nearest)]


def _settle_splenium(anatomy: Anatomy, mask: BoolArray, parts: NDArray[np.uint8]) -> None:
    splenium = parts == _SPLENIUM
    near = ndimage.binary_dilation(splenium, np.ones((3, 5, 5), dtype=bool))
    for area in _connected(mask):
        is_splenial = splenium[area].mean() >= SPLENIAL_SHARE and near[area].mean() >= NEAR_SPLENIAL_SHARE
        if is_splenial and _is_central(anatomy, area):
            parts[area] = _SPLENIUM
    for area in _connected(mask & (parts == _SPLENIUM)):
        if not _touches_midline(anatomy, area):
            parts[area] = _BESIDE


def _is_central(anatomy: Anatomy, area: Indices) -> bool:
    away = abs(float(anatomy.template_mm[(0, *area)].mean(dtype=np.float64)))
    return away <= CENTRAL_MM and _touches_midline(anatomy, area)


def _touches_midline(anatomy: Anatomy, area: Indices) -> bool:
    return bool((np.abs(anatomy.template_mm[(0, *area)]) <= MIDLINE_MM).any())


def _connected(mask: BoolArray) -> list[Indices]:
    """Indices (k, j, i) of each connected area."""
    labels, _ = ndimage.label(mask, _TOUCHING)
    found: list[Indices] = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        k, j, i = np.nonzero(labels[box] == number)
        found.append((k + box[0].start, j + box[1].start, i + box[2].start))
    return found


def areas_of(mask: BoolArray, anatomy: Anatomy, volume: Volume) -> tuple[Area, ...]:
    """The connected areas of a mask, largest first; anatomy : as from `placed`."""
    found = []
    for area in _connected(mask):
        region, side = _where(anatomy, area)
        found.append(Area(np.stack(area, axis=1), region, side, len(area[0]) * volume.voxel_ml))
    return tuple(sorted(found, key=lambda area: (-area.volume_ml, area.voxels[0].tolist())))


def _where(anatomy: Anatomy, voxels: Indices) -> tuple[Region, Side]:
    """The region that holds most of some voxels, and their side."""
    counts = np.bincount(anatomy.parts[voxels], minlength=len(PARTS) + 1)
    counts[0] = 0
    region = PARTS[int(np.argmax(counts)) - 1] if counts.any() else Region.BRAIN
    if region in UNPAIRED:
        return region, Side.MIDLINE
    return region, Side.LEFT if anatomy.is_left[voxels].mean() >= 0.5 else Side.RIGHT


def lesions_of(
    check: str, volume: Volume, adc: NDArray[np.float32], areas: tuple[Area, ...]
) -> tuple[Lesion, ...]:
    """What is told of each area: place, size, key slices and mean ADC."""
    return tuple(_lesion(check, volume, adc, area) for area in areas)


def _lesion(check: str, volume: Volume, adc: NDArray[np.float32], area: Area) -> Lesion:
    places = area.voxels[:, ::-1] @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    x, y, z = (float(value) for value in places.mean(axis=0))
    slices = np.bincount(area.voxels[:, 0])
    order = [int(k) for k in np.argsort(-slices, kind="stable")[:KEY_SLICES] if slices[k] > 0]
    mean = float(adc[tuple(area.voxels.T)].mean(dtype=np.float64))
    return Lesion(
        check=check,
        region=area.region,
        side=area.side,
        volume_ml=area.volume_ml,
        centre_mm=(x, y, z),
        longest_mm=_longest(places),
        series_instance_uid=volume.series_instance_uid,
        sop_instance_uids=tuple(dict.fromkeys(volume.sop_instance_uids[k] for k in order)),
        values=((Quantity.RESTRICTED_ADC, mean),),
    )


def _longest(places: NDArray[np.float64]) -> float:
    """Largest extent in mm over 13 directions: the axes, and the diagonals between them; within 5 % of the diameter."""
    grid = np.array(
        [(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1) if (a, b, c) > (0, 0, 0)]
    )
    along = places @ (grid / np.linalg.norm(grid, axis=1)[:, None]).T
    return float(np.ptp(along, axis=0).max())
