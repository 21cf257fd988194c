"""Follows the trail and sends what the profile asks for; its place stands in the database, so nothing is lost while nobody receives.

The trail is the spool: an event is sent once it is committed, and again if it is not known that its messages were taken.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service import audit
from service.audit_feed.events import TOLD
from service.audit_feed.making import Made, made
from service.audit_feed.syslog import NotTakenError, TooLongError, send
from service.audit_feed.syslog import Receiver as Syslog
from service.audit_feed.trouble import retry_owed, set_aside
from service.errors import StoreUnavailableError
from service.settings import Settings
from service.store.desk_tables import AuditFeed
from service.store.session import Store, open_store, upgrade
from service.store.tables import AuditEvent, AuditHead

ACTOR = "audit-feed"

_TICK_S = 1.0
_TICK_MAX_S = 300.0
"""Longest wait for a receiver that is down."""
_AT_ONCE = 200
"""Events at a time."""
_SUSPECT_AFTER = 4
"""After so many failures in a row each event is tried alone: one of them may be what is not taken."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Patience:
    """How often in a row the receiver did not take what was sent."""

    failures: int = 0


def run_feed(settings: Settings, stop: threading.Event) -> None:
    """Send until `stop` is set, and once more then; outlives a receiver or a database that is down."""
    receiver = Syslog.of(settings.audit_syslog, settings.audit_syslog_tls)
    store = open_store(settings)
    upgrade(store)
    wait_s, is_last, patience = 0.0, False, Patience()
    while not is_last:
        is_last = stop.wait(wait_s)
        try:
            now = datetime.now(UTC)
            retry_owed(store, settings, receiver, now)
            wait_s = 0.0 if feed(store, settings, receiver, now, patience) else _TICK_S
            is_last = is_last and wait_s > 0  # all of it, while it is taken
        except (NotTakenError, StoreUnavailableError) as error:
            wait_s = min(max(wait_s, _TICK_S) * 2, _TICK_MAX_S)
            _log.warning("audit_messages_postponed", error=str(error), wait_s=wait_s)
    store.close()


def feed(
    store: Store, settings: Settings, receiver: Syslog, now: datetime, patience: Patience | None = None
) -> int:
    """Send the messages of the next events; returns how many events were passed. Without a place yet, it begins at the trail's end.

    An event whose messages cannot be made, are too long, or are refused while the receiver answers is set aside and passed.

    Raises NotTakenError if the receiver does not take them, StoreUnavailableError if the database does not answer.
    """
    patience = patience or Patience()
    with store.reading() as session:
        place = session.get(AuditFeed, 1)
        ready = _next(session, place.sequence, settings, now) if place else []
        last = _last(session, place.sequence) if place else 0
    if place is None:
        _begin(store)
        return 0
    if not last:
        return 0
    for one in ready:
        if one.trouble:
            set_aside(store, one.sequence, one.trouble, now)
    _send(store, ready, receiver, now, patience)
    _note_sent(store, last, sum(len(one.lines) for one in ready), now)
    return last - place.sequence


def _send(store: Store, ready: Sequence[Made], receiver: Syslog, now: datetime, patience: Patience) -> None:
    """All at once, and one by one if that fails again and again."""
    lines = [line for one in ready for line in one.lines]
    try:
        if lines:
            send(lines, receiver)
    except TooLongError:
        _one_by_one(store, ready, receiver, now)
    except NotTakenError as error:
        patience.failures += 1
        _note_failing(store, error, now)
        if patience.failures < _SUSPECT_AFTER:
            raise
        _one_by_one(store, ready, receiver, now)
    patience.failures = 0


def _one_by_one(store: Store, ready: Sequence[Made], receiver: Syslog, now: datetime) -> None:
    """Find the event that keeps all others waiting; whatever was taken before it is noted.

    Raises NotTakenError if the receiver takes nothing at all: then no event is to blame.
    """
    for one in ready:
        try:
            if one.lines:
                send(one.lines, receiver)
        except TooLongError as error:
            set_aside(store, one.sequence, error.detail, now)
        except NotTakenError as error:
            if receiver.tls is None:
                raise
            send([], receiver)  # a handshake alone: who is down is not blamed on an event
            set_aside(store, one.sequence, error.detail, now)
        _note_passed(store, one.sequence)


def _begin(store: Store) -> None:
    with store.session() as session:
        end = session.scalar(select(AuditHead.sequence).where(AuditHead.id == 1)) or 0
        session.add(AuditFeed(id=1, sequence=end))


def _last(session: Session, sequence: int) -> int:
    window = select(AuditEvent.sequence).where(AuditEvent.sequence > sequence)
    window = window.order_by(AuditEvent.sequence).limit(_AT_ONCE)
    return session.scalar(select(func.max(window.subquery().c.sequence))) or 0


def _next(session: Session, sequence: int, settings: Settings, now: datetime) -> list[Made]:
    found = select(AuditEvent).where(AuditEvent.sequence > sequence).order_by(AuditEvent.sequence)
    events = [event for event in session.scalars(found.limit(_AT_ONCE)) if event.event in TOLD]
    return [made(session, event, settings, now) for event in events]


def _note_sent(store: Store, sequence: int, count: int, now: datetime) -> None:
    with store.session() as session:
        place = session.get_one(AuditFeed, 1, with_for_update=True)
        place.sequence = sequence
        if count:
            place.sent_at = now
        if place.failing_since is not None:
            audit.record(session, "audit_feed_resumed", None, ACTOR, now, since=place.failing_since)
            place.failing_since = None


def _note_failing(store: Store, error: NotTakenError, now: datetime) -> None:
    with store.session() as session:
        place = session.get_one(AuditFeed, 1, with_for_update=True)
        if place.failing_since is None:
            place.failing_since = now
            audit.record(session, "audit_feed_failing", None, ACTOR, now, error=error.detail)


def _note_passed(store: Store, sequence: int) -> None:
    with store.session() as session:
        place = session.get_one(AuditFeed, 1, with_for_update=True)
        place.sequence = max(place.sequence, sequence)
