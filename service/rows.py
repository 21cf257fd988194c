"""Rows: what was received becomes rows and lines in the trail, many objects in one transaction, each told of its own outcome."""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect, bindparam, delete, select
from sqlalchemy.orm import Session

from rules.own import is_own
from service import audit
from service.errors import CollisionError, StoreUnavailableError
from service.headers import PIXEL_CLASSES, Header
from service.store.chain import LIMIT_THE_WAIT, chained
from service.store.files import StoredFile
from service.store.prepared import Cursor, Prepared, inserting, reader, updating
from service.store.session import Store
from service.store.tables import AuditEvent, AuditHead, Base, Instance, Report, Study

_STUDY, _INSTANCE, _AUDIT, _HEAD = (
    Base.metadata.tables[table.__tablename__] for table in (Study, Instance, AuditEvent, AuditHead)
)
_PATIENT = ("patient_id", "issuer", "birth_date")
_CONFLICT = "has_identity_conflict"
_NEW_STUDY = {"is_open": False, "settled_snapshot": 0, "settled_digest": "", _CONFLICT: False}
_STUDY_COLUMNS = tuple(_STUDY.c.keys())
_INSTANCE_COLUMNS = tuple(name for name in _INSTANCE.c.keys() if name != "id")  # noqa: SIM118 - no dict
_BATCH = 200
_PATIENCE_S = 60.0
"""Longer than the database's own patience for a few batches; a row that comes later is found when the object is sent again."""
_TRIES = 3
"""Two processes may bring the first object of a study, or the same object, at the same moment."""


@dataclass(slots=True, eq=False)
class Entry:
    """One object whose file has its name, and whose row is owed."""

    header: Header
    stored: StoredFile
    transfer_syntax_uid: str
    calling_ae_title: str
    received_at: datetime
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    was_added: bool = False
    """The row is this entry's own, not that of the same object which came before."""

    def wait(self) -> None:
        """Wait until the row survives a power cut. Raises what went wrong."""
        if not self.done.wait(_PATIENCE_S):
            raise StoreUnavailableError("no answer")
        if self.error is not None:
            raise self.error


@dataclass(slots=True)
class RowWriter:
    """Group commit: while the disk takes one transaction, the entries of all senders gather, and share the next one."""

    store: Store
    _statements: "_Statements" = field(init=False)
    _owed: "queue.SimpleQueue[Entry | None]" = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write, in a thread of its own."""
        self._statements = _Statements(self.store.engine.dialect)
        self._thread = threading.Thread(target=self._run, name="rows", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is owed, and end."""
        self._owed.put(None)
        if self._thread is not None:
            self._thread.join()

    def enter(self, entry: Entry) -> None:
        """Owe an entry its row; `Entry.wait` tells when it stands."""
        self._owed.put(entry)

    def withdraw(self, entry: Entry) -> None:
        """Take back the row of a file that the disk did not take after all.

        Raises StoreUnavailableError if the database does not answer; the next start withdraws it then.
        """
        with self.store.session() as session:
            withdraw(session, entry.header.sop_instance_uid, entry.stored.sha256)

    def _run(self) -> None:
        while (first := self._owed.get()) is not None:
            batch = [first]
            while len(batch) < _BATCH and not self._owed.empty():
                entry = self._owed.get()
                if entry is None:
                    self._owed.put(None)
                    break
                batch.append(entry)
            self._write(batch)

    def _write(self, batch: list[Entry]) -> None:
        try:
            self._commit(batch)
        except Exception as error:  # noqa: BLE001 - handed to the thread that each entry belongs to
            if len(batch) > 1:  # one bad entry must not fail its neighbours
                for entry in batch:
                    self._write([entry])
                return
            batch[0].error = error
        for entry in batch:
            entry.done.set()

    def _commit(self, batch: list[Entry]) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                with self.store.transaction() as cursor:
                    _enter(self._statements, cursor, batch)
            except CollisionError:
                if attempt == _TRIES:
                    raise
            else:
                return


