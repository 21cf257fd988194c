"""How a mask agrees with the true one region by region, as the product laid the regions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Side
from workers.imaging.regions import DRAWN, sides
from workers.imaging.scan import Scan


@dataclass(frozen=True, slots=True)
class RegionOverlap:
    """Found and true mask within one region and side."""

    kind: str
    """What is masked, as in `flair`."""
    region: Region
    side: Side
    true_ml: float
    found_ml: float
    common_ml: float

    @property
    def dice(self) -> float:
        """Of a place with something true or found in it."""
        return 2 * self.common_ml / (self.true_ml + self.found_ml)


def by_region(
    kind: str, scan: Scan, found: NDArray[np.bool_], truth: NDArray[np.bool_] | None
) -> tuple[RegionOverlap, ...]:
    """Both masks in every drawn region and side.

    found, truth : (i, j, k) on the scan's grid; no truth where there is nothing
    """
    here = found.transpose(2, 1, 0)
    true = np.zeros_like(here) if truth is None else truth.transpose(2, 1, 0)

    def place(region: Region, side: Side) -> RegionOverlap:
        inside = scan.anatomy.region(region, side)
        volumes = (float((mask & inside).sum()) * scan.volume.voxel_ml for mask in (true, here, true & here))
        return RegionOverlap(kind, region, side, *volumes)

    return tuple(
        place(region, side) for region in DRAWN if region is not Region.VENTRICLES for side in sides(region)
    )
