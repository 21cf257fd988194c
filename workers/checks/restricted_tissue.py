"""What the restricted-diffusion check saw on the DWI grid, boiled down to the voxels that anything can be said of."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from workers.checks.areas import EDGES, FACES, Area, areas, joined
from workers.checks.artefact import artefacts
from workers.checks.check import Inputs
from workers.checks.restricted_anatomy import placed
from workers.checks.restriction import FloatArray, Restriction, brightness_of, find_restriction
from workers.imaging.anatomy import Anatomy
from workers.imaging.diffusion import same_grid
from workers.imaging.regions import parts_of
from workers.imaging.scan import Scan, carried

BoolArray = NDArray[np.bool_]

EDGE_SHARE = 0.15
"""How far the whole surface may lie too far out or in, over a layer of voxels: its errors are not independent. [P]"""
SMALL_ML, SMALL_SHARE = 2.0, 0.5
"""Volume of an area below which blur and slices are as large as it is, and how far its volume may be off, over that volume: punctate
areas of 0.15 to 1.5 mL came out 1.2 to 2.9 times too large (one simulated study, slices 7.2 mm apart). [P]"""


@dataclass(frozen=True, slots=True, eq=False)
class Voxels:
    """The voxels that anything can be said of, each array (n,): their slice, region, side, ADC, and what they are."""

    k: NDArray[np.intp]
    parts: NDArray[np.uint8]
    is_left: BoolArray
    adc: FloatArray
    mask: BoolArray
    looser: BoolArray
    stricter: BoolArray
    surface: BoolArray
    small: BoolArray
    shine: BoolArray
    artefact: BoolArray

    def inside(self, region: Region, side: Side = Side.WHOLE) -> BoolArray:
        """Those of a region on a side."""
        found: BoolArray = np.isin(self.parts, parts_of(region))
        if side is Side.LEFT:
            return found & self.is_left
        return found & ~self.is_left if side is Side.RIGHT else found


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Restricted tissue on the DWI grid, without artefacts; mask, adc : (k, j, i).

    scan : with the anatomy that has the restricted voxels where they belong
    """

    scan: Scan
    mask: BoolArray
    adc: FloatArray
    voxels: Voxels
    areas: tuple[Area, ...]

    def volume_ml(self, chosen: BoolArray) -> float:
        """Of some of the voxels."""
        return float(np.count_nonzero(chosen)) * self.scan.volume.voxel_ml

    def doubt_ml(self, inside: BoolArray) -> float:
        """Half width of the 95 % interval of a restricted volume: by the doubt of the cuts, the surface, and what is small."""
        voxels, voxel_ml = self.voxels, self.scan.volume.voxel_ml
        by_cuts = (self.volume_ml(voxels.looser & inside) - self.volume_ml(voxels.stricter & inside)) / 2
        surface = float(np.count_nonzero(voxels.surface & inside))
        # A voxel of the surface is in by any share: a standard deviation of 1 / sqrt(12).
        parts = (
            by_cuts,
            1.96 * np.sqrt(surface / 12.0) * voxel_ml,
            EDGE_SHARE * surface * voxel_ml,
            SMALL_SHARE * self.volume_ml(voxels.small & inside),
        )
        return float(np.linalg.norm(parts))


def beside(adc: Scan, dwi: Scan | None) -> Scan:
    """The ADC map with the anatomy of its weighted images, which show a head more clearly than a map does."""
    if dwi is None or not same_grid(adc.volume, dwi.volume):
        return adc
    return Scan(adc.volume, dwi.anatomy, dwi.motion)


def see(inputs: Inputs, adc: Scan) -> Seen:
    """Look for restriction; raises CannotAssess where there are no weighted images."""
    dwi = inputs.scan(Role.DWI)
    values = adc.volume.array if same_grid(dwi.volume, adc.volume) else carried(adc.volume.array, adc, dwi)
    found = find_restriction(dwi.anatomy, values, dwi.volume.spacing_mm)
    is_found = bool(found.mask.any() or found.shine.any())
    contrast = _flair_contrast(inputs, dwi) if is_found else None
    false = artefacts(dwi.anatomy, found, contrast, dwi.volume.spacing_mm)
    mask = found.mask & ~false
    anatomy = placed(dwi.anatomy, (found.mask | found.looser) & ~false)
    several = tuple(areas(mask, EDGES))
    voxel_ml = dwi.volume.voxel_ml
    small = joined([one for one in several if one.size * voxel_ml < SMALL_ML], mask.shape)
    voxels = _voxels(anatomy, values, found, (false, small))
    return Seen(replace(dwi, anatomy=anatomy), mask, values, voxels, several)


def _flair_contrast(inputs: Inputs, dwi: Scan) -> FloatArray | None:
    """How much brighter than expected FLAIR is, on the DWI grid."""
    flair = inputs.scans.get(Role.FLAIR)
    return None if flair is None else carried(brightness_of(flair.anatomy).contrast, flair, dwi)


def _voxels(
    anatomy: Anatomy, adc: FloatArray, found: Restriction, marked: tuple[BoolArray, BoolArray]
) -> Voxels:
    """What is said of each voxel that anything can be said of.

    marked : (k, j, i) artefacts, and small areas
    """
    false, small = marked
    at = np.nonzero(found.mask | found.looser | found.stricter | found.shine)
    true = ~false[at]
    inner = ndimage.binary_erosion(found.mask, FACES)
    return Voxels(
        k=at[0],
        parts=anatomy.parts[at],
        is_left=anatomy.is_left[at],
        adc=adc[at],
        mask=found.mask[at] & true,
        looser=found.looser[at] & true,
        stricter=found.stricter[at] & true,
        surface=(found.mask & ~inner)[at] & true,
        small=small[at],
        shine=found.shine[at] & true,
        artefact=~true,
    )