def withdraw(session: Session, sop_instance_uid: str, sha256: str) -> None:
    """Take the row of an object back."""
    same = (_INSTANCE.c.sop_instance_uid == sop_instance_uid) & (_INSTANCE.c.sha256 == sha256)
    session.execute(delete(_INSTANCE).where(same))


class _Statements:
    """What the intake asks of the database, for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        uid = _STUDY.c.study_instance_uid == bindparam("uid")
        patient = [_STUDY.c[name] for name in (*_PATIENT, _CONFLICT)]
        self.find_study = Prepared(select(*patient).where(uid).with_for_update(), dialect)
        self.readers = [reader(column, dialect) for column in patient]
        self.add_study = inserting(_STUDY, _STUDY_COLUMNS, dialect)
        self.change_study = updating(
            _STUDY, (*_PATIENT, _CONFLICT, "last_received_at", "is_open"), uid, dialect
        )
        same = _INSTANCE.c.sop_instance_uid == bindparam("uid")
        self.find_digests = Prepared(select(_INSTANCE.c.sha256).where(same), dialect)
        self.find_report = Prepared(
            select(Report.sop_instance_uid).where(Report.sop_instance_uid == bindparam("uid")), dialect
        )
        self.add_instance = inserting(_INSTANCE, _INSTANCE_COLUMNS, dialect)
        self.is_postgresql = dialect.name == "postgresql"
        only = _HEAD.c.id == bindparam("head")
        self.find_head = Prepared(
            select(_HEAD.c.sequence, _HEAD.c.hash).where(only).with_for_update(), dialect
        )
        self.add_line = inserting(_AUDIT, [name for name in _AUDIT.c.keys() if name != "id"], dialect)  # noqa: SIM118 - no dict
        self.change_head = updating(_HEAD, ("sequence", "hash"), only, dialect)


def _enter(statements: _Statements, cursor: Cursor, batch: Sequence[Entry]) -> None:
    # The studies' rows first, in one order: their locks make two senders of the same object take turns.
    uids = sorted({entry.header.study_instance_uid for entry in batch})
    studies = {uid: _Study.found(statements, cursor, uid, batch) for uid in uids}
    known: dict[str, set[str]] = {}
    instances: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for entry in batch:
        entry.was_added = False
        uid = {"uid": entry.header.sop_instance_uid}
        if uid["uid"] not in known:
            known[uid["uid"]] = {row[0] for row in statements.find_digests.run(cursor, uid).fetchall()}
        digests = known[uid["uid"]]
        if entry.stored.sha256 in digests:
            lines.append(_line("instance_repeated", entry))
            continue
        is_conflict = bool(digests)
        digests.add(entry.stored.sha256)
        entry.was_added = True
        is_ours = _is_ours(statements, cursor, entry)
        instances.append(_instance(entry, is_conflict=is_conflict, is_ours=is_ours))
        if is_ours:  # our own result, sent back by the PACS, is no news about the patient
            lines.append(_line("own_report_received", entry))
            continue
        lines.append(_line("instance_conflict" if is_conflict else "instance_stored", entry))
        lines += studies[entry.header.study_instance_uid].take(entry)
    if instances:
        statements.add_instance.run_many(cursor, instances)
    for study in studies.values():
        study.write(statements, cursor)
    _seal(statements, cursor, lines)


def _is_ours(statements: _Statements, cursor: Cursor, entry: Entry) -> bool:
    header = entry.header
    if is_own(header.study_instance_uid, header.series_instance_uid, header.manufacturer):
        return True
    if header.sop_class_uid in PIXEL_CLASSES:  # no report of ours is one: a question less for each image
        return False
    return bool(statements.find_report.run(cursor, {"uid": header.sop_instance_uid}).fetchall())


def _seal(statements: _Statements, cursor: Cursor, lines: Sequence[dict[str, Any]]) -> None:
    """Chain the lines and write them; rows first, chain last, as everywhere (service/store/chain.py)."""
    if statements.is_postgresql:
        cursor.execute(LIMIT_THE_WAIT)
    sequence, last = statements.find_head.run(cursor, {"head": 1}).fetchone()
    rows = chained(lines, sequence, last)
    statements.add_line.run_many(cursor, rows)
    end = {"head": 1, "sequence": rows[-1]["sequence"], "hash": rows[-1]["hash"]}
    statements.change_head.run(cursor, end)


@dataclass(slots=True)
class _Study:
    """A study's row, locked until the transaction ends: the assembly never snapshots between row and row."""

    uid: str
    patient: dict[str, Any]
    last_received_at: datetime | None = None

    @classmethod
    def found(cls, statements: _Statements, cursor: Cursor, uid: str, batch: Sequence[Entry]) -> "_Study":
        """The study's row, made of its first object if there is none."""
        names = (*_PATIENT, _CONFLICT)
        rows = statements.find_study.run(cursor, {"uid": uid}).fetchall()
        if rows:
            pairs = zip(statements.readers, rows[0], strict=True)
            return cls(
                uid, dict(zip(names, (read(value) if read else value for read, value in pairs), strict=True))
            )
        first = next(entry for entry in batch if entry.header.study_instance_uid == uid)
        columns = _new_study(first)
        statements.add_study.run(cursor, columns)
        return cls(uid, {name: columns[name] for name in names})

    def take(self, entry: Entry) -> list[dict[str, Any]]:
        """Note what an object says, and return what the trail must tell of it.

        A study whose objects name two patients is never fused with anybody's context. Derived objects often lack an issuer or
        a birth date: what is missing contradicts nothing, and is filled in.
        """
        self.last_received_at = entry.received_at
        for name in _PATIENT:
            known, said = self.patient[name], getattr(entry.header, name)
            if said and not known:
                self.patient[name] = said
            elif said and known != said and not self.patient[_CONFLICT]:
                self.patient[_CONFLICT] = True
                return [_line("identity_conflict", entry, differs=name)]
        return []

    def write(self, statements: _Statements, cursor: Cursor) -> None:
        """Write what `take` noted; nothing if it took nothing."""
        if self.last_received_at is not None:
            news = {"uid": self.uid, "last_received_at": self.last_received_at, "is_open": True}
            statements.change_study.run(cursor, self.patient | news)


