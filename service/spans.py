"""Medians and ninetieth percentiles of times by priority, found by the database: a page must not fetch a year of rows for a dozen numbers."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, SelectBase, case, extract, func, select
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from one moment to another, of one priority."""

    priority: str
    count: int
    median_s: float
    p90_s: float
    """The smallest value that 90 % of the values do not exceed (nearest rank)."""


def seconds_between(session: Session, earlier: Any, later: Any) -> ColumnElement[Any]:
    """Seconds between two columns of moments; SQLite, which keeps them as text, is exact to a millisecond."""
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(later) - func.julianday(earlier)) * 86400.0
    return extract("epoch", later - earlier)


def spans(session: Session, timed: SelectBase) -> tuple[Span, ...]:
    """Of rows of priority and seconds, in this order: a span for each priority, most urgent first. Negative seconds count as none."""
    rows = timed.subquery()
    priority, seconds = rows.c
    place = func.row_number().over(partition_by=priority, order_by=seconds).label("place")
    count = func.count().over(partition_by=priority).label("count")
    ranked = select(priority.label("priority"), seconds.label("seconds"), place, count).subquery()
    middle = ranked.c.place.in_(((ranked.c.count + 1) // 2, (ranked.c.count + 2) // 2))
    found = (
        select(
            ranked.c.priority,
            func.max(ranked.c.count),
            func.avg(case((middle, ranked.c.seconds))),
            func.max(case((ranked.c.place == (9 * ranked.c.count + 9) // 10, ranked.c.seconds))),
        )
        .group_by(ranked.c.priority)
        .order_by(ranked.c.priority)
    )
    return tuple(
        Span(name, number, max(float(half), 0.0), max(float(most), 0.0))
        for name, number, half, most in session.execute(found)
    )
