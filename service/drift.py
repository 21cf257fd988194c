"""Whether measurements drift: robust control charts of each scanner, and how often it allowed no conclusion."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, TypeAlias

from sqlalchemy import Row, Select, Text, and_, cast, func, select
from sqlalchemy.orm import Session

from service.performance import Share
from service.scanners import WATCHED, Watched
from service.store.desk_tables import WorklistEntry
from service.store.scanner_tables import ScannerResult

BASELINE = 20
"""A scanner's first results, which the later ones are held against."""
ENOUGH = 10
"""Fewer give no limits."""
_MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation, of a normal distribution (Rousseeuw and Croux, doi 10.1080/01621459.1993.10476408)."""
_SIGMAS = 3.0
_RUN = 9
"""So many in a row on one side of the centre are a shift (Nelson 1984, rule 2, doi 10.1080/00224065.1984.11978921)."""
_EARLY = 200
"""Results in which a scanner's first ones are looked for: not each has every measurement."""
SHOWN = 120
"""The latest results of a scanner; a chart shows no more."""
_REASONS = 3
_Scanner: TypeAlias = tuple[str, str, str]
"""Manufacturer, model, station."""
_KEY = (ScannerResult.manufacturer, ScannerResult.model, ScannerResult.station)


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    value: float
    is_outside: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """One measurement of one scanner over time."""

    watched: Watched
    points: tuple[Point, ...]
    """Of the period, oldest first, the latest SHOWN."""
    centre: float
    limits: tuple[float, float] | None
    """Centre less and plus three robust standard deviations of the first results; None while there are too few."""
    signal: str
    """What somebody should look at, else empty."""


@dataclass(frozen=True, slots=True)
class ScannerDrift:
    """One scanner in a period."""

    name: str
    station: str
    not_assessed: Share
    reasons: tuple[tuple[str, int], ...]
    charts: tuple[Chart, ...]

    @property
    def has_signal(self) -> bool:
        return any(chart.signal for chart in self.charts)


def drift(session: Session, since: datetime) -> tuple[ScannerDrift, ...]:
    """Every scanner with a result since a moment, what wants a look first; only the latest result of a study counts."""
    told = (
        ScannerDrift(
            name=" ".join(part for part in key[:2] if part) or "scanner unknown",
            station=key[2],
            not_assessed=share,
            reasons=tuple(reasons.most_common(_REASONS)),
            charts=tuple(_charts(session, key, since)),
        )
        for key, (share, reasons) in _unassessed(session, since).items()
    )
    return tuple(sorted(told, key=lambda one: (not one.has_signal, -one.not_assessed.whole, one.name)))


def _charts(session: Session, scanner: _Scanner, since: datetime) -> Iterator[Chart]:
    """Of the first and the last results of a scanner, which an index finds however many there are."""
    # Cut off before they are joined: an estimate that is wrong must not make the database read all of them.
    early = _latest_of(session, _all_of(scanner).order_by(ScannerResult.done_at).limit(_EARLY))
    newest = _all_of(scanner).where(ScannerResult.done_at >= since).order_by(ScannerResult.done_at.desc())
    late = _latest_of(session, newest.limit(2 * SHOWN))[-SHOWN:]
    for watched in WATCHED:
        first = [value for _, value in _values(early, watched.key)][:BASELINE]
        chart = chart_of(watched, first, _values(late, watched.key))
        if chart is not None:
            yield chart


def _all_of(scanner: _Scanner) -> Select[Any]:
    mine = (column == value for column, value in zip(_KEY, scanner, strict=True))
    return select(
        ScannerResult.job_id, ScannerResult.study_instance_uid, ScannerResult.done_at, ScannerResult.measured
    ).where(*mine)


def _latest_of(session: Session, found: Select[Any]) -> Sequence[Row[Any]]:
    """Of some results those that are the latest of their study, oldest first."""
    some = found.subquery()
    is_latest = and_(
        WorklistEntry.study_instance_uid == some.c.study_instance_uid, WorklistEntry.job_id == some.c.job_id
    )
    rows = select(some.c.done_at, some.c.measured).join(WorklistEntry, is_latest).order_by(some.c.done_at)
    return list(session.execute(rows))


def _unassessed(session: Session, since: datetime) -> dict[_Scanner, tuple[Share, Counter[str]]]:
    """Of each scanner in the period: results that allowed no conclusion, and why, counted by the database."""
    reasons = cast(ScannerResult.reasons, Text)
    groups = (*_KEY, reasons, ScannerResult.is_assessed)
    counted = (
        select(*groups, func.count())
        .join(
            WorklistEntry,
            and_(
                WorklistEntry.study_instance_uid == ScannerResult.study_instance_uid,
                WorklistEntry.job_id == ScannerResult.job_id,
            ),
        )
        .where(ScannerResult.done_at >= since)
        .group_by(*groups)
    )
    found: dict[_Scanner, tuple[Share, Counter[str]]] = {}
    for manufacturer, model, station, held, is_assessed, count in session.execute(counted):
        key = (manufacturer, model, station)
        share, why = found.get(key, (Share(0, 0), Counter()))
        why.update(dict.fromkeys(json.loads(held), count))
        found[key] = (Share(share.part + (0 if is_assessed else count), share.whole + count), why)
    return found


def _values(rows: Sequence[Row[Any]], key: str) -> list[tuple[datetime, float]]:
    return [(row.done_at, float(row.measured[key])) for row in rows if key in row.measured]


def chart_of(
    watched: Watched, first: Sequence[float], recent: Sequence[tuple[datetime, float]]
) -> Chart | None:
    """The control chart of one measurement; None without a value in the period.

    first : the scanner's first values, which give centre and limits; recent : of the period, oldest first
    """
    if not recent or not first:
        return None
    centre = median(first)
    half = _SIGMAS * _MAD_TO_SIGMA * median(abs(value - centre) for value in first)
    limits = (centre - half, centre + half) if len(first) >= ENOUGH else None
    points = tuple(Point(at, value, _is_outside(value, limits)) for at, value in recent)
    return Chart(watched, points, centre, limits, _signal(points, centre, limits))


def _is_outside(value: float, limits: tuple[float, float] | None) -> bool:
    return limits is not None and not limits[0] <= value <= limits[1]


def _signal(points: Sequence[Point], centre: float, limits: tuple[float, float] | None) -> str:
    if limits is None:
        return ""
    if points[-1].is_outside:
        return "the last value lies outside the limits"
    run = [point.value - centre for point in points[-_RUN:]]
    if len(run) == _RUN and (min(run) > 0 or max(run) < 0):
        return f"the last {_RUN} values lie {'above' if run[0] > 0 else 'below'} the centre"
    return ""
