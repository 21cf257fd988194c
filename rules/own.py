"""Recognising our own objects when they come back: they are no news about the patient and are never analysed."""

from functools import lru_cache

from rules.anatomy import Role
from rules.identity import derived_uid
from rules.messages import ReportKind

MANUFACTURER = "Cartriage"
"""Manufacturer (0008,0070) of every object that we make."""


_STUDIES_REMEMBERED = 256
"""The node asks for every image that it receives, most of them of a few studies."""


def series_uid_of(study_instance_uid: str, kind: ReportKind, source: Role | None = None) -> str:
    """Series Instance UID of our reports of a kind: later results of a study join the series of the earlier ones.

    source : of a SEG, what its source series shows; each has a series of its own, for one has one frame of reference
    """
    parts = {"study": study_instance_uid, "kind": kind.value}
    return derived_uid(parts | ({"source": source.value} if source else {}))


def is_own(study_instance_uid: str, series_instance_uid: str, manufacturer: str = "") -> bool:
    """Whether an object is ours: by its derived series, or, where an archive gave it other UIDs, by its manufacturer.

    Holds without a database, so also for the objects of an installation that was set up anew.

    >>> is_own("1.2.3", series_uid_of("1.2.3", ReportKind.SC))
    True
    """
    if manufacturer.strip().casefold() == MANUFACTURER.casefold():
        return True
    return series_instance_uid in _own_series(study_instance_uid)


@lru_cache(_STUDIES_REMEMBERED)
def _own_series(study_instance_uid: str) -> frozenset[str]:
    """Every series that we may ever make for a study."""
    masks = (series_uid_of(study_instance_uid, ReportKind.SEG, role) for role in Role)
    return frozenset({*(series_uid_of(study_instance_uid, kind) for kind in ReportKind), *masks})
