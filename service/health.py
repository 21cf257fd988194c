"""The circuit breaker of each destination: one that does not answer rests, is tried with one object, then gets all that waited."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from rules.urgency import Priority
from service.parcel import DESTINATION_TROUBLES, Outcome
from service.settings import Settings
from service.store.tables import Delivery, DestinationHealth

URGENT = (Priority.P1.value, Priority.P2.value)
_URGENT_BACK_OFF_MAX_S = 60.0
"""An urgent result never waits longer than this after its destination came back."""
_JITTER = 0.2


def back_off(tries: int, priority: str, settings: Settings) -> timedelta:
    """Wait before the next try: doubles with each, with a limit (a lower one for urgent results) and 20 % jitter."""
    longest = settings.delivery_backoff_max_s
    if priority in URGENT:
        longest = min(longest, _URGENT_BACK_OFF_MAX_S)
    seconds = min(settings.delivery_backoff_s * 2.0 ** min(tries - 1, 30), longest)
    return timedelta(seconds=seconds * random.uniform(1 - _JITTER, 1 + _JITTER))


def rests(health: DestinationHealth | None, priorities: Iterable[str], now: datetime) -> bool:
    """Whether a destination is left alone at `now`; for less long while an urgent delivery is due."""
    if health is None or health.failures == 0:
        return False
    has_urgent = any(one in URGENT for one in priorities)
    until = health.try_urgent_at if has_urgent else health.try_at
    return until is not None and now < until


def note_health(
    session: Session, destination: str, outcome: Outcome, settings: Settings, now: datetime
) -> bool:
    """Count a destination's trouble, or that it answered; returns whether it is well again after trouble."""
    health = session.get(DestinationHealth, destination)
    if health is None:
        health = DestinationHealth(destination=destination, failures=0, last_error="")
        session.add(health)
    if outcome.is_destination_trouble:
        health.failures += 1
        health.last_error, health.failed_at = outcome.words, now
        health.try_at = now + back_off(health.failures, Priority.P4.value, settings)
        health.try_urgent_at = min(
            health.try_at, now + back_off(health.failures, Priority.P1.value, settings)
        )
        return False
    is_well_again = health.failures > 0
    health.failures, health.last_error, health.answered_at = 0, "", now
    health.try_at = health.try_urgent_at = None
    return is_well_again


def wake(session: Session, destination: str, now: datetime) -> None:
    """A destination that answers again is due for all that waited for it."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.state == "owed",
            Delivery.destination == destination,
            Delivery.last_error.in_([trouble.value for trouble in DESTINATION_TROUBLES]),
            Delivery.try_at > now,
        )
        .values(try_at=now)
    )
