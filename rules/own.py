"""Recognising our own objects when they come back: they are no news about the patient and are never analysed."""

from rules.identity import derived_uid
from rules.messages import ReportKind

MANUFACTURER = "Cartriage"
"""Manufacturer (0008,0070) of every object that we make."""


def series_uid_of(study_instance_uid: str, kind: ReportKind) -> str:
    """Series Instance UID of our reports of a kind: later results of a study join the series of the earlier ones."""
    return derived_uid({"study": study_instance_uid, "kind": kind.value})


def is_own(study_instance_uid: str, series_instance_uid: str, manufacturer: str = "") -> bool:
    """Whether an object is ours: by its derived series, or, where an archive gave it other UIDs, by its manufacturer.

    Holds without a database, so also for the objects of an installation that was set up anew.

    >>> is_own("1.2.3", series_uid_of("1.2.3", ReportKind.SC))
    True
    """
    if manufacturer.strip().casefold() == MANUFACTURER.casefold():
        return True
    return series_instance_uid in {series_uid_of(study_instance_uid, kind) for kind in ReportKind}
