"""What a series is worth for measuring (sign M8): judged before any check looks at it."""

from rules.anatomy import Region
from rules.messages import SeriesQuality
from workers.imaging.scan import Scan


def quality_of(scan: Scan) -> SeriesQuality:
    """The quality of one series."""
    return SeriesQuality(
        brain_covered=scan.anatomy.covered[Region.BRAIN],
        slice_spacing_mm=scan.volume.spacing_mm[2],
        alignment=scan.motion.information,
    )
