"""Proof that what a destination called stored is there: asked for by its configured way until it is given."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import commitment, read_back
from service.destinations import AnyDestination, Destination, StowDestination
from service.health import rests
from service.outbox import Outbox, note_lost, note_proven, tell
from service.parcel import Trouble
from service.store.tables import Delivery, DestinationHealth

_BATCH = 50
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_UNANSWERED_EVERY = 3
"""A person is told after so many questions for proof without an answer, and again after as many more."""

_log = structlog.get_logger()


def prove_due(outbox: Outbox, destination: AnyDestination, now: datetime) -> int:
    """Ask for proof of what a destination stored; returns how many objects were asked for.

    Raises StoreUnavailableError if the database does not answer.
    """
    if destination.proof == "commitment":
        commitment.expire(outbox, destination.name, now)
    rows = _stored(outbox, destination.name, now)
    if not rows:
        return 0
    if isinstance(destination, Destination) and destination.proof == "commitment":
        trouble = commitment.ask(outbox, destination, rows, now)
        if trouble is not None:
            _postpone(outbox, rows, trouble, now)
        return len(rows)
    if isinstance(destination, Destination | StowDestination) and destination.proof == "read_back":
        _read_back(outbox, destination, rows, now)
        return len(rows)
    return _prove_by_response(outbox, rows, now)


def _stored(outbox: Outbox, destination: str, now: datetime) -> Sequence[Delivery]:
    found = (
        select(Delivery)
        .where(
            Delivery.state == "stored",
            Delivery.destination == destination,
            Delivery.transaction_uid.is_(None),
            Delivery.try_at <= now,
        )
        .order_by(Delivery.priority, Delivery.id)
        .limit(_BATCH)
    )
    with outbox.store.reading() as session:
        rows = session.scalars(found).all()
        health = session.get(DestinationHealth, destination)
    return [] if rests(health, (one.priority for one in rows), now) else rows


def _read_back(
    outbox: Outbox, destination: Destination | StowDestination, rows: Sequence[Delivery], now: datetime
) -> None:
    answers = read_back.look(rows, destination, outbox.settings)
    for row in rows:
        is_there = answers.get(row.sop_instance_uid)
        with outbox.store.session() as session:
            delivery = session.get_one(Delivery, row.id)
            if is_there:
                note_proven(session, delivery, "read_back", now)
            elif is_there is False and _is_overdue(outbox, delivery, now):
                note_lost(session, delivery, Trouble.LOST, "", now)
            elif is_there is None:
                _note_unanswered(session, delivery, "", now)
            else:
                _ask_later(delivery, now)


def _is_overdue(outbox: Outbox, delivery: Delivery, now: datetime) -> bool:
    """Archives index what they took in their own time; after the time-out the object counts as lost."""
    limit = timedelta(seconds=outbox.settings.proof_timeout_s)
    return delivery.stored_at is not None and now - delivery.stored_at >= limit


def _ask_later(delivery: Delivery, now: datetime) -> None:
    delivery.asks += 1
    seconds = min(_FIRST_WAIT_S * 2.0 ** min(delivery.asks - 1, 30), _LONGEST_WAIT_S)
    delivery.try_at = now + timedelta(seconds=seconds)


def _postpone(outbox: Outbox, rows: Sequence[Delivery], trouble: Trouble, now: datetime) -> None:
    for row in rows:
        with outbox.store.session() as session:
            _note_unanswered(session, session.get_one(Delivery, row.id), trouble.value, now)
    _log.warning("proof_not_given", error=trouble.value, objects=len(rows))


def _note_unanswered(session: Session, delivery: Delivery, why: str, now: datetime) -> None:
    _ask_later(delivery, now)
    delivery.last_error = f"{Trouble.UNPROVEN.value}: {why}" if why else Trouble.UNPROVEN.value
    if delivery.asks % _UNANSWERED_EVERY == 0:
        tell(session, "proof_not_given", delivery, now, outcome=delivery.last_error)


def _prove_by_response(outbox: Outbox, rows: Sequence[Delivery], now: datetime) -> int:
    """Rows that were stored while another way of proof was configured: the response is all that is asked for now."""
    for row in rows:
        with outbox.store.session() as session:
            note_proven(session, session.get_one(Delivery, row.id), "response", now)
    return len(rows)
