"""Slow figures are kept with their moment and found anew behind the back; quick ones are always new."""

import threading
from datetime import timedelta

import pytest

from service.errors import StoreUnavailableError
from service.web import kept
from service.web.kept import Kept
from tests.service.conftest import NOON


class Figures:
    """Something to find, which counts how often it was; told how to fail."""

    def __init__(self) -> None:
        self.kept, self.times, self.is_down = Kept(), 0, False
        self.done = threading.Event()

    def at(self, seconds: float) -> tuple[int, int]:
        """What is shown so long after noon, and how old it is then."""
        value, moment = self.kept.get("a", self._find, lambda: NOON + timedelta(seconds=seconds))
        return value, int(seconds - (moment - NOON).total_seconds())

    def renewed_at(self, seconds: float) -> tuple[int, int]:
        """The same, and then what is found behind the back has come."""
        self.done.clear()
        shown = self.at(seconds)
        assert self.done.wait(10)
        pause = threading.Event()
        for _ in range(1000):
            if not self.kept._renewing:
                break
            pause.wait(0.01)
        return shown

    def _find(self) -> int:
        self.times += 1
        self.done.set()
        if self.is_down:
            raise StoreUnavailableError
        return self.times


def test_quick_figures_are_always_new():
    figures = Figures()
    assert [figures.at(seconds) for seconds in (0, 1)] == [(1, 0), (2, 0)]


def test_slow_ones_are_kept_and_renewed_for_the_next(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kept, "SLOW_S", -1.0)
    figures = Figures()
    assert [figures.at(seconds) for seconds in (0, 59)] == [(1, 0), (1, 59)]
    assert figures.renewed_at(70) == (1, 70)
    assert figures.at(80) == (2, 10)
    figures.is_down = True
    assert figures.renewed_at(200) == (2, 130), "a database that is down takes no page away"
    with pytest.raises(StoreUnavailableError):
        figures.at(70 + 3600)
