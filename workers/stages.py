"""How long each stage of the walk took, and whether the cache had it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from rules.messages import StageTime
from workers.cache import Cache

T = TypeVar("T")


@dataclass(slots=True)
class Stages:
    """A stopwatch over the stages of one study, with the cache behind the costly ones."""

    cache: Cache
    before: Callable[[], None] = lambda: None
    """Asked before each stage that is computed; what it raises ends the walk between two stages."""
    times: list[StageTime] = field(default_factory=list)
    _inner: list[float] = field(default_factory=lambda: [0.0])
    """Seconds of the stages inside each of the running ones, which are not counted twice."""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time what happens inside, also if it raises; stages inside are counted on their own."""
        start = time.monotonic()
        self._inner.append(0.0)
        try:
            yield
        finally:
            seconds = time.monotonic() - start
            own = seconds - self._inner.pop()
            self._inner[-1] += seconds
            self.times.append(StageTime(stage, round(own, 3), stage in self.cache.hits))

    def recall(self, stage: str, digest: str, compute: Callable[[], T]) -> T:
        """Time a stage whose result the cache may hold (see Cache.recall)."""

        def computed() -> T:
            self.before()
            return compute()

        with self.timed(stage):
            return self.cache.recall(stage, digest, computed)
