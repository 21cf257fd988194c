"""Entry: one received object on its way to its row."""

import threading
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from service import audit
from service.errors import StoreUnavailableError
from service.headers import Header
from service.store.files import StoredFile

_PATIENCE_S = 25.0
"""Less than a sender's patience (30 s), so that it hears `later` from us instead of giving us up: an entry may wait for a batch that
waits for the database, and then for its own. A row that comes later is found when the object is sent again."""


Facts = tuple[Any, ...]
"""Plain values of which another process makes the same entry; classes would be most of the work of sending it."""
_HEADER, _STORED = (attrgetter(*(one.name for one in fields(kind))) for kind in (Header, StoredFile))
_OTHERS = attrgetter("transfer_syntax_uid", "calling_ae_title", "received_at")


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Entry:
    """One object whose file has its name, and whose row is owed."""

    header: Header
    stored: StoredFile
    transfer_syntax_uid: str
    calling_ae_title: str
    received_at: datetime
    error: Exception | None = None
    was_added: bool = False
    """The row is this entry's own, not that of the same object which came before."""

    _untold: threading.Lock = field(default_factory=_held)
    """Held until the outcome is known: an event would make a lock for each wait, and a condition around it."""

    @property
    def facts(self) -> Facts:
        """It without its outcome."""
        return _HEADER(self.header), _STORED(self.stored), _OTHERS(self)

    @classmethod
    def of(cls, facts: Facts) -> "Entry":
        """The entry that gave the facts."""
        header, stored, others = facts
        return cls(Header(*header), StoredFile(*stored), *others)

    def tell(self) -> None:
        """Let `wait` return."""
        self._untold.release()

    def wait(self) -> None:
        """Wait until the row survives a power cut. Raises what went wrong."""
        if not self._untold.acquire(timeout=_PATIENCE_S):
            raise StoreUnavailableError("no answer")
        self._untold.release()
        if self.error is not None:
            raise self.error


def line_of(event: str, entry: Entry, **detail: str) -> dict[str, Any]:
    """A line of the trail about an object."""
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
