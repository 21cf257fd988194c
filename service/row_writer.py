"""The row writer: gathers the entries of all senders, and has each told of its own outcome."""

import queue
import threading
from dataclasses import dataclass, field
from typing import Protocol

from service.entry import Entry
from service.rows import withdraw
from service.store.session import Store

_BATCH = 200
_REST_AFTER_S = 1.0
_START_LIMIT_S = 30.0


class Committer(Protocol):
    """Who writes a batch: this process (`service.rows`) or one of its own (`service.row_process`)."""

    def open(self) -> None:
        """Begin; called by the thread that writes."""

    def write(self, batch: list[Entry]) -> None:
        """Write entries; each has its own error then, if there was one."""

    def rest(self) -> None:
        """Nothing comes; called each second until something does."""

    def close(self) -> None:
        """End."""


@dataclass(slots=True)
class RowWriter:
    """Group commit: while the disk takes one transaction, the entries of all senders gather, and share the next one."""

    store: Store
    committer: Committer
    _owed: "queue.SimpleQueue[Entry | None]" = field(default_factory=queue.SimpleQueue)
    _is_open: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="rows", daemon=True)
        self._thread.start()
        self._is_open.wait(_START_LIMIT_S)

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
        self.committer.open()
        self._is_open.set()
        while (first := self._next()) is not None:
            batch = [first]
            while len(batch) < _BATCH and not self._owed.empty():
                entry = self._owed.get()
                if entry is None:
                    self._owed.put(None)
                    break
                batch.append(entry)
            self._write(batch)
        self.committer.close()

    def _write(self, batch: list[Entry]) -> None:
        try:
            self.committer.write(batch)
        except Exception as error:  # noqa: BLE001 - handed to the thread that each entry belongs to
            for entry in batch:
                entry.error = error
        for entry in batch:
            entry.tell()

    def _next(self) -> Entry | None:
        """The next entry, or None at the end."""
        while True:
            try:
                return self._owed.get(timeout=_REST_AFTER_S)
            except queue.Empty:
                self.committer.rest()
