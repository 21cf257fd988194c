"""The regions that checks report of, and whether enough of one lies within the slices."""

from rules.measures import Measure
from workers.imaging.cuts import cut_of
from workers.imaging.regions import DRAWN, FLUID_SPACES

REPORTED = tuple(region for region in DRAWN if region not in FLUID_SPACES)
"""Every region of tissue: what most checks report of."""


def uncovered(covered: float, *, of: str = "") -> str | None:
    """Why a region of which this share lies within the slices cannot be measured; None if it can.

    of : whose slices, where that has to be said, as in `of both studies`
    """
    if covered >= cut_of(Measure.REGION_LEAST_COVER):
        return None
    return f"only {100 * covered:.0f} % of the region lies within the slices {of}".rstrip()
