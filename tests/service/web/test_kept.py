"""Slow figures are kept for a minute with their moment; quick ones are always new."""

from datetime import timedelta

import pytest

from service.web import kept
from service.web.kept import Kept
from tests.service.conftest import NOON


@pytest.mark.parametrize(("slow_s", "made"), [(-1.0, 2), (60.0, 4)])
def test_only_what_is_slow_is_kept_and_for_a_minute(
    monkeypatch: pytest.MonkeyPatch, slow_s: float, made: int
):
    monkeypatch.setattr(kept, "SLOW_S", slow_s)
    figures, found = Kept(), []

    def find() -> int:
        found.append(1)
        return len(found)

    moments = [NOON + timedelta(seconds=seconds) for seconds in (0, 30, 59, 61)]
    told = [figures.get("a", find, lambda at=at: at) for at in moments]
    assert len(found) == made
    if made == 2:
        assert told == [(1, NOON), (1, NOON), (1, NOON), (2, moments[3])]
