"""Where each check found something, place by place, for the SEGs."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Side
from workers.analysis import Analysis
from workers.checks.result import CheckResult
from workers.images import Images
from workers.imaging.anatomy import Anatomy
from workers.reports.content import LesionMask
from workers.reports.measurement_groups import group_places


def lesion_masks(images: Images, analysis: Analysis) -> Iterator[LesionMask]:
    """The masks of the places that the structured report tells of, each on the grid that it was measured on."""
    for check, region, side in group_places(analysis.findings):
        result = analysis.results.get(check, CheckResult(()))
        if result.seen is None or result.role is None:
            continue
        scan = images.scan(result.role)
        mask = result.seen & _place(scan.anatomy, region, side)
        if mask.any():
            volume = scan.volume
            yield LesionMask(
                check, region, side, result.role, mask, volume.sop_instance_uids, volume.frame_numbers
            )


def _place(anatomy: Anatomy, region: Region, side: Side) -> NDArray[np.bool_]:
    """The voxels of a place; all of the scan for the whole, whose meninges lie outside the brain."""
    if region is Region.BRAIN and side is Side.WHOLE:
        return np.ones_like(anatomy.brain)
    return anatomy.region(region, Side.WHOLE if side is Side.MIDLINE else side)
