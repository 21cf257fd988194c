"""Rows apart: a process of its own writes what the node receives, so that the node's one core of Python is left for the network.

The node asks for a batch and waits; the answer comes when the rows are durable. If the process dies, it is started again and asked
once more: a row that it had written before is found, not doubled.
"""

import os
import pickle
import select
import socket
import struct
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

import structlog

from service.children import Popen, attach, end, words_of
from service.entry import Entry, Facts
from service.environment import environment_of
from service.errors import RowError, StoreUnavailableError
from service.forwarding import by_sender
from service.rows import Rows
from service.runners import ROWS
from service.settings import Settings
from service.store.session import open_store

_READY = "ready"
_END_LIMIT_S = 3.0
_LIMIT = struct.pack("@ll", 90, 0)
"""Longest wait for an answer, as a timeval of socket(7): longer than a locked database keeps the process, three tries of 20 s."""
_REST_AFTER_S = 1.0
_TRIES = 2

_log = structlog.get_logger(__name__)


_Outcome = tuple[bool, bool, str]
"""Whether the entry's own row was added, whether the database did not answer, and what else went wrong."""


class DistantRows:
    """The node's end; used by one thread, with which the process ends at the latest."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings of the node, the same for the process."""
        self._settings = settings
        self._popen: Popen | None = None
        self._channel: Connection | None = None

    def open(self) -> None:
        """Start the process. That it does not come up is told with the first batch."""
        try:
            self._start()
        except (OSError, EOFError):
            self.close()

    def write(self, batch: list[Entry]) -> None:
        """Have entries written; each has its own error then, if there was one."""
        asked = [entry.facts for entry in batch]
        for _ in range(_TRIES):
            try:
                outcomes = self._ask(asked)
            except (OSError, EOFError) as error:
                self._bury(type(error).__name__)
                continue
            for entry, outcome in zip(batch, outcomes, strict=True):
                entry.was_added, entry.error = outcome[0], _error(outcome)
            return
        for entry in batch:
            entry.error = StoreUnavailableError("no process writes rows")

    def rest(self) -> None:
        """Start the process again if it has died, so that the next sender need not wait for it."""
        if self._popen is not None and self._popen.poll() is not None:
            self._bury("died")
            self.open()

    def close(self) -> None:
        """Let the process end, which finishes what it has begun."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._popen is not None:
            end(self._popen, _END_LIMIT_S)
            self._popen = None

    def _start(self) -> Connection:
        ours, its = socket.socketpair()
        with its:
            for way in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                ours.setsockopt(socket.SOL_SOCKET, way, _LIMIT)
            channel = self._channel = Connection(ours.detach())
            environment = environment_of(self._settings) | {"CARTRIAGE_LOG_FORMAT": self._settings.log_format}
            self._popen = attach([sys.executable, "-m", "service.cli", "run", ROWS], environment, its)
        _take(channel)
        return channel

    def _ask(self, asked: list[Facts]) -> list[_Outcome]:
        channel = self._channel or self._start()
        channel.send_bytes(pickle.dumps(asked))
        outcomes: list[_Outcome] = _take(channel)
        return outcomes

    def _bury(self, why: str) -> None:
        status = self._popen.poll() if self._popen is not None else None
        _log.error("rows_ended", why=why, how="" if status is None else words_of(status))
        self.close()


def run_rows(settings: Settings, stop: threading.Event) -> None:
    """Write what the node asks for, by the channel at our standard input, until it is closed, or `stop` is set between two batches."""
    with Connection(os.dup(sys.stdin.fileno())) as channel:
        asking = select.poll()
        asking.register(channel.fileno(), select.POLLIN)
        store = open_store(settings)
        rows = Rows(store, by_sender(settings))
        channel.send_bytes(pickle.dumps(_READY))
        try:
            while not stop.is_set():
                if asking.poll(_REST_AFTER_S * 1000):
                    channel.send_bytes(
                        pickle.dumps(_written(rows, [Entry.of(facts) for facts in _take(channel)]))
                    )
                else:
                    rows.rest()
        except (EOFError, OSError):  # the node is gone
            return
        finally:
            rows.close()
            store.close()


def _take(channel: Connection) -> Any:
    return pickle.loads(channel.recv_bytes())  # noqa: S301 - plain values of our own other half


def _written(rows: Rows, entries: list[Entry]) -> list[_Outcome]:
    rows.write(entries)
    return [_outcome(entry) for entry in entries]


def _outcome(entry: Entry) -> _Outcome:
    """Of a strange error its type alone, for its text may name a patient."""
    error = entry.error
    if isinstance(error, StoreUnavailableError):
        return entry.was_added, True, error.detail
    return entry.was_added, False, "" if error is None else type(error).__name__


def _error(outcome: _Outcome) -> Exception | None:
    _, is_away, trouble = outcome
    if is_away:
        return StoreUnavailableError(trouble)
    return RowError(trouble) if trouble else None
