"""The rows of the outbox: which are due, and what each outcome makes of them, with its line in the trail."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.routing import Cargo
from service.audit import record
from service.destinations import AnyDestination
from service.health import URGENT, back_off, note_health, rests, wake
from service.parcel import Outcome, Trouble
from service.routing import give_single_frame
from service.settings import Settings
from service.store.files import FileStore
from service.store.session import Store
from service.store.tables import Delivery, DestinationHealth

ACTOR = "delivery"

_URGENT_FIRST = 16
_OLDEST = 4
"""Places of a batch that go to whoever waited longest: a stream of urgent objects starves nobody."""
_STUCK_EVERY = 10
"""A person is told after so many tries, and again after as many more."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outbox:
    """What a delivery works with."""

    store: Store
    settings: Settings

    @property
    def files(self) -> FileStore:
        return FileStore(self.settings.files)


def due(store: Store, destination: str, now: datetime) -> Sequence[Delivery]:
    """What is to be sent now, at most one batch: urgent first, then the older result first.

    Nothing while the destination rests; one object to try it with after trouble.
    """
    owed = select(Delivery).where(
        Delivery.state == "owed", Delivery.destination == destination, Delivery.try_at <= now
    )
    with store.reading() as session:
        first = session.scalars(owed.order_by(Delivery.priority, Delivery.id).limit(_URGENT_FIRST)).all()
        waited = session.scalars(owed.order_by(Delivery.created_at, Delivery.id).limit(_OLDEST)).all()
        health = session.get(DestinationHealth, destination)
    rows = list({one.id: one for one in (*first, *waited)}.values())
    if rests(health, (one.priority for one in rows), now):
        return []
    return rows[:1] if health is not None and health.failures else rows


def note(
    outbox: Outbox, destination: AnyDestination, delivery_id: int, outcome: Outcome, now: datetime
) -> None:
    """Write down what became of one delivery, in a transaction of its own."""
    with outbox.store.session() as session:
        delivery = session.get_one(Delivery, delivery_id)
        if outcome.is_stored:
            _note_stored(session, delivery, outcome, destination)
        else:
            _note_failed(session, delivery, outcome, outbox.settings)
        if outcome.words not in (Trouble.FILE, Trouble.UNSENDABLE):
            at = max(now, datetime.now(UTC))
            is_well_again = note_health(session, destination.name, outcome, outbox.settings, at)
            if is_well_again or outcome.is_stored:
                wake(session, destination.name, now)


def note_proven(session: Session, delivery: Delivery, proof: str, at: datetime) -> None:
    """The object is surely there: how we know, when, and how long after it was owed."""
    delivery.state, delivery.proof, delivery.proven_at = "proven", proof, at
    delivery.last_error, delivery.transaction_uid = "", None
    tell(
        session,
        "report_proven",
        delivery,
        at,
        proof=proof,
        seconds=round((at - delivery.created_at).total_seconds(), 1),
        was_alarmed=delivery.alarmed_at is not None,
    )
    _log.info(
        "report_proven",
        destination=delivery.destination,
        sop_instance_uid=delivery.sop_instance_uid,
        proof=proof,
    )


def note_lost(session: Session, delivery: Delivery, trouble: Trouble, why: str, at: datetime) -> None:
    """The destination said `stored`, and has it not: it is owed again."""
    delivery.state, delivery.last_error = "owed", f"{trouble.value}: {why}" if why else trouble.value
    delivery.stored_at, delivery.transaction_uid, delivery.try_at, delivery.asks = None, None, at, 0
    tell(session, "report_lost", delivery, at, outcome=delivery.last_error)
    _log.error(
        "report_lost",
        destination=delivery.destination,
        sop_instance_uid=delivery.sop_instance_uid,
        error=delivery.last_error,
    )


def raise_alarms(outbox: Outbox, destination: str, now: datetime) -> int:
    """Alarm for each urgent result that is not proven within its target, once; returns how many."""
    limit = now - timedelta(seconds=outbox.settings.proof_target_s)
    late = select(Delivery).where(
        Delivery.destination == destination,
        Delivery.state.in_(("owed", "stored")),
        Delivery.priority.in_(URGENT),
        Delivery.cargo != Cargo.ORIGINALS.value,
        Delivery.created_at <= limit,
        Delivery.alarmed_at.is_(None),
    )
    with outbox.store.reading() as session:
        ids = [one.id for one in session.scalars(late.order_by(Delivery.id))]
    for number in ids:
        with outbox.store.session() as session:
            delivery = session.get_one(Delivery, number)
            delivery.alarmed_at = now
            tell(
                session, "delivery_unproven", delivery, now, state=delivery.state, outcome=delivery.last_error
            )
        _log.error("delivery_unproven", destination=destination, delivery_id=number)
    return len(ids)


def tell(session: Session, event: str, delivery: Delivery, at: datetime, **detail: object) -> None:
    """One line of the trail about a delivery."""
    record(
        session,
        event,
        delivery.study_instance_uid,
        ACTOR,
        at,
        sop_instance_uid=delivery.sop_instance_uid,
        cargo=delivery.cargo,
        destination=delivery.destination,
        tries=delivery.tries,
        **detail,
    )


def _note_stored(session: Session, delivery: Delivery, outcome: Outcome, destination: AnyDestination) -> None:
    stored_at = datetime.now(UTC)
    delivery.state, delivery.stored_at, delivery.last_error = "stored", stored_at, ""
    delivery.tries += 1
    delivery.asks, delivery.try_at, delivery.transaction_uid = 0, stored_at, None
    event = "report_stored_with_warning" if outcome.is_warning else "report_stored"
    tell(session, event, delivery, stored_at, outcome=outcome.words, status=outcome.status)
    _log.info(
        event,
        destination=delivery.destination,
        sop_instance_uid=delivery.sop_instance_uid,
        tries=delivery.tries,
    )
    proof = "read_back" if outcome.is_read_back else destination.proof
    if outcome.is_read_back or proof == "response" or delivery.cargo == Cargo.NOTICE.value:
        note_proven(session, delivery, proof, stored_at)


def _note_failed(session: Session, delivery: Delivery, outcome: Outcome, settings: Settings) -> None:
    if outcome.words == Trouble.NO_CONTEXT and give_single_frame(session, delivery, datetime.now(UTC)):
        return
    # The wait counts from the end of the try: a time-out may have taken longer than the wait itself.
    at = datetime.now(UTC)
    is_news = outcome.words != delivery.last_error
    delivery.tries += 1
    delivery.last_error = outcome.words
    delivery.try_at = at + back_off(delivery.tries, delivery.priority, settings)
    detail = {"outcome": outcome.words, "status": outcome.status}
    # An archive that is down for a day must not fill the trail: the 1st, 2nd, 4th, 8th … failure, and each new reason.
    if is_news or delivery.tries & (delivery.tries - 1) == 0:
        tell(session, "report_not_stored", delivery, at, **detail)
    is_stuck = delivery.tries % _STUCK_EVERY == 0
    if is_stuck:
        tell(session, "delivery_stuck", delivery, at, **detail)
    _log.log(
        logging.ERROR if is_stuck else logging.WARNING,
        "delivery_stuck" if is_stuck else "report_not_stored",
        destination=delivery.destination,
        sop_instance_uid=delivery.sop_instance_uid,
        tries=delivery.tries,
        error=outcome.words,
        status=outcome.status,
    )
