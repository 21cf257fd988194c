"""How bright deep white matter is on T2 against cortex: where all of it is swollen it has no other norm (sign M6)."""

import numpy as np

from rules.anatomy import Region, Role, Side
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.scan import Scan
from workers.imaging.tissue import FEW, level

SURE_GREY, SURE_WHITE = 0.8, 0.9
"""Expected shares of the voxels that are taken for cortex and for white matter."""
CORTEX_DEPTH_MM, CORTEX_ABOVE_Z = 2.0, 0.0
"""Cortex is read away from the fluid outside it, above the commissures, where no receive field is steep."""
WHITE_DEPTH_MM = 4.0
REPEATABLE = 0.04
"""Half width (95 %) between two scans of one patient, as a share: 0.74-0.75 and 0.75-0.78 in two sessions each of two (openms). [P]"""


def white_grey_ratio(scan: Scan, region: Region, side: Side) -> tuple[float, float]:
    """Median T2 signal of a region's white matter over the mode of cortex, and the half width of its 95 % interval.

    About 0.75 in health; larger is worse. Half of the white matter would have to be diseased to move it far.

    Raises CannotAssess where the scan is no T2, or too few voxels are surely white matter or cortex.
    """
    if scan.volume.role is not Role.T2:
        raise CannotAssess(Why.SERIES_MISSING, "no T2 series")
    anatomy = scan.anatomy
    high = anatomy.template_mm[2] > CORTEX_ABOVE_Z
    cortex = level(
        anatomy.corrected[high & (anatomy.grey > SURE_GREY) & (anatomy.depth_mm >= CORTEX_DEPTH_MM)]
    )
    deep = (anatomy.white > SURE_WHITE) & (anatomy.depth_mm >= WHITE_DEPTH_MM)
    white = anatomy.corrected[deep & anatomy.region(region, side)]
    if cortex is None or white.size < FEW:
        raise CannotAssess(Why.ANATOMY, "too few voxels of cortex or white matter to tell their levels")
    value = float(np.median(white)) / cortex.mode
    return value, REPEATABLE * value
