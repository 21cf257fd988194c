"""Forwarding: what a sender stores here is owed to the destinations behind us, in the transaction of its row.

So that the node can stand in the line between a scanner and its archive: nothing is acknowledged that is not owed onwards, and
nothing waits for a study, an analysis or a destination.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, bindparam, select

from rules.routing import Cargo
from rules.urgency import Priority
from service.entry import Entry
from service.settings import Settings
from service.store.prepared import Cursor, Prepared, inserting, updating
from service.store.tables import Base, Delivery

_DELIVERY = Base.metadata.tables[Delivery.__tablename__]
_COLUMNS = tuple(name for name in _DELIVERY.c.keys() if name != "id")  # noqa: SIM118 - no dict
_NEW_BYTES: tuple[str, ...] = (
    "path",
    "sha256",
    "transfer_syntax_uid",
    "state",
    "try_at",
    "created_at",
    "tries",
    "asks",
)
_NEW_BYTES += ("last_error", "proof", "stored_at", "proven_at", "transaction_uid")


class Forwarding:
    """Owes objects onwards by their sender."""

    def __init__(self, destinations: Mapping[str, Sequence[str]], dialect: Dialect) -> None:
        """Take the names of destinations by the sender's AE title."""
        self._destinations = destinations
        same = (_DELIVERY.c.sop_instance_uid == bindparam("uid")) & (
            _DELIVERY.c.destination == bindparam("to")
        )
        self._find = Prepared(select(_DELIVERY.c.sha256).where(same), dialect)
        self._add = inserting(_DELIVERY, _COLUMNS, dialect)
        self._change = updating(_DELIVERY, _NEW_BYTES, same, dialect)

    def owe(self, cursor: Cursor, entry: Entry) -> None:
        """Owe an object whose row is new to each destination of its sender.

        Of a UID that comes with other bytes the newest are owed, sent or not: the archive decides about its conflict itself.
        """
        for name in self._destinations.get(entry.calling_ae_title, ()):
            key = {"uid": entry.header.sop_instance_uid, "to": name}
            found = self._find.run(cursor, key).fetchone()
            if found is None:
                self._add.run(cursor, _delivery(entry, name))
            elif found[0] != entry.stored.sha256:
                self._change.run(cursor, _delivery(entry, name) | key)


def by_sender(settings: Settings) -> dict[str, tuple[str, ...]]:
    """AE title to the names of the destinations that its objects go to; several entries for one sender add up."""
    found: dict[str, tuple[str, ...]] = {}
    for one in settings.forward:
        found[one.sender] = tuple(dict.fromkeys((*found.get(one.sender, ()), *one.to)))
    return found


def _delivery(entry: Entry, destination: str) -> dict[str, Any]:
    header = entry.header
    return {
        "study_instance_uid": header.study_instance_uid,
        "job_id": None,
        "cargo": Cargo.ORIGINALS.value,
        "sop_instance_uid": header.sop_instance_uid,
        "sop_class_uid": header.sop_class_uid,
        "series_instance_uid": header.series_instance_uid,
        "transfer_syntax_uid": entry.transfer_syntax_uid,
        "path": entry.stored.path,
        "sha256": entry.stored.sha256,
        "destination": destination,
        "priority": Priority.P4.value,
        "state": "owed",
        "tries": 0,
        "try_at": entry.received_at,
        "last_error": "",
        "created_at": entry.received_at,
        "stored_at": None,
        "asks": 0,
        "transaction_uid": None,
        "proven_at": None,
        "proof": "",
        "alarmed_at": None,
    }
