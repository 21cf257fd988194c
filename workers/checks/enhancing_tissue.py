"""Enhancement of the brain itself: areas thicker than a vessel that became brighter on T1 (sign M7)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.measures import Measure
from workers.checks.areas import CORNERS, Area, areas, joined, near
from workers.checks.meninges import Spaces
from workers.checks.subtraction import Pair
from workers.imaging.cuts import cut_of
from workers.imaging.scan import Scan

BoolArray = NDArray[np.bool_]

EDGE_MM = 4.0
"""Nearer to the surface meninges and cortical veins cannot be told from cortex. [P]"""
PLEXUS_MM = 2.5
"""Distance from ventricular fluid within which choroid plexus and ependymal veins are mixed in."""
BRIGHT_SHARE = 0.3
"""Share of an area that is bright on FLAIR, from which it is a lesion: 0.89 and more in a simulated study with lesions, 0.00 of what four with
meningeal disease alone have. [P]"""
WHITE_SHARE = 0.5
"""Mean white matter of an area from which it is no sulcus: 0.03 to 0.21 in the same. [P]"""
INSIDE = 0.9
"""Quantile of the gain of an area that stands for its inside. [P]"""
VESSEL_MM = 3.0
"""Distance from fluid, in the places of large vessels, that these take."""


@dataclass(frozen=True, slots=True, eq=False)
class EnhancingTissue:
    """Enhancing brain, (k, j, i), and its connected areas."""

    mask: BoolArray
    areas: tuple[Area, ...]


def find_enhancing_tissue(
    pair: Pair, scan: Scan, spaces: Spaces, bright: BoolArray | None = None
) -> EnhancingTissue:
    """Hysteresis on the ratio; thin and small areas are vessels or noise.

    bright : what is bright on FLAIR, (k, j, i); an area of grey matter without it is a sulcus whose pia enhances. None where that is
        not known: then all areas count
    """
    usable = _usable(pair, scan, spaces)
    grown = pair.brighter(cut_of(Measure.ENHANCING_GROW_RATIO), usable)
    seeds = pair.brighter(cut_of(Measure.ENHANCING_SEED_RATIO), usable)
    wide = _widened(ndimage.binary_opening(grown, _cross()), scan)
    kept = [area for area in areas(wide & grown) if _is_lesion(area, seeds, scan)]
    if bright is not None:
        kept = [area for area in kept if _is_brain(area, bright, scan)]
    lesions = tuple(_within_edge(area, pair) for area in kept)
    return EnhancingTissue(joined(lesions, usable.shape), lesions)


def _is_brain(area: Area, bright: BoolArray, scan: Scan) -> bool:
    """Whether an area is diseased on FLAIR as well, or lies in white matter, where no sulcus is."""
    lit, white = float(bright[area.voxels].mean()), float(scan.anatomy.white[area.voxels].mean(dtype=float))
    return lit >= BRIGHT_SHARE or white >= WHITE_SHARE


def _within_edge(area: Area, pair: Pair) -> Area:
    """An area as far as it gains half of what it gains inside: beyond, a voxel is mostly its surroundings."""
    gained = (pair.after - pair.before)[area.voxels]
    return area.only(gained >= np.quantile(gained, INSIDE) / 2)


def _usable(pair: Pair, scan: Scan, spaces: Spaces) -> BoolArray:
    """Brain without surface, plexus, sulci, and the fluid spaces of large vessels."""
    anatomy, spacing = scan.anatomy, scan.volume.spacing_mm
    plexus = near(spaces.ventricles, PLEXUS_MM, spacing)
    vessels = spaces.vessels & near(spaces.fluid & spaces.vessels, VESSEL_MM, spacing)
    usable: BoolArray = anatomy.brain & pair.valid & (anatomy.depth_mm >= EDGE_MM)
    return usable & ~spaces.shell & ~plexus & ~vessels


def _cross() -> BoolArray:
    cross = np.zeros((3, 3, 3), dtype=bool)
    cross[1] = ndimage.generate_binary_structure(2, 1)
    return cross


def _widened(found: BoolArray, scan: Scan) -> BoolArray:
    """Areas that are wide enough in some slice once their holes are filled, with their edge."""
    pixel = scan.volume.spacing_mm[:2][::-1]
    wide = np.zeros_like(found)
    for k in np.flatnonzero(found.any(axis=(1, 2))):
        filled = ndimage.binary_fill_holes(found[k])
        inner = ndimage.distance_transform_edt(filled, sampling=pixel)
        cores = inner >= cut_of(Measure.ENHANCING_WIDTH) / 2
        wide[k] = ndimage.binary_propagation(cores, mask=filled) if cores.any() else False
    labels, _ = ndimage.label(found | wide, CORNERS)
    chosen = np.unique(labels[wide])
    kept: BoolArray = np.isin(labels, chosen[chosen > 0])
    return kept


def _is_lesion(area: Area, seeds: BoolArray, scan: Scan) -> bool:
    is_large = area.size * scan.volume.voxel_ml >= cut_of(Measure.ENHANCING_LEAST)
    return bool(seeds[area.voxels].any()) and is_large