def _new_study(entry: Entry) -> dict[str, Any]:
    header = entry.header
    return {
        "study_instance_uid": header.study_instance_uid,
        "patient_id": header.patient_id,
        "issuer": header.issuer,
        "patient_name": header.patient_name,
        "birth_date": header.birth_date,
        "accession_number": header.accession_number,
        "description": header.study_description,
        "study_date": header.study_date,
        "order_priority": header.order_priority,
        "received_at": entry.received_at,
        "last_received_at": entry.received_at,
        **_NEW_STUDY,
    }


def _instance(entry: Entry, *, is_conflict: bool, is_ours: bool) -> dict[str, Any]:
    header, stored = entry.header, entry.stored
    return {
        "study_instance_uid": header.study_instance_uid,
        "series_instance_uid": header.series_instance_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "sop_class_uid": header.sop_class_uid,
        "transfer_syntax_uid": entry.transfer_syntax_uid,
        "modality": header.modality,
        "body_part": header.body_part,
        "series_description": header.series_description,
        "path": stored.path,
        "sha256": stored.sha256,
        "size_bytes": stored.size_bytes,
        "calling_ae_title": entry.calling_ae_title,
        "received_at": entry.received_at,
        "is_conflict": is_conflict,
        "is_own": is_ours,
    }


def _line(event: str, entry: Entry, **detail: str) -> dict[str, Any]:
    header = entry.header
    return audit.line(
        event,
        header.study_instance_uid,
        entry.calling_ae_title,
        entry.received_at,
        sop_instance_uid=header.sop_instance_uid,
        series_instance_uid=header.series_instance_uid,
        sha256=entry.stored.sha256,
        **detail,
    )
