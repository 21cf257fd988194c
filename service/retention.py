"""Retention: images of finished studies are deleted by their age. Results, reports and the registry stay."""

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from rules.volumes import FOLDER, folder_of
from service import audit
from service.audit_purge import AuditPurgeError, purge_events
from service.errors import StoreUnavailableError
from service.settings import Settings
from service.store.feed_tables import ContextMessage, ContextReading
from service.store.files import FileStore
from service.store.prior_tables import PriorInstance
from service.store.retention_tables import AuditCheckpoint, Purge
from service.store.series_tables import SettledSeries
from service.store.session import Store, open_store, upgrade
from service.store.tables import Instance, Job, Study
from service.unfinished import is_unfinished

ACTOR = "retention"
_FOLDER = "purged"
"""In the file store: what is about to go. An object that is sent again at that very moment is put back from here."""
_AFTER_S = 3600.0
_EVERY_S = 3600.0
_RETRY_S = 60.0
_AT_ONCE = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A study whose images may go."""

    study_instance_uid: str
    last_received_at: datetime
    objects: int
    bytes: int


def due(
    session: Session, settings: Settings, now: datetime, limit: int = _AT_ONCE, *, only: str = ""
) -> Sequence[Due]:
    """Studies older than the limit that are finished and still have images, oldest first; only : one of them, by its UID."""
    if not settings.retention_days:
        return ()
    before = now - timedelta(days=settings.retention_days)
    found = (
        select(Study.study_instance_uid, Study.last_received_at, func.count(), func.sum(Instance.size_bytes))
        .join(Instance, Instance.study_instance_uid == Study.study_instance_uid)
        .where(Study.last_received_at < before, ~is_unfinished(), ~_decided_since(before))
        .where(Study.study_instance_uid.not_in(_compared_with(session)))
        .group_by(Study.study_instance_uid, Study.last_received_at)
        .order_by(Study.last_received_at)
    )
    if only:
        found = found.where(Study.study_instance_uid == only)
    return [Due(*row) for row in session.execute(found.limit(limit))]


def purge_study(store: Store, settings: Settings, uid: str, now: datetime, actor: str = ACTOR) -> bool:
    """Delete a study's images, with its line in the trail; False if it is not due (any more).

    The rows go with the images: sent again, they are stored again, and a study that is whole again is the same snapshot.

    Raises StoreUnavailableError, OSError if the disk fails.
    """
    files = FileStore(settings.files)
    with store.session() as session:
        study = session.get(Study, uid, with_for_update=True)
        found = due(session, settings, now, 1, only=uid)
        if study is None or not found:
            return False
        paths = session.scalars(select(Instance.path).where(Instance.study_instance_uid == uid)).all()
        told = {"objects": found[0].objects, "bytes": found[0].bytes, "input_digest": study.settled_digest}
        session.add(Purge(study_instance_uid=uid, at=now, **told))
        audit.record(
            session, "study_purged", uid, actor, now, last_received_at=study.last_received_at, **told
        )
        for table in (Instance, SettledSeries):
            session.execute(delete(table).where(table.study_instance_uid == uid))
        session.flush()
        # Within the transaction: if it fails, the rows are there and `sweep` puts the files back.
        for path in paths:
            _set_aside(files, uid, path)
    _remove(files.resolve(folder_of(uid)))
    _log.info("study_purged", study_instance_uid=uid, objects=found[0].objects)
    return True


def purge_rest(store: Store, settings: Settings, now: datetime) -> None:
    """What is kept beside the studies: earlier studies that were fetched, messages of the context feeds, volumes, the workers' cache."""
    before = now - timedelta(days=settings.retention_days)
    files = FileStore(settings.files)
    with store.session() as session:
        old = select(PriorInstance).where(
            PriorInstance.fetched_at < before,
            PriorInstance.study_instance_uid.not_in(_compared_with(session)),
        )
        for prior in session.scalars(old.limit(10_000)):
            _set_aside(files, prior.study_instance_uid, prior.path)
            session.delete(prior)
        gone = select(ContextMessage.id).where(
            ContextMessage.received_at < before, ContextMessage.state != "set_aside"
        )
        session.execute(delete(ContextReading).where(ContextReading.message_id.in_(gone)))
        session.execute(delete(ContextMessage).where(ContextMessage.id.in_(gone)))
    for shown in (files.root / FOLDER).glob("*/*"):
        if _age_s(shown, now) > settings.retention_days * 86_400:
            _remove(shown)
    for entry in (settings.data / "cache").glob("*/*/*.pickle"):
        if _age_s(entry, now) > settings.retention_days * 86_400:
            entry.unlink(missing_ok=True)


