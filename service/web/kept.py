"""Figures that took long to find are kept for a minute, and say from when they are."""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

SLOW_S = 0.5
"""What is found quicker is found anew each time."""
_FOR = timedelta(minutes=1)
_MOST = 20


@dataclass(slots=True)
class Kept:
    """Of one web process; whoever asks while somebody's figures are being found waits for them, and finds them kept."""

    _held: dict[Hashable, tuple[datetime, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(
        self, key: Hashable, find: Callable[[], Any], now: Callable[[], datetime]
    ) -> tuple[Any, datetime]:
        """The figures of a key, and the moment they are from."""
        with self._lock:
            at = now()
            self._held = {one: held for one, held in self._held.items() if at - held[0] < _FOR}
            if key in self._held:
                kept_at, kept = self._held[key]
                return kept, kept_at
            began = time.monotonic()
            found = find()
            if time.monotonic() - began > SLOW_S and len(self._held) < _MOST:
                self._held[key] = (at, found)
            return found, at
