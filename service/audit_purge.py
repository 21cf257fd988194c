"""Old events leave the database for a file that is checked without us; a checkpoint holds their place in the chain."""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service import audit
from service.audit_check import start_of, verify_after, verify_exported
from service.audit_export import json_lines, read_json_lines
from service.errors import ServiceError
from service.settings import Settings
from service.store.desk_tables import AuditFeed, WorklistState
from service.store.retention_tables import AuditCheckpoint
from service.store.session import Store
from service.store.tables import AuditEvent, Study
from service.unfinished import is_unfinished

_AT_ONCE = 1000

_log = structlog.get_logger(__name__)


class AuditPurgeError(ServiceError):
    """Old events were not removed."""


def last_due(session: Session, settings: Settings, now: datetime) -> int:
    """Sequence of the last event that may go: all before it are old, followed, sent, and of no study that is unfinished; 0 is none."""
    before = now - timedelta(days=settings.retention_event_days)
    kept = session.scalar(select(func.min(AuditEvent.sequence)).where(AuditEvent.at >= before))
    unfinished = select(Study.study_instance_uid).where(is_unfinished())
    open_from = session.scalar(
        select(func.min(AuditEvent.sequence)).where(AuditEvent.study_instance_uid.in_(unfinished))
    )
    last = session.scalar(select(func.max(AuditEvent.sequence))) or 0
    followed = session.scalar(select(WorklistState.sequence).where(WorklistState.id == 1)) or 0
    bounds = [last, followed, *(one - 1 for one in (kept, open_from) if one is not None)]
    if settings.audit_syslog:
        bounds.append(session.scalar(select(AuditFeed.sequence).where(AuditFeed.id == 1)) or 0)
    return max(min(bounds), 0)


def purge_events(store: Store, settings: Settings, actor: str, now: datetime) -> AuditCheckpoint | None:
    """Write the events that may go to a file, check it, and only then remove them; None if none may go.

    Raises AuditPurgeError if the trail is not whole (then it stays as it is) or the file cannot be written,
    StoreUnavailableError if the database does not answer.
    """
    with store.reading() as session:
        start, until = start_of(session), last_due(session, settings, now)
        if until <= start.sequence:
            return None
        verdict = verify_after(start, _events(session, start.sequence, until))
        if not verdict.is_whole:
            raise AuditPurgeError(f"event {verdict.faults[0].sequence} {verdict.faults[0].words}")
        name = f"audit-{start.sequence + 1:09d}-{until:09d}.jsonl"
        sha256 = _write(session, settings, name, start.sequence, until)
    made = AuditCheckpoint(
        sequence=until, hash=verdict.last_hash, events=verdict.events, file=name, sha256=sha256, at=now
    )
    with store.session() as session:
        session.add(made)
        session.flush()
        session.execute(delete(AuditEvent).where(AuditEvent.sequence <= until))
        told = {"until": until, "hash": made.hash, "events": made.events, "file": name, "sha256": sha256}
        audit.record(session, "audit_purged", None, actor, now, **told)
    _log.info("audit_purged", until=until, events=made.events)
    return made


def _events(session: Session, after: int, until: int) -> Iterator[AuditEvent]:
    found = select(AuditEvent).where(AuditEvent.sequence > after, AuditEvent.sequence <= until)
    return iter(session.scalars(found.order_by(AuditEvent.sequence).execution_options(yield_per=_AT_ONCE)))


def _write(session: Session, settings: Settings, name: str, after: int, until: int) -> str:
    """Write, read again and check; returns the file's SHA-256."""
    folder = settings.retention_archive
    if folder is None:
        raise AuditPurgeError("no folder for them is configured (CARTRIAGE_RETENTION_ARCHIVE)")
    path, temporary = folder / name, folder / f".{name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(json_lines(_events(session, after, until)))
            file.flush()
            os.fsync(file.fileno())
        with temporary.open(encoding="utf-8") as file:
            verdict = verify_exported(read_json_lines(file))
        if not verdict.is_whole or verdict.events != until - after:
            raise AuditPurgeError("the file does not read back as it was written")
        temporary.replace(path)
        _sync(folder)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AuditPurgeError(f"{name}: {error.strerror}") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
