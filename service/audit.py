"""The trail: who did what to which study, when. Events are only ever added, with the change they tell of, and chained."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from rules.codec import to_plain
from service.store.chain import append
from service.store.tables import AuditEvent, Study


def record(
    session: Session, event: str, study_instance_uid: str | None, actor: str, now: datetime, **detail: Any
) -> None:
    """Add an event in the session's own transaction: the change and its trail stand or fall together.

    It is written and chained when the transaction ends (service/store/chain.py).

    event : static name, such as `instance_stored`; actor : process, AE title or user; detail : as `to_plain` takes it
    """
    append(session, line(event, study_instance_uid, actor, now, **detail))


def line(
    event: str, study_instance_uid: str | None, actor: str, now: datetime, **detail: Any
) -> dict[str, Any]:
    """The fields of an event that is not chained yet, for whoever writes many at once; see `record`."""
    plain = {key: to_plain(value) for key, value in detail.items()}
    policy = plain.get("policy")
    return {
        "at": now,
        "event": event,
        "study_instance_uid": study_instance_uid,
        "actor": actor[:64],
        "policy_digest": str(policy.get("digest", ""))[:64] if isinstance(policy, dict) else "",
        "input_digest": str(plain.get("input_digest") or "")[:64],
        "detail": plain,
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look for in the trail; an empty field asks nothing."""

    study_instance_uid: str = ""
    event: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before_sequence: int | None = None
    """The next page: only events before this one."""


def trail(session: Session, study_instance_uid: str) -> Sequence[AuditEvent]:
    """All events of a study, oldest first."""
    found = select(AuditEvent).where(AuditEvent.study_instance_uid == study_instance_uid)
    return session.scalars(found.order_by(AuditEvent.sequence)).all()


def search(session: Session, asked: Asked, limit: int) -> Sequence[AuditEvent]:
    """The newest events that fit, newest first."""
    return session.scalars(matching(asked).order_by(AuditEvent.sequence.desc()).limit(limit)).all()


def matching(asked: Asked) -> Select[AuditEvent]:
    """The events that fit, in no order."""
    found = select(AuditEvent)
    if asked.study_instance_uid:
        found = found.where(AuditEvent.study_instance_uid == asked.study_instance_uid)
    if asked.event:
        found = found.where(AuditEvent.event == asked.event)
    if asked.actor:
        found = found.where(AuditEvent.actor == asked.actor)
    if asked.since:
        found = found.where(AuditEvent.at >= asked.since)
    if asked.until:
        found = found.where(AuditEvent.at < asked.until)
    if asked.before_sequence is not None:
        found = found.where(AuditEvent.sequence < asked.before_sequence)
    return found


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
