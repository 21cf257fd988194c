"""What a T2 can say where there is no FLAIR: clear lesions of the deep regions, away from fluid (sign M1, with less confidence).

On T2 fluid is brighter than any lesion, so nothing is said of cortex, nor of what lies beside a ventricle or a sulcus. And little of
a faint lesion: an area that is found is one, but an area that is not found excludes nothing.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from rules.findings import Why
from rules.measures import Measure
from workers.checks.hyperintensity import EDGE_MM, Hyperintensity, smoothed
from workers.checks.lesion_model import connected
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.fluid import fluid_of
from workers.imaging.scan import Scan
from workers.imaging.tissue import Level, level

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

GREYNESS: dict[Region, float] = {
    Region.THALAMUS: 0.4,
    Region.CAUDATE: 1.0,
    Region.PUTAMEN: 0.75,
    Region.PALLIDUM: 0.1,
    Region.CAPSULE: 0.5,
    Region.SPLENIUM: 0.2,
    Region.PERIVENTRICULAR: 0.15,
    Region.CENTRUM_SEMIOVALE: 0.1,
}
"""The regions that are told, and where their undiseased T2 signal lies between white (0) and grey matter (1): 0.31, 0.97, 0.67,
-0.03, 0.4, 0.1, 0.15 and 0.06 by the medians of two real scans. [P]"""


def find_on_t2(scan: Scan) -> Hyperintensity:
    """Voxels of the told regions that are clearly brighter than undiseased tissue, none of them near fluid.

    Raises CannotAssess if the scan has no level of white or grey matter, or of fluid.
    """
    anatomy, spacing_mm = scan.anatomy, scan.volume.spacing_mm
    white, grey = _levels(anatomy)
    expected, told = np.zeros_like(anatomy.corrected), np.zeros_like(anatomy.brain)
    for region, greyness in GREYNESS.items():
        inside = anatomy.region(region)
        expected[inside] = white.mode + greyness * (grey.mode - white.mode)
        told |= inside
    signal = smoothed(anatomy, spacing_mm)
    ratio = np.divide(signal, expected, out=np.zeros_like(signal), where=told)
    z = np.where(told, (signal - expected) / white.spread, 0).astype(np.float32)
    grown = told & ~_wet(scan) & (ratio >= cut_of(Measure.T2_GROW_RATIO))
    seeds = grown & (ratio >= cut_of(Measure.T2_SEED_RATIO))
    return Hyperintensity(connected(grown, seeds, spacing_mm), ratio, z)


def _levels(anatomy: Anatomy) -> tuple[Level, Level]:
    inner = anatomy.brain & (anatomy.depth_mm >= EDGE_MM)
    white = level(anatomy.corrected[inner & (anatomy.white > 0.9)])
    grey = level(anatomy.corrected[inner & (anatomy.grey > 0.8)])
    if white is None or grey is None or grey.mode <= white.mode:
        raise CannotAssess(Why.QUALITY, "grey and white matter are not told apart on T2")
    return white, grey


def _wet(scan: Scan) -> BoolArray:
    """Fluid and what lies so near that it may share its voxels, or be Virchow-Robin spaces that lead to it."""
    fluid = fluid_of(scan).share >= cut_of(Measure.T2_FLUID_SHARE)
    fluid |= scan.anatomy.region(Region.VENTRICLES)
    if not fluid.any():
        return fluid
    away = ndimage.distance_transform_edt(~fluid, sampling=scan.volume.spacing_mm[::-1])
    wet: BoolArray = away <= cut_of(Measure.T2_FLUID_MARGIN)
    return wet
