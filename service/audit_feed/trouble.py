"""Events that the audit feed set aside: shown to a person, and sent again when they say so."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service import audit
from service.audit_feed.making import made
from service.audit_feed.syslog import NotTakenError, Receiver, TooLongError, send
from service.errors import ServiceError
from service.settings import Settings
from service.store.desk_tables import AuditFeedTrouble
from service.store.session import Store
from service.store.tables import AuditEvent

ACTOR = "audit-feed"

_log = structlog.get_logger(__name__)


class NoSuchTroubleError(ServiceError):
    """No such event is set aside."""


def set_aside(store: Store, sequence: int, reason: str, now: datetime) -> None:
    """Note an event that the feed goes on without, with its line in the trail; once, as long as the reason is the same."""
    with store.session() as session:
        known = session.get(AuditFeedTrouble, sequence)
        if known is not None and known.reason == reason and not known.is_owed:
            return
        session.merge(AuditFeedTrouble(sequence=sequence, reason=reason, at=now, is_owed=False))
        audit.record(session, "audit_message_set_aside", None, ACTOR, now, about=sequence, reason=reason)
    _log.error("audit_message_set_aside", about=sequence, reason=reason)


def troubles(session: Session, limit: int = 100) -> Sequence[AuditFeedTrouble]:
    """What was set aside, oldest first."""
    return session.scalars(select(AuditFeedTrouble).order_by(AuditFeedTrouble.sequence).limit(limit)).all()


def owe_again(session: Session, sequence: int, actor: str, now: datetime) -> None:
    """Let the feed try an event again.

    Raises NoSuchTroubleError.
    """
    wanted = update(AuditFeedTrouble).where(AuditFeedTrouble.sequence == sequence).values(is_owed=True)
    if not session.execute(wanted.returning(AuditFeedTrouble.sequence)).all():
        raise NoSuchTroubleError(f"number {sequence}")
    audit.record(session, "audit_message_retried", None, actor, now, about=sequence)


def retry_owed(store: Store, settings: Settings, receiver: Receiver, now: datetime) -> None:
    """Try again what a person asked for; what still cannot be sent stays set aside with its new reason.

    Raises NotTakenError if the receiver does not take it though it may, StoreUnavailableError.
    """
    with store.reading() as session:
        wanted = select(AuditEvent).join(AuditFeedTrouble, AuditFeedTrouble.sequence == AuditEvent.sequence)
        events = session.scalars(wanted.where(AuditFeedTrouble.is_owed).order_by(AuditEvent.sequence)).all()
        ready = [made(session, event, settings, now) for event in events]
    for one in ready:
        reason = one.trouble
        try:
            if one.lines:
                send(one.lines, receiver)
        except TooLongError as error:
            reason = error.detail
        except NotTakenError as error:
            set_aside(store, one.sequence, error.detail, now)
            raise
        if reason:
            set_aside(store, one.sequence, reason, now)
            continue
        with store.session() as session:
            session.delete(session.get_one(AuditFeedTrouble, one.sequence))
            audit.record(session, "audit_message_sent", None, ACTOR, now, about=one.sequence)
