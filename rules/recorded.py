"""Recorded values with their age: fresh, stale but still counting, or too old to count."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rules.context import PatientContext, Recorded


@dataclass(frozen=True, slots=True)
class Missing:
    """No value that counts now, and why. Never reads as negative."""

    detail: str
    is_too_old: bool = False
    """There is a value, and it counts no longer; said aloud, so that nobody believes it was used."""


@dataclass(frozen=True, slots=True)
class Current:
    """A recorded value that still counts, with its age in words."""

    value: Any
    words: str


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """How old a context value may be, in hours. Policy data; the keys are fields of PatientContext."""

    fresh_h: Mapping[str, float]
    """Older is marked as stale."""
    counts_h: Mapping[str, float]
    """Older counts no longer."""


def current(context: PatientContext, limits: AgeLimits, now: datetime) -> dict[str, Current | Missing]:
    """Every value of the context that carries a time, as it stands at `now`."""
    return {name: _current(getattr(context, name), name, limits, now) for name in limits.counts_h}


def recorded_words(at: datetime | None, now: datetime) -> str:
    """When a value was recorded, relative to the decision.

    >>> from datetime import UTC
    >>> recorded_words(datetime(2026, 1, 1, 9, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC))
    'recorded 3 h before'
    """
    if at is None:
        return "time not recorded"
    hours = (now - at).total_seconds() / 3600
    if hours <= -1:  # an old study decided with what is known today
        return f"recorded {-hours:.0f} h after" if hours > -96 else f"recorded {-hours / 24:.0f} days after"
    if hours < 1:
        return "recorded less than 1 h before"
    return f"recorded {hours:.0f} h before" if hours < 96 else f"recorded {hours / 24:.0f} days before"


def _current(item: Recorded[Any] | None, name: str, limits: AgeLimits, now: datetime) -> Current | Missing:
    if item is None:
        return Missing("not recorded")
    when = recorded_words(item.at, now)
    if item.at is None:  # it may be old, and still raises: a floor must not fall because a time is missing
        return Current(item.value, f"{when}, may be stale")
    age = now - item.at
    if age > timedelta(hours=limits.counts_h[name]):
        return Missing(f"{when}, too old to count", is_too_old=True)
    is_fresh = age <= timedelta(hours=limits.fresh_h[name])
    return Current(item.value, when if is_fresh else f"{when}, stale")
