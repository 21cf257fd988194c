"""Figures that took long to find are kept, say from when they are, and are found anew behind the back of whoever looks at them."""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from service.errors import ServiceError

SLOW_S = 0.5
"""What is found quicker is found anew each time."""
_FRESH = timedelta(minutes=1)
"""So long nobody looks for them again."""
_OLDEST = timedelta(hours=1)
"""Older ones are shown to nobody."""
_MOST = 20

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Kept:
    """Of one web process."""

    _held: dict[Hashable, tuple[Any, datetime]] = field(default_factory=dict)
    _renewing: set[Hashable] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(
        self, key: Hashable, find: Callable[[], Any], now: Callable[[], datetime]
    ) -> tuple[Any, datetime]:
        """The figures of a key, and the moment they are from.

        find : finds them; is called in another thread too
        """
        at = now()
        with self._lock:
            self._held = {one: held for one, held in self._held.items() if at - held[1] < _OLDEST}
            held = self._held.get(key)
            renews = held is not None and at - held[1] >= _FRESH and key not in self._renewing
            if renews:
                self._renewing.add(key)
        if held is None:
            return self._found(key, find, at)
        if renews:
            threading.Thread(target=self._renew, args=(key, find, at), daemon=True).start()
        return held

    def _found(self, key: Hashable, find: Callable[[], Any], at: datetime) -> tuple[Any, datetime]:
        began = time.monotonic()
        found = find(), at
        is_slow = time.monotonic() - began > SLOW_S
        with self._lock:
            self._held.pop(key, None)
            if is_slow and len(self._held) < _MOST:
                self._held[key] = found
        return found

    def _renew(self, key: Hashable, find: Callable[[], Any], at: datetime) -> None:
        try:
            self._found(key, find, at)
        except ServiceError as error:  # the kept ones go on until they are too old
            _log.warning("figures_not_renewed", error=type(error).__name__)
        finally:
            with self._lock:
                self._renewing.discard(key)
