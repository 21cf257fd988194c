"""Messages that could not be taken: set aside on disk with a row, shown to a person, tried again or dropped."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rules.identity import digest_of
from service import audit
from service.context_feed.news import Fault, FeedError
from service.context_feed.taking import ACTOR, Arrived, Outcome, Registry, may_concern, take
from service.errors import ServiceError, StoreUnavailableError
from service.settings import Settings
from service.store.feed_tables import ContextMessage

FOLDER = "set-aside"
"""In the data folder. What lies there holds patients' data."""
MOST = 5000
"""More messages are not set aside but refused: a mapping that fits nothing must not fill the disk."""
_NOT_KEPT = (Fault.UNSUPPORTED, Fault.NOT_LIVE, Fault.VERSION, Fault.FULL)

_log = structlog.get_logger(__name__)


class NotSetAsideError(ServiceError):
    """No such message is set aside."""


def receive(where: Registry, arrived: Arrived, now: datetime) -> Outcome:
    """Take a message, or set it aside.

    Raises FeedError if it was not taken, StoreUnavailableError if the database does not answer or another process took it at
    the same moment.
    """
    try:
        with where.store.reading() as session:
            if not may_concern(session, arrived, where.known):
                return Outcome.NOT_OURS
        with where.store.session() as session:
            outcome = take(session, arrived, where, now)
            _let_go(session, arrived.digest, where.settings)
    except IntegrityError as error:
        raise StoreUnavailableError("taken twice at once") from error
    except FeedError as error:
        if error.fault not in _NOT_KEPT:
            _set_aside(where, arrived, error, now)
        raise
    return outcome


def set_aside(session: Session, limit: int = 200) -> Sequence[ContextMessage]:
    """What waits for a person, oldest first."""
    found = select(ContextMessage).where(ContextMessage.state == "set_aside")
    return session.scalars(found.order_by(ContextMessage.id).limit(limit)).all()


def content_of(session: Session, number: int, settings: Settings, actor: str, now: datetime) -> bytes:
    """What is in a message. That somebody looked is an event of the trail.

    Raises NotSetAsideError.
    """
    row = _row(session, number)
    content = _read(row, settings)
    audit.record(session, "viewed_context_message", None, actor, now, message=number)
    return content


def retry(where: Registry, number: int, actor: str, now: datetime) -> Outcome:
    """Try a message again, with the mapping and the registry as they are now.

    Raises NotSetAsideError, or FeedError if it still cannot be taken: then it stays set aside.
    """
    with where.store.reading() as session:
        row = _row(session, number)
    arrived = Arrived(row.feed, row.sender, row.kind, _read(row, where.settings), row.key)
    try:
        outcome = receive(where, arrived, now)
    finally:
        with where.store.session() as session:
            audit.record(session, "context_message_retried", None, actor, now, message=number)
    if outcome is Outcome.NOT_OURS:
        drop(where, number, actor, outcome.value, now)
    return outcome


def drop(where: Registry, number: int, actor: str, reason: str, now: datetime) -> None:
    """Give a message up; what it held is deleted.

    Raises NotSetAsideError.
    """
    with where.store.session() as session:
        row = _row(session, number)
        row.state, row.done_at = "dropped", now
        audit.record(session, "context_message_dropped", None, actor, now, message=number, reason=reason)
        _let_go(session, row.key, where.settings)


def _set_aside(where: Registry, arrived: Arrived, error: FeedError, now: datetime) -> None:
    """File first, then row: a file without a row is only waste."""
    key = (
        digest_of([arrived.digest, arrived.content_digest]) if error.fault is Fault.REUSED else arrived.digest
    )
    with where.store.session() as session:
        known = session.scalar(select(ContextMessage).where(ContextMessage.key == key))
        if (
            known is not None
            and known.content_digest == arrived.content_digest
            and known.reason == error.detail
        ):
            return
        waiting = select(func.count()).select_from(ContextMessage).where(ContextMessage.state == "set_aside")
        if known is None and (session.scalar(waiting) or 0) >= MOST:
            raise FeedError(Fault.FULL, f"{MOST} messages wait for a person")
        row = known or ContextMessage(key=key, received_at=now)
        row.feed, row.sender, row.kind = arrived.feed, arrived.sender[:64], arrived.kind[:32]
        row.content_digest, row.state = arrived.content_digest, "set_aside"
        row.fault, row.reason, row.path = error.fault.name, error.detail, f"{FOLDER}/{key}"
        _write(where.settings.data / row.path, arrived.content)
        session.add(row)
        session.flush()
        audit.record(
            session,
            "context_message_set_aside",
            None,
            ACTOR,
            now,
            message=row.id,
            feed=row.feed,
            sender=row.sender,
            kind=row.kind,
            reason=error.detail,
        )
        _log.warning("context_message_set_aside", message=row.id, feed=row.feed, fault=error.fault.name)


def _let_go(session: Session, key: str, settings: Settings) -> None:
    """Delete what a message held, once it is not set aside any more."""
    row = session.scalar(select(ContextMessage).where(ContextMessage.key == key))
    if row is not None and row.path and row.state != "set_aside":
        (settings.data / row.path).unlink(missing_ok=True)
        row.path = ""


def _row(session: Session, number: int) -> ContextMessage:
    row = session.get(ContextMessage, number)
    if row is None or row.state != "set_aside":
        raise NotSetAsideError(f"number {number}")
    return row


def _read(row: ContextMessage, settings: Settings) -> bytes:
    try:
        return (settings.data / row.path).read_bytes()
    except OSError as error:
        raise NotSetAsideError(f"its file cannot be read: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
