"""Whether measurements drift: robust control charts of each scanner, and how often it allowed no conclusion."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlalchemy import select
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
_MOST = 5000
_REASONS = 3


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
    """Of the period, oldest first."""
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
    """Every scanner with a result since a moment; only the latest result of a study counts."""
    found = session.scalars(
        select(ScannerResult)
        .join(WorklistEntry, WorklistEntry.job_id == ScannerResult.job_id)
        .order_by(ScannerResult.done_at.desc())
        .limit(_MOST)
    ).all()
    scanners: dict[tuple[str, str, str], list[ScannerResult]] = {}
    for row in reversed(found):
        scanners.setdefault((row.manufacturer, row.model, row.station), []).append(row)
    told = (_scanner(key, rows, since) for key, rows in scanners.items() if rows[-1].done_at >= since)
    return tuple(sorted(told, key=lambda one: (not one.has_signal, -one.not_assessed.whole, one.name)))


def _scanner(key: tuple[str, str, str], rows: Sequence[ScannerResult], since: datetime) -> ScannerDrift:
    manufacturer, model, station = key
    recent = [row for row in rows if row.done_at >= since]
    reasons = Counter(reason for row in recent for reason in row.reasons)
    charts = (chart_of(watched, _values(rows, watched.key), since) for watched in WATCHED)
    return ScannerDrift(
        name=" ".join(part for part in (manufacturer, model) if part) or "scanner unknown",
        station=station,
        not_assessed=Share(sum(not row.is_assessed for row in recent), len(recent)),
        reasons=tuple(reasons.most_common(_REASONS)),
        charts=tuple(chart for chart in charts if chart is not None),
    )


def _values(rows: Sequence[ScannerResult], key: str) -> list[tuple[datetime, float]]:
    return [(row.done_at, float(row.measured[key])) for row in rows if key in row.measured]


def chart_of(watched: Watched, values: Sequence[tuple[datetime, float]], since: datetime) -> Chart | None:
    """The control chart of one measurement; None without a value in the period.

    values : oldest first, from the first one of the scanner
    """
    recent = [(at, value) for at, value in values if at >= since]
    if not recent:
        return None
    first = [value for _, value in values[:BASELINE]]
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
