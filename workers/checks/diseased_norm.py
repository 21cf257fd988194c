"""White matter that is diseased as a whole is no norm for its own signal; its ADC, which needs none, tells that it is (sign M6)."""

from rules.anatomy import Region, Side
from rules.findings import Why
from rules.measures import Measure
from workers.checks.restriction import white_adc
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.scan import Scan


def doubt_of(adc: Scan | None) -> CannotAssess | None:
    """Why brightness cannot be held against the white matter of this study; None where nothing speaks against it."""
    if adc is None or white_adc(adc.anatomy, adc.volume.array) > cut_of(Measure.RESTRICTION_MAP_HIGHEST):
        return None  # no map, or one in another unit
    deep = [
        white_adc(adc.anatomy, adc.volume.array, Region.CENTRUM_SEMIOVALE, side)
        for side in (Side.LEFT, Side.RIGHT)
    ]
    if min(deep) < cut_of(Measure.FLAIR_NORM_ADC):
        return None
    words = f"white matter has an ADC of {deep[0]:.0f} and {deep[1]:.0f} x 10-6 mm2/s: diseased as a whole, it is no norm for FLAIR"
    return CannotAssess(Why.QUALITY, words)
