"""Who is read earlier and who later because the list is ordered: predicted by a simulated queue, and measured.

Triage makes nobody read faster: what one study gains, others wait. Both sides are told.

References: Thompson et al., Queueing Systems 2024;108:579, doi 10.1007/s11134-024-09927-w (QuCAD).
"""

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.store.desk_tables import Assessment, WorklistEntry
from service.store.tables import UTCDateTime

_MOST = 2000
"""Newest studies that are simulated; a page must not make anybody wait."""
_ORDER = {"P1": 0, "P2": 1, "": 2, "P3": 3, "P4": 4}
"""As the reading list: without a result anything is still possible."""
LEVELS = ("P1", "P2", "P3", "P4", "")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A study that waits to be read; times in minutes."""

    at: float
    known_at: float
    """When its priority became known; infinite if never."""
    priority: str
    """Empty if it got none."""

    def place(self, now: float) -> int:
        return _ORDER[self.priority if self.known_at <= now else ""]


@dataclass(frozen=True, slots=True)
class Effect:
    """Waits of one priority in minutes, without and with the ordered list."""

    priority: str
    studies: int
    without_mean: float
    with_mean: float
    earlier: int
    later: int

    @property
    def gain(self) -> float:
        """Mean minutes that these studies are read earlier; negative is later."""
        return self.without_mean - self.with_mean


def predicted(session: Session, since: datetime, *, readers: int, minutes: float) -> tuple[Effect, ...]:
    """Studies that arrived since a moment, read by so many readers who take so long for each: in order of arrival, and as the list says."""
    arrivals = [arrival for arrival, _ in _arrivals(session, since)]
    first_come = waits(arrivals, readers, minutes, lambda study, _now: (0, study.at))
    ordered = waits(arrivals, readers, minutes, lambda study, now: (study.place(now), study.at))
    return effects(arrivals, first_come, ordered)


def measured(session: Session, since: datetime) -> tuple[Effect, ...]:
    """Studies that were read since a moment: their waits, and those if the same moments of reading had gone to the oldest study each time."""
    found = [(arrival, read_at) for arrival, read_at in _arrivals(session, since) if read_at is not None]
    arrivals = [arrival for arrival, _ in found]
    return effects(
        arrivals, dealt_in_order(arrivals, [at for _, at in found]), [at - one.at for one, at in found]
    )


def waits(
    arrivals: Sequence[Arrival],
    readers: int,
    minutes: float,
    rank: Callable[[Arrival, float], tuple[int, float]],
) -> list[float]:
    """Minutes that each study waits until somebody begins to read it; a reading is never broken off.

    rank : smallest first, asked whenever a reader is free

    >>> studies = [Arrival(0, 0, "P4"), Arrival(1, 1, "P4"), Arrival(2, 2, "P1")]
    >>> waits(studies, 1, 10, lambda study, now: (study.place(now), study.at))
    [0.0, 19.0, 8.0]
    """
    free = [0.0] * readers
    news = _news(arrivals)
    waiting: dict[int, tuple[int, float]] = {}
    queue: list[tuple[tuple[int, float], int]] = []
    found = [math.nan] * len(arrivals)
    position, now = 0, 0.0
    for _ in arrivals:
        now = max(now, heapq.heappop(free))
        while position < len(news) and (news[position][0] <= now or not waiting):
            moment, number = news[position]
            position += 1
            if math.isnan(found[number]):
                now = max(now, moment)
                waiting[number] = rank(arrivals[number], now)
                heapq.heappush(queue, (waiting[number], number))
        chosen = _first(queue, waiting)
        found[chosen] = now - arrivals[chosen].at
        heapq.heappush(free, now + minutes)
    return found


def _news(arrivals: Sequence[Arrival]) -> list[tuple[float, int]]:
    """When something changes, and for which study: it comes, or its priority becomes known."""
    moments = ((number, {one.at, max(one.at, one.known_at)}) for number, one in enumerate(arrivals))
    return sorted((at, number) for number, mine in moments for at in mine if math.isfinite(at))


def _first(queue: list[tuple[tuple[int, float], int]], waiting: dict[int, tuple[int, float]]) -> int:
    """Take the first study; what it was queued as before its priority became known no longer counts."""
    while True:
        place, number = heapq.heappop(queue)
        if waiting.get(number) == place:
            del waiting[number]
            return number


def dealt_in_order(arrivals: Sequence[Arrival], moments: Iterable[float]) -> list[float]:
    """Waits if each moment of reading had gone to the study that had arrived first.

    >>> dealt_in_order([Arrival(0, 0, "P4"), Arrival(5, 5, "P1")], [30, 10])
    [10, 25]
    """
    coming = sorted(range(len(arrivals)), key=lambda number: arrivals[number].at)
    # The k-th moment lies after at least k arrivals, for each study was read after it came: nobody is read too early.
    found = [0.0] * len(arrivals)
    for number, moment in zip(coming, sorted(moments), strict=True):
        found[number] = moment - arrivals[number].at
    return found


def effects(
    arrivals: Sequence[Arrival], without: Sequence[float], with_list: Sequence[float]
) -> tuple[Effect, ...]:
    """Both kinds of waits by priority."""
    told = []
    for level in LEVELS:
        mine = [number for number, one in enumerate(arrivals) if one.priority == level]
        if not mine:
            continue
        gains = [without[number] - with_list[number] for number in mine]
        told.append(
            Effect(
                priority=level,
                studies=len(mine),
                without_mean=fmean(without[number] for number in mine),
                with_mean=fmean(with_list[number] for number in mine),
                earlier=sum(gain > 0.5 for gain in gains),
                later=sum(gain < -0.5 for gain in gains),
            )
        )
    return tuple(told)


def _arrivals(session: Session, since: datetime) -> list[tuple[Arrival, float | None]]:
    """Each study, and when it was read: with its first assessment, else when its alert was acknowledged."""
    read_at = (  # asked of each study that is simulated, not of all
        select(func.min(Assessment.at, type_=UTCDateTime()))
        .where(Assessment.study_instance_uid == WorklistEntry.study_instance_uid)
        .scalar_subquery()
    )
    rows = session.execute(
        select(
            WorklistEntry.received_at,
            WorklistEntry.decided_at,
            WorklistEntry.decided,
            WorklistEntry.acknowledged_at,
            read_at.label("read_at"),
        )
        .where(WorklistEntry.received_at >= since)
        .order_by(WorklistEntry.received_at.desc())
        .limit(_MOST)
    ).all()

    def minute(moment: datetime) -> float:
        return (moment - since).total_seconds() / 60

    return [
        (
            Arrival(
                minute(row.received_at),
                minute(row.decided_at) if row.decided_at else math.inf,
                row.decided or "",
            ),
            minute(first) if (first := row.read_at or row.acknowledged_at) else None,
        )
        for row in reversed(rows)
    ]
