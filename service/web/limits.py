"""Limits on how often somebody may try, kept in memory."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

_MOST_KEYS = 20_000


@dataclass(slots=True)
class Limiter:
    """At most `limit` times in `window_s` seconds for each key."""

    limit: int
    window_s: float
    clock: Callable[[], float] = time.monotonic
    times: "OrderedDict[str, list[float]]" = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_spent(self, key: str) -> bool:
        """Whether the key has no try left now."""
        with self.lock:
            return len(self._recent(key)) >= self.limit

    def count(self, key: str) -> bool:
        """Count a try; whether it was still within the limit."""
        with self.lock:
            recent = self._recent(key)
            recent.append(self.clock())
            self.times[key] = recent[-self.limit - 1 :]
            self.times.move_to_end(key)
            while len(self.times) > _MOST_KEYS:
                self.times.popitem(last=False)
            return len(recent) <= self.limit

    def forget(self, key: str) -> None:
        """Start anew for a key, as after a success."""
        with self.lock:
            self.times.pop(key, None)

    def _recent(self, key: str) -> list[float]:
        oldest = self.clock() - self.window_s
        return [at for at in self.times.get(key, ()) if at > oldest]
