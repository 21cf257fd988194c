"""Settling: when a series of a study that still arrives is taken for whole, and by what evidence.

It decides about work that may turn out to be for nothing, never about a result on the whole study: a series that grows afterwards
settles again, and the study's own completeness is judged apart (rules.completeness).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

NEXT_PAUSE = timedelta(seconds=1)
"""Pause after a series' last object without which a later object of another series proves nothing: some senders mix series."""


class Ended(StrEnum):
    """The evidence that a series is whole, strongest first."""

    ANNOUNCED = "announced"
    """As many objects came as the scanner or an archive announced."""
    NEXT_SERIES = "next_series"
    """An object of another series came after its last one."""
    QUIET_TIME = "quiet_time"
    """Nothing of it came for a while."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """One series as far as it has come."""

    objects: int
    last_at: datetime
    announced: int = 0
    """Objects that it has to have; 0 is not known."""


def ended(series: Arriving, newest_other: datetime | None, now: datetime, quiet: timedelta) -> Ended | None:
    """The evidence that a series is whole at `now`; None if there is none yet.

    newest_other : when the newest object of any other series of the study came
    """
    if series.announced and series.objects >= series.announced:
        return Ended.ANNOUNCED
    is_pausing = now - series.last_at >= NEXT_PAUSE
    if is_pausing and newest_other is not None and newest_other > series.last_at:
        return Ended.NEXT_SERIES
    return Ended.QUIET_TIME if now - series.last_at >= quiet else None
