"""The trail: who did what to which study, when. Rows are only ever added, with the change they tell of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import to_plain
from service.store.tables import AuditEvent, Study


def record(
    session: Session, event: str, study_instance_uid: str | None, actor: str, now: datetime, **detail: Any
) -> None:
    """Add an event in the session's own transaction: the change and its trail stand or fall together.

    event : static name, such as `instance_stored`; actor : process, AE title or user; detail : as `to_plain` takes it
    """
    session.add(AuditEvent(**line(event, study_instance_uid, actor, now, **detail)))


def line(
    event: str, study_instance_uid: str | None, actor: str, now: datetime, **detail: Any
) -> dict[str, Any]:
    """The columns of an event, for whoever inserts many at once; see `record`."""
    return {
        "at": now,
        "event": event,
        "study_instance_uid": study_instance_uid,
        "actor": actor[:64],
        "detail": {key: to_plain(value) for key, value in detail.items()},
    }


def trail(session: Session, study_instance_uid: str) -> Sequence[AuditEvent]:
    """All events of a study, oldest first."""
    found = select(AuditEvent).where(AuditEvent.study_instance_uid == study_instance_uid)
    return session.scalars(found.order_by(AuditEvent.id)).all()


def find_studies(session: Session, asked: str) -> Sequence[Study]:
    """The study of that UID; else those of that accession number; else those whose UID starts so."""
    for condition in (
        Study.study_instance_uid == asked,
        Study.accession_number == asked,
        Study.study_instance_uid.startswith(asked, autoescape=True),
    ):
        found = session.scalars(
            select(Study).where(condition).order_by(Study.study_instance_uid).limit(10)
        ).all()
        if found:
            return found
    return ()
