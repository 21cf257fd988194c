"""The ageing guard: a study that waits longer than its limit is shown one level higher (knowledge base section 3, case A50).

Queues by priority let what is not urgent wait the longest; the guard bounds that. The decision stays what it is: only the
study's place in the list changes, and only upwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.conditions import Cut
from rules.urgency import Priority

_SCALE = tuple(Priority)
_SHORT_MINUTES = 120
"""Shorter waits are told in minutes."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Where a study stands in the list, and why."""

    priority: Priority
    """The shown one: as decided, or one level higher."""
    decided: Priority
    late_since: datetime | None
    """When the limit of the decided priority passed; None while it has not. A late P1 is late, and has no higher level."""
    why: str
    """One clause for people; empty while the study is not late."""

    @property
    def is_raised(self) -> bool:
        """Whether the study stands higher by its age than it was decided."""
        return self.priority is not self.decided

    @property
    def place(self) -> tuple[Priority, bool]:
        """Sorts the list: a study raised by its age stands behind all that were decided at that level, and so delays none."""
        return self.priority, self.is_raised


def aged(limits: Mapping[Priority, Cut], decided: Priority, since: datetime, until: datetime) -> Shown:
    """The priority to show for a study that was decided as `decided` and waits from `since` until `until`, both aware.

    limits : `Policy.targets`, in minutes; since : when the study first had this priority, counted from its being complete;
    until : now, or when it was read: reading ends the wait, and what was shown by then stays.

    >>> from datetime import UTC, date
    >>> noon = datetime(2026, 5, 16, 12, 0, tzinfo=UTC)
    >>> day = {Priority.P4: Cut(1440, "min", "[P]", date(2026, 11, 27))}
    >>> aged(day, Priority.P4, noon, noon + timedelta(hours=25)).priority
    <Priority.P3: 'P3'>
    """
    minutes = limits[decided].value
    late_since = since + timedelta(minutes=minutes)
    if until <= late_since:
        return Shown(decided, decided, None, "")
    shown = _SCALE[max(_SCALE.index(decided) - 1, 0)]
    told = f"waits for more than {_duration(minutes)}, the limit of {decided}"
    return Shown(
        shown,
        decided,
        late_since,
        told if shown is decided else f"{told}; shown as {shown} by the ageing guard",
    )


def _duration(minutes: float) -> str:
    return f"{minutes:g} minutes" if minutes <= _SHORT_MINUTES else f"{minutes / 60:g} hours"
