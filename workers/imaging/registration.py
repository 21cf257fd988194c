"""How the patient lay in one series relative to another of the same study, or to one of an earlier study."""

from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.motion import Motion, at_rest
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume


def align(reference: Scan, moving: Volume) -> Motion:
    """The motion from the reference series to another volume.

    Raises CannotAssess if the two cannot be brought together.
    """
    if moving.frame_of_reference_uid == reference.volume.frame_of_reference_uid:
        return at_rest()
    raise CannotAssess(Why.GEOMETRY, "the series lies in another frame of reference")
