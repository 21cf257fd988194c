"""The chain of the trail: each event holds the digest of the one before it, so that no change stays unseen.

Events wait in their session until its transaction ends. Only then is the end of the chain locked: rows first, chain last, in every
transaction, so that two writers cannot wait for each other, and the chain is held for no longer than one commit.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from sqlalchemy import event, insert, select, text, update
from sqlalchemy.orm import Session, SessionTransaction

from service.store.tables import AuditEvent, AuditHead

GENESIS = "0" * 64
"""Previous hash of the first event."""
HASHED = (
    *("sequence", "at", "event", "study_instance_uid", "actor", "software"),
    *("policy_digest", "input_digest", "detail", "previous_hash"),
)
"""What the digest of an event covers: everything but itself and the row's own number."""

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
_PENDING = "cartriage_audit_pending"
_MARKS = "cartriage_audit_marks"
LIMIT_THE_WAIT = "SET LOCAL lock_timeout = '20s'"
"""For the end of the chain, on PostgreSQL; SQLite has its own limit (session.py)."""


def append(session: Session, fields: dict[str, Any]) -> None:
    """Let an event wait for the end of the session's transaction; a rollback forgets it."""
    session.info.setdefault(_PENDING, []).append(fields)


def seal(session: Session) -> None:
    """Chain the session's waiting events in their order. To be called last in a transaction, by its owner only."""
    pending: list[dict[str, Any]] = session.info.pop(_PENDING, [])
    if not pending:
        return
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(LIMIT_THE_WAIT))
    head = select(AuditHead.sequence, AuditHead.hash).where(AuditHead.id == 1).with_for_update()
    sequence, last = session.execute(head).one()
    rows = chained(pending, sequence, last)
    session.execute(insert(AuditEvent), rows)
    end = {"sequence": rows[-1]["sequence"], "hash": rows[-1]["hash"]}
    session.execute(update(AuditHead).where(AuditHead.id == 1).values(**end))


def chained(pending: Sequence[Mapping[str, Any]], sequence: int, last: str) -> list[dict[str, Any]]:
    """The rows of waiting events, in their order.

    sequence, last : of the event before them, which the caller holds locked
    """
    rows = []
    for number, fields in enumerate(pending, start=sequence + 1):
        row = {"software": _software(), **fields, "sequence": number, "previous_hash": last}
        row["hash"] = last = hash_of(row)
        rows.append(row)
    return rows


def hash_of(fields: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, of an event's canonical JSON: ASCII, keys sorted, no spaces, moments in UTC to the microsecond."""
    covered = {name: fields[name] for name in HASHED}
    covered["at"] = moment_text(covered["at"])
    return hashlib.sha256(_CANONICAL.encode(covered).encode("ascii")).hexdigest()


def moment_text(moment: datetime | str) -> str:
    """A moment as the chain writes it, as in `2026-05-04T12:00:00.000000Z`; an exported one is taken as it is."""
    if isinstance(moment, str):
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@cache
def _software() -> str:
    return version("cartriage")[:32]


def _mark(session: Session, transaction: SessionTransaction) -> None:
    """A savepoint that is rolled back takes only its own events with it."""
    if transaction.nested:
        session.info.setdefault(_MARKS, {})[transaction] = len(session.info.get(_PENDING, ()))


def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        first = session.info.get(_MARKS, {}).pop(transaction, 0)
        del session.info.get(_PENDING, [])[first:]
    elif transaction.parent is None:
        session.info.pop(_PENDING, None)


event.listen(Session, "after_transaction_create", _mark)
event.listen(Session, "after_soft_rollback", _forget)
