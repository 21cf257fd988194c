"""The row of a study while objects of it arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect, bindparam, select

from service.entry import Entry, line_of
from service.store.prepared import Cursor, Prepared, inserting, reader, updating
from service.store.tables import Base, Study

_STUDY = Base.metadata.tables[Study.__tablename__]
PATIENT = ("patient_id", "issuer", "birth_date")
CONFLICT = "has_identity_conflict"
_NEW_STUDY = {"is_open": False, "settled_snapshot": 0, "settled_digest": "", CONFLICT: False}


class StudyStatements:
    """What is asked of the table of studies, for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare them."""
        uid = _STUDY.c.study_instance_uid == bindparam("uid")
        patient = [_STUDY.c[name] for name in (*PATIENT, CONFLICT)]
        self.find_study = Prepared(select(*patient).where(uid).with_for_update(), dialect)
        self.readers = [reader(column, dialect) for column in patient]
        self.add_study = inserting(_STUDY, tuple(_STUDY.c.keys()), dialect)
        self.change_study = updating(
            _STUDY, (*PATIENT, CONFLICT, "last_received_at", "is_open"), uid, dialect
        )


@dataclass(slots=True)
class StudyRow:
    """A study's row, locked until the transaction ends: the assembly never snapshots between row and row."""

    uid: str
    patient: dict[str, Any]
    last_received_at: datetime | None = None

    @classmethod
    def found(
        cls, statements: StudyStatements, cursor: Cursor, uid: str, batch: Sequence[Entry]
    ) -> "StudyRow":
        """The study's row, made of its first object if there is none."""
        names = (*PATIENT, CONFLICT)
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
        for name in PATIENT:
            known, said = self.patient[name], getattr(entry.header, name)
            if said and not known:
                self.patient[name] = said
            elif said and known != said and not self.patient[CONFLICT]:
                self.patient[CONFLICT] = True
                return [line_of("identity_conflict", entry, differs=name)]
        return []

    def write(self, statements: StudyStatements, cursor: Cursor) -> None:
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
