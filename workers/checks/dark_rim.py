"""Whether bone lies where the rim of the brain is looked for: an anatomy that is too wide, or that a series lies askew to.

Darkness at that rim is then no sign of blood; what is dark deeper inside still is.
"""

from collections.abc import Iterable

import numpy as np

from rules.measures import Measure
from workers.checks.haemorrhage import INSIDE_MM, Haemorrhage
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of

RIM_MM = 6.0
"""Depth to which the rim reaches; tissue of less than INSIDE_MM is mixed with fluid and bone in any series."""
TISSUE = 0.5
DARK_RIM = 0.04
"""Share of the rim, on the less dark side, from which it is bone: at most 0.012 in 41 simulated SWI that lie right, 0.05 and more where
they are shifted by 4 mm upwards, by 7 mm along any axis but across (0.03 and 0.06) or turned by 8 degrees, 0.04 to 0.09 where the brain was drawn too wide. Nearer to
the latter, for the signal that real air cells take from the skull base, which the simulated ones hardly do, must not silence a haemorrhage. [P]"""
AT_RIM = 0.7
"""Share of an area that lies in the rim, from which it may be bone: 0.79-1.0 of such; half of a ball of 12 mm that touches the surface, less of a larger one. [P]"""


def without_bone(anatomy: Anatomy, found: Iterable[Haemorrhage]) -> tuple[tuple[Haemorrhage, ...], str]:
    """What is surely no bone of some dark areas, and, if any may be, why nothing is told of those."""
    areas = tuple(found)
    beside = [one for one in areas if _at_rim(anatomy, one)]
    share = dark_rim(anatomy) if beside else 0.0
    if share < DARK_RIM:
        return areas, ""
    detail = (
        f"the brain does not lie where it is looked for ({100 * share:.0f} % of its rim is dark), "
        "so blood there is not told from bone"
    )
    return tuple(one for one in areas if one not in beside), detail


def dark_rim(anatomy: Anatomy) -> float:
    """Share of the brain's rim that is dark, on the side where that is less: a haemorrhage is not on both."""
    depth = anatomy.depth_mm
    rim = (depth >= INSIDE_MM) & (depth < RIM_MM) & (anatomy.grey + anatomy.white > TISSUE)
    dark = anatomy.corrected < cut_of(Measure.HAEMORRHAGE_DARK)
    sides = [dark[rim & side] for side in (anatomy.is_left, ~anatomy.is_left)]
    return min(float(one.mean()) if one.size else 0.0 for one in sides)


def _at_rim(anatomy: Anatomy, area: Haemorrhage) -> bool:
    return float(np.mean(anatomy.depth_mm[tuple(area.voxels)] < RIM_MM)) >= AT_RIM
