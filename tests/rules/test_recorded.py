from datetime import UTC, datetime, timedelta

import pytest

from rules.context import PatientContext, Recorded
from rules.recorded import AgeLimits, Current, Missing, current, recorded_words

NOW = datetime(2026, 5, 16, 12, tzinfo=UTC)
LIMITS = AgeLimits({"icans_grade": 24, "platelets": 48}, {"icans_grade": 48, "platelets": 48})


def ago(**age: float) -> datetime:
    return NOW - timedelta(**age)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (None, "time not recorded"),
        (NOW, "recorded less than 1 h before"),
        (NOW + timedelta(minutes=59), "recorded less than 1 h before"),
        (NOW + timedelta(hours=1), "recorded 1 h after"),
        (NOW + timedelta(hours=95), "recorded 95 h after"),
        (NOW + timedelta(hours=96), "recorded 4 days after"),
        (NOW + timedelta(days=30), "recorded 30 days after"),
        (ago(minutes=59), "recorded less than 1 h before"),
        (ago(hours=1), "recorded 1 h before"),
        (ago(hours=95, minutes=59), "recorded 96 h before"),
        (ago(hours=96), "recorded 4 days before"),
        (ago(days=30), "recorded 30 days before"),
    ],
)
def test_when_a_value_was_recorded_is_told(at: datetime | None, words: str):
    assert recorded_words(at, NOW) == words


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        (None, Missing("not recorded")),
        (Recorded(2), Current(2, "time not recorded, may be stale")),
        (Recorded(2, ago(hours=24)), Current(2, "recorded 24 h before")),
        (Recorded(2, ago(hours=24, seconds=1)), Current(2, "recorded 24 h before, stale")),
        (Recorded(2, ago(hours=48)), Current(2, "recorded 48 h before, stale")),
        (
            Recorded(2, ago(hours=48, seconds=1)),
            Missing("recorded 48 h before, too old to count", is_too_old=True),
        ),
        (Recorded(2, NOW + timedelta(hours=1)), Current(2, "recorded 1 h after")),
    ],
)
def test_a_value_is_fresh_stale_or_too_old(recorded: Recorded[int] | None, found: Current | Missing):
    items = current(PatientContext(icans_grade=recorded, platelets=Recorded(9, NOW)), LIMITS, NOW)
    assert items == {"icans_grade": found, "platelets": Current(9, "recorded less than 1 h before")}


def test_missing_is_not_too_old_unless_it_says_so():
    assert not Missing("not recorded").is_too_old
