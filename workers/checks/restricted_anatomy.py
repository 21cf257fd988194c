"""Which region and side restricted diffusion belongs to, on images that are bent."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from workers.checks.areas import EDGES, Indices, areas
from workers.imaging.anatomy import Anatomy
from workers.imaging.regions import FLUID_SPACES, PARTS

BoolArray = NDArray[np.bool_]

MIDLINE_MM = 3.0
"""An area that comes as near to the midline touches it."""
SPLENIAL_SHARE, NEAR_SPLENIAL_SHARE = 0.2, 0.6
"""Shares of an area in the splenium, and within a voxel or two of it, from which all of it is splenial. Anatomy that
lies a whole slice of 4.8 mm off still leaves 0.35 of a splenial lesion in the splenium (simulated). [P]"""
CENTRAL_MM = 6.0
"""The centre of a splenial area that is called one lies so near to the midline. [P]"""
ONE_SIDED = 0.9
"""Share of an area on one side from which all of it is: the midline of a bent image lies a little off. [P]"""
REACH = 8
"""Voxels around the restricted ones in which their tissue is looked for."""

_NO_TISSUE = tuple(label for label, part in enumerate(PARTS, start=1) if part in FLUID_SPACES)
_SPLENIUM = PARTS.index(Region.SPLENIUM) + 1
_BESIDE = PARTS.index(Region.PERIVENTRICULAR) + 1


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
    for voxels in _connected(mask):
        share = float(is_left[voxels].mean())
        if max(share, 1 - share) >= ONE_SIDED:
            is_left[voxels] = share >= ONE_SIDED
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
    for voxels in _connected(mask):
        is_splenial = splenium[voxels].mean() >= SPLENIAL_SHARE and near[voxels].mean() >= NEAR_SPLENIAL_SHARE
        if is_splenial and _is_central(anatomy, voxels):
            parts[voxels] = _SPLENIUM
    for voxels in _connected(mask & (parts == _SPLENIUM)):
        if not _touches_midline(anatomy, voxels):
            parts[voxels] = _BESIDE


def _is_central(anatomy: Anatomy, voxels: Indices) -> bool:
    away = abs(float(anatomy.template_mm[(0, *voxels)].mean(dtype=np.float64)))
    return away <= CENTRAL_MM and _touches_midline(anatomy, voxels)


def _touches_midline(anatomy: Anatomy, voxels: Indices) -> bool:
    return bool((np.abs(anatomy.template_mm[(0, *voxels)]) <= MIDLINE_MM).any())


def _connected(mask: BoolArray) -> list[Indices]:
    return [area.voxels for area in areas(mask, EDGES)]
