"""How much cerebrospinal fluid each voxel holds, from the scan's own levels of grey matter and of pure fluid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.scan import Scan
from workers.imaging.tissue import level

FloatArray = NDArray[np.float32]

BRIGHT = frozenset({Role.T2})
"""Series in which fluid is brighter than tissue; in FLAIR and T1 it is darker."""
SURE_GREY = 0.8
"""Expected grey share of the voxels whose mode is the level of grey matter."""
PURE_QUANTILE = 0.99
"""Place of pure fluid among the voxels of ventricles and cisterns: even slit ventricles have some voxels without tissue. [P]"""
LEAST_FLUID_VOXELS = 300
"""Voxels of ventricles and cisterns below which there is no level of pure fluid to read. [P]"""
LEAST_CONTRAST = 4.0
"""Fluid over tissue in spreads of grey matter; below, shares of single voxels would be noise. [P]"""
NOISE_SHARE = 0.2
"""Shares below this are noise, cortex of uneven signal or oedema (0.1 of the way to fluid in T2) and count as none. [P]"""
MOST_WHITE = 0.6
"""Expected white share above which a voxel is taken for white matter, whatever its signal: oedema is not fluid. [P]"""


@dataclass(frozen=True, slots=True, eq=False)
class Fluid:
    """Fluid share of every voxel of the brain, 0 to 1, (k, j, i).

    low, high : the same with the level of tissue one spread nearer to fluid, and one farther from it
    """

    share: FloatArray
    low: FloatArray
    high: FloatArray


def fluid_of(scan: Scan) -> Fluid:
    """Fluid shares by linear mixing of grey matter and fluid.

    Raises CannotAssess if the scan has no level of tissue or of fluid, or too little contrast between them.
    """
    anatomy, bright = scan.anatomy, scan.volume.role in BRIGHT
    signal = anatomy.corrected
    grey = level(signal[(anatomy.grey > SURE_GREY) & (anatomy.depth_mm > 1)])
    spaces = signal[anatomy.region(Region.VENTRICLES) | anatomy.region(Region.CISTERNS)]
    if grey is None or spaces.size < LEAST_FLUID_VOXELS:
        raise CannotAssess(Why.ANATOMY, "too few voxels of grey matter or fluid to tell their levels")
    pure = float(np.quantile(spaces, PURE_QUANTILE if bright else 1 - PURE_QUANTILE))
    step = (pure - grey.mode) if bright else (grey.mode - pure)
    if step < LEAST_CONTRAST * min(grey.spread, 0.25 * grey.mode) or step <= 0:
        raise CannotAssess(Why.QUALITY, "fluid does not stand out from grey matter")
    nearer = 0.5 * grey.spread if bright else -0.5 * grey.spread
    share, low, high = (
        _share(anatomy, at, pure) for at in (grey.mode, grey.mode + nearer, grey.mode - nearer)
    )
    return Fluid(share, low, high)


def _share(anatomy: Anatomy, tissue: float, pure: float) -> FloatArray:
    share = np.clip((anatomy.corrected - tissue) / (pure - tissue), 0.0, 1.0)
    share[~anatomy.brain | (share < NOISE_SHARE) | (anatomy.white > MOST_WHITE)] = 0.0
    return share.astype(np.float32)
