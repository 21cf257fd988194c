"""Rows: what was received becomes rows and lines in the trail, many objects in one transaction, each told of its own outcome."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, bindparam, delete, select
from sqlalchemy.orm import Session

from rules.own import is_own
from service.entry import Entry, line_of
from service.errors import CollisionError, StoreUnavailableError
from service.forwarding import Forwarding
from service.headers import PIXEL_CLASSES
from service.store.chain import LIMIT_THE_WAIT, chained
from service.store.prepared import Cursor, Prepared, inserting, updating
from service.store.session import Store, Writer
from service.store.tables import AuditEvent, AuditHead, Base, Delivery, Instance, Report
from service.study_rows import StudyRow, StudyStatements

_INSTANCE, _AUDIT, _HEAD = (
    Base.metadata.tables[table.__tablename__] for table in (Instance, AuditEvent, AuditHead)
)
_INSTANCE_COLUMNS = tuple(name for name in _INSTANCE.c.keys() if name != "id")  # noqa: SIM118 - no dict
_TRIES = 3
"""Two processes may bring the first object of a study, or the same object, at the same moment."""


class Rows:
    """Writes the rows of many objects in one transaction; of one thread."""

    def __init__(self, store: Store, forward: Mapping[str, Sequence[str]]) -> None:
        """Take which sender's objects (by AE title) are passed on to which destinations."""
        self._statements = _Statements(store.engine.dialect, forward)
        self._writer = Writer(store.engine)

    def open(self) -> None:
        """Nothing to do: it connects on first use."""

    def write(self, batch: list[Entry]) -> None:
        """Write entries; each has its own error then, if there was one."""
        try:
            self._commit(batch)
        except Exception as error:  # noqa: BLE001 - handed to the thread that each entry belongs to
            # One bad entry must not fail its neighbours; but a database that is away is away for all of them, and one wait after
            # the other would keep the last senders longer than they wait.
            if len(batch) > 1 and not isinstance(error, StoreUnavailableError):
                for entry in batch:
                    self.write([entry])
                return
            for entry in batch:
                entry.error = error

    def rest(self) -> None:
        """Give the connection back while nothing comes."""
        self._writer.rest()

    def close(self) -> None:
        """Let go of the connection."""
        self._writer.rest()

    def _commit(self, batch: list[Entry]) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                with self._writer.transaction() as cursor:
                    _enter(self._statements, cursor, batch)
            except CollisionError:
                if attempt == _TRIES:
                    raise
            else:
                return


def withdraw(session: Session, sop_instance_uid: str, sha256: str) -> None:
    """Take the row of an object back, and what is owed of it: its sender brings it again."""
    same = (_INSTANCE.c.sop_instance_uid == sop_instance_uid) & (_INSTANCE.c.sha256 == sha256)
    session.execute(delete(_INSTANCE).where(same))
    unsent = (Delivery.sop_instance_uid == sop_instance_uid) & (Delivery.sha256 == sha256)
    session.execute(delete(Delivery).where(unsent, Delivery.job_id.is_(None), Delivery.state == "owed"))


class _Statements:
    """What the intake asks of the database, for one dialect."""

    def __init__(self, dialect: Dialect, forward: Mapping[str, Sequence[str]]) -> None:
        self.forwarding = Forwarding(forward, dialect)
        self.studies = StudyStatements(dialect)
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
    studies = {uid: StudyRow.found(statements.studies, cursor, uid, batch) for uid in uids}
    known: dict[str, set[str]] = {}
    instances: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    passed_on: list[Entry] = []
    for entry in batch:
        entry.was_added = False
        uid = {"uid": entry.header.sop_instance_uid}
        if uid["uid"] not in known:
            known[uid["uid"]] = {row[0] for row in statements.find_digests.run(cursor, uid).fetchall()}
        digests = known[uid["uid"]]
        if entry.stored.sha256 in digests:
            lines.append(line_of("instance_repeated", entry))
            continue
        is_conflict = bool(digests)
        digests.add(entry.stored.sha256)
        entry.was_added = True
        is_ours = _is_ours(statements, cursor, entry)
        instances.append(_instance(entry, is_conflict=is_conflict, is_ours=is_ours))
        if is_ours:  # our own result, sent back by the PACS, is no news about the patient
            lines.append(line_of("own_report_received", entry))
            continue
        lines.append(line_of("instance_conflict" if is_conflict else "instance_stored", entry))
        passed_on.append(entry)
        lines += studies[entry.header.study_instance_uid].take(entry)
    if instances:
        statements.add_instance.run_many(cursor, instances)
    for study in studies.values():
        study.write(statements.studies, cursor)
    for entry in passed_on:
        statements.forwarding.owe(cursor, entry)
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