def sweep(store: Store, settings: Settings, now: datetime) -> int:
    """Delete for good what was set aside an hour ago, and put back what a row names again; returns how many files went."""
    files, count = FileStore(settings.files), 0
    for folder in (files.root / _FOLDER).glob("*"):
        with store.reading() as session:
            named = {Path(path).name: files.resolve(path) for path in _named(session, folder.name)}
        for file in folder.iterdir():
            target = named.get(file.name)
            if target is not None and not target.exists():
                file.rename(target)
            elif now.timestamp() - file.stat().st_ctime > _AFTER_S:
                file.unlink(missing_ok=True)
                count += 1
        if not any(folder.iterdir()):
            folder.rmdir()
    return count


def run_retention(settings: Settings, stop: threading.Event) -> None:
    """Purge each hour until `stop` is set; outlives a database that is down and a disk that fails."""
    store = open_store(settings)
    upgrade(store)
    wait_s = 0.0
    while not stop.wait(wait_s):
        try:
            _round(store, settings, stop)
            wait_s = _EVERY_S
        except (StoreUnavailableError, OSError) as error:
            wait_s = _RETRY_S if isinstance(error, StoreUnavailableError) else _EVERY_S
            _log.error("purge_postponed", error=type(error).__name__, wait_s=wait_s)
    store.close()


def _round(store: Store, settings: Settings, stop: threading.Event) -> None:
    now = datetime.now(UTC)
    if settings.retention_days:
        with store.reading() as session:
            found = due(session, settings, now)
        for one in found:
            if stop.is_set():
                return
            purge_study(store, settings, one.study_instance_uid, now)
            time.sleep(0)  # who receives goes first
        purge_rest(store, settings, now)
    sweep(store, settings, now)
    if settings.retention_event_days:
        _write_out(store, settings, now)


def _write_out(store: Store, settings: Settings, now: datetime) -> None:
    """Once a day; that it failed is told to whoever runs the service."""
    with store.reading() as session:
        last = session.scalar(select(func.max(AuditCheckpoint.at)))
    if last is not None and now - last < timedelta(days=1):
        return
    try:
        purge_events(store, settings, ACTOR, now)
    except AuditPurgeError as error:
        _log.error("audit_not_purged", error=error.detail)
        with store.session() as session:
            audit.record(session, "audit_not_purged", None, ACTOR, now, reason=error.detail)


def _decided_since(before: datetime) -> ColumnElement[bool]:
    return exists().where(Job.study_instance_uid == Study.study_instance_uid, Job.created_at >= before)


def _compared_with(session: Session) -> set[str]:
    """Earlier studies that a job which is still owed compares with."""
    owed = session.scalars(select(Job.ready).where(Job.state == "owed"))
    return {str(ready["earlier"]["study_instance_uid"]) for ready in owed if ready and ready.get("earlier")}


def _set_aside(files: FileStore, uid: str, path: str) -> None:
    source = files.resolve(path)
    target = files.root / _FOLDER / uid / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except FileNotFoundError:  # it went before: nothing is left to delete
        return


def _remove(volumes: Path) -> None:
    """Delete the volumes of a study. What stays is told, and tried again by its age each hour."""
    try:
        shutil.rmtree(volumes)
    except FileNotFoundError:  # there were none, or another process was first
        return
    except OSError as error:
        _log.error("volumes_not_deleted", error=type(error).__name__, folder=volumes.name)


def _named(session: Session, uid: str) -> Iterator[str]:
    for table in (Instance, PriorInstance):
        yield from session.scalars(select(table.path).where(table.study_instance_uid == uid))


def _age_s(path: Path, now: datetime) -> float:
    try:
        return now.timestamp() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
