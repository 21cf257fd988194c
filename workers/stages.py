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
    times: list[StageTime] = field(default_factory=list)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time what happens inside, also if it raises."""
        start = time.monotonic()
        try:
            yield
        finally:
            was_cached = stage in self.cache.hits
            self.times.append(StageTime(stage, round(time.monotonic() - start, 3), was_cached))

    def recall(self, stage: str, digest: str, compute: Callable[[], T]) -> T:
        """Time a stage whose result the cache may hold (see Cache.recall)."""
        with self.timed(stage):
            return self.cache.recall(stage, digest, compute)
