"""Regions as a model sees them, put among those of the template."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from workers.imaging.parts import PIECES, parts_of


def relabelled(
    parts: NDArray[np.uint8],
    called: NDArray[np.intp],
    regions: Sequence[Region],
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.uint8]:
    """Pieces of `workers.imaging.parts` with some regions moved, (k, j, i).

    parts : pieces by the template, 0 outside; called : for each voxel the place in `regions`, from 1, or 0 for none of them
    spacing_mm : voxel size (i, j, k)

    A voxel that changes its region becomes the nearest piece of its new one, so what lies within a region moves with it.
    """
    own = np.isin(parts, [label for region in regions for label in parts_of(region)])
    found = parts.copy()
    _from_nearest(found, parts, own & (called == 0), (parts > 0) & ~own, spacing_mm)
    for number, region in enumerate(regions, 1):
        there = np.isin(parts, parts_of(region))
        joined = (called == number) & ~there
        if there.any():
            _from_nearest(found, parts, joined, there, spacing_mm)
        else:
            found[joined] = PIECES.index((region,)) + 1
    return found


def _from_nearest(
    found: NDArray[np.uint8],
    parts: NDArray[np.uint8],
    wanted: NDArray[np.bool_],
    givers: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> None:
    """Give each wanted voxel the piece of the nearest giver."""
    if wanted.any() and givers.any():
        nearest = ndimage.distance_transform_edt(
            ~givers, sampling=spacing_mm[::-1], return_distances=False, return_indices=True
        )
        found[wanted] = parts[tuple(nearest[:, wanted])]
