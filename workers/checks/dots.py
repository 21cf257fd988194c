"""Bright dots that touch: how many maxima an area of FLAIR hyperintensity holds (rule R18).

A reader counts dots, though slices of 5 mm average two of them into one area. A maximum is a dot of its own where every way to a
brighter one leads down by a tenth of white matter; what is evenly bright has one.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from rules.findings import Quantity
from workers.checks.cropping import box_around
from workers.imaging.anatomy import Anatomy

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Triple = tuple[float, float, float]
Place = tuple[int, int, int]
"""A voxel, (k, j, i)."""

RISE = 0.1
"""How far a dot stands above the saddle to a brighter one, over white matter: a visible lesion starts at 0.07 [S29]; at 0.06 confluent
leukoencephalopathy fell into four dots, at 0.1 into none (one simulated study). [P]"""
STEADY_MM = 0.8
"""Standard deviation of the Gaussian that steadies the slice before. [P]"""
AROUND_MM = 8.0
"""How far beyond a region its areas are followed. [P]"""

_STEPS = tuple(
    (k, j, i)
    for k, j, i in product((-1, 0, 1), repeat=3)
    if (k, j, i) != (0, 0, 0) and (k == 0 or j == i == 0)
)
"""Neighbours: all eight in the slice, and the voxels above and below."""


def count_dots(ratio: FloatArray, mask: BoolArray, region: BoolArray, spacing_mm: Triple) -> int:
    """Dots of the masked areas that have their brightest voxel in a region.

    ratio : (k, j, i) signal over white matter; mask : hyperintense voxels
    """
    box = box_around(region, AROUND_MM, spacing_mm)
    if box is None:
        return 0
    near = np.where(mask[box], ratio[box], 1.0).astype(np.float32)
    steady = ndimage.gaussian_filter(near, (0, STEADY_MM / spacing_mm[1], STEADY_MM / spacing_mm[0]))
    return sum(bool(region[box][dot]) for dot in _dots(steady, mask[box]))


def told_of_foci(region: Region) -> tuple[Quantity, ...]:
    """What is told of the foci of a region."""
    callosal = (Quantity.FLAIR_CALLOSAL_SHARE,) if region is Region.CALLOSAL_BODY else ()
    return (Quantity.FLAIR_FOCI, *callosal)


def callosal_share(mask: BoolArray, anatomy: Anatomy) -> float | None:
    """Per cent of the deep white matter's hyperintensity that lies in the callosal body; None where there is none.

    Small-vessel disease and demyelination reach the callosum too, with the least part of what they do.
    """
    body = int(np.count_nonzero(mask & anatomy.region(Region.CALLOSAL_BODY)))
    beside = anatomy.region(Region.PERIVENTRICULAR) | anatomy.region(Region.CENTRUM_SEMIOVALE)
    total = body + int(np.count_nonzero(mask & beside))
    return 100.0 * body / total if total else None


def _dots(signal: FloatArray, mask: BoolArray) -> list[Place]:
    """Maxima that stand RISE above the saddle to a brighter one, found by flooding from the brightest voxel down."""
    places = np.argwhere(mask)
    order = np.argsort(-signal[mask], kind="stable")
    leads: dict[Place, Place] = {}
    dots: list[Place] = []
    for k, j, i in places[order].tolist():
        met = {_summit(leads, there) for a, b, c in _STEPS if (there := (k + a, j + b, i + c)) in leads}
        top = max(met, key=lambda one: float(signal[one]), default=(k, j, i))
        leads[k, j, i] = top
        for lower in met - {top}:
            leads[lower] = top
            if signal[lower] - signal[k, j, i] >= RISE:
                dots.append(lower)
    return dots + [place for place, lead in leads.items() if place == lead]


def _summit(leads: dict[Place, Place], place: Place) -> Place:
    """The maximum that a voxel was last flooded from; the way to it is shortened for the next."""
    while leads[place] != place:
        leads[place] = leads[leads[place]]
        place = leads[place]
    return place
