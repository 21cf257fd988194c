"""Pages of the reading list: filtered, searched, in its order, each page found by where the one before ended."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, func, literal, select, tuple_, union
from sqlalchemy.orm import InstrumentedAttribute, Session

from rules.urgency import Priority
from service.errors import ServiceError
from service.store.desk_tables import WorklistEntry, WorklistState
from service.worklist import Status

PAGE = 50
"""Rows of a page."""
MOST = 200
_LAST = "\U0010ffff"
"""The last code point: every text with a beginning sorts before the beginning and this."""
_ORDER = (
    WorklistEntry.is_read,
    WorklistEntry.place,
    WorklistEntry.order_at,
    WorklistEntry.study_instance_uid,
)


class CursorError(ServiceError):
    """The page that was asked for does not exist."""


class Show(StrEnum):
    """Which studies; nothing is hidden for good, each stands under `all`."""

    FLAGGED = "flagged"
    WAITING = "waiting"
    """Not acknowledged yet."""
    UNASSESSED = "unassessed"
    """Not assessed, failed, or not analysed."""
    READ = "read"
    ALL = "all"
    """Also the studies of patients who are not flagged."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to see."""

    show: Show = Show.FLAGGED
    priority: Priority | None = None
    text: str = ""
    """Beginning of patient ID or name; or a whole accession number or UID."""
    limit: int = PAGE
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list."""

    entries: Sequence[WorklistEntry]
    next_cursor: str
    """Empty on the last page."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the list stands."""

    counts: dict[str, int]
    """Unread studies of flagged patients, by shown priority; `none` has no result yet."""
    version: int
    at: datetime | None
    """When it was last up to date."""


def listed(session: Session, wanted: Wanted) -> Listed:
    """A page of the list.

    Raises CursorError.
    """
    found = _matching(wanted)
    if wanted.cursor:
        found = found.where(tuple_(*_ORDER) > tuple_(*_position(wanted.cursor)))
    rows = session.scalars(found.order_by(*_ORDER).limit(wanted.limit + 1)).all()
    shown = rows[: wanted.limit]
    return Listed(shown, _cursor(shown[-1]) if len(rows) > wanted.limit else "")


def standing(session: Session, known: Standing | None = None) -> Standing:
    """Counts and age of the list.

    known : of an earlier call; while the list has the same version, its counts hold
    """
    version, at = _age(session.get(WorklistState, 1))
    if known is not None and known.version == version:
        return replace(known, at=at)
    counted = (
        select(WorklistEntry.place, func.count())
        .where(WorklistEntry.is_flagged, WorklistEntry.is_read.is_(False))
        .group_by(WorklistEntry.place)
    )
    counts = dict.fromkeys((*Priority, "none"), 0)
    names = ("P1", "P2", "none", "P3", "P4")  # the order of service.worklist.rank_of
    for place, count in session.execute(counted):
        counts[names[place // 2]] += count
    return Standing({str(name): count for name, count in counts.items()}, version, at)


def _age(state: WorklistState | None) -> tuple[int, datetime | None]:
    return (state.version, state.at) if state else (0, None)


def _matching(wanted: Wanted) -> Select[WorklistEntry]:
    found = select(WorklistEntry)
    if wanted.show is not Show.ALL:
        found = found.where(WorklistEntry.is_flagged)
    if wanted.show is Show.WAITING:
        found = found.where(WorklistEntry.is_read.is_(False), WorklistEntry.acknowledged_at.is_(None))
    elif wanted.show is Show.UNASSESSED:
        unassessed = (Status.NOT_ASSESSED.value, Status.FAILED.value, Status.NOT_ANALYSED.value)
        found = found.where(WorklistEntry.status.in_(unassessed))
    elif wanted.show is Show.READ:
        found = found.where(WorklistEntry.is_read)
    if wanted.priority:
        found = found.where(WorklistEntry.shown == wanted.priority.value)
    return found.where(_text(wanted.text.strip())) if wanted.text.strip() else found


def _text(text: str) -> ColumnElement[bool]:
    """By index each: the beginnings of patient ID and name, the whole accession number or UID."""
    conditions = (
        _begins(WorklistEntry.patient_id, text),
        _begins(WorklistEntry.search_name, text.upper()),
        WorklistEntry.accession_number == text,
        WorklistEntry.study_instance_uid == text,
    )
    found = [select(WorklistEntry.study_instance_uid).where(one) for one in conditions]
    return WorklistEntry.study_instance_uid.in_(union(*found))


def _begins(column: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    return and_(column >= text, column < text + _LAST)


def _cursor(entry: WorklistEntry) -> str:
    place = [entry.is_read, entry.place, entry.order_at.isoformat(), entry.study_instance_uid]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _position(cursor: str) -> list[object]:
    try:
        is_read, place, order_at, uid = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        values = (bool(is_read), int(place), datetime.fromisoformat(order_at), str(uid))
        if values[2].tzinfo is None:
            raise CursorError
    except (ValueError, TypeError) as error:
        raise CursorError from error
    return [literal(value, column.type) for value, column in zip(values, _ORDER, strict=True)]
