"""When a series is taken for whole while its study still arrives."""

from datetime import datetime, timedelta

import pytest

from rules.settling import Arriving, Ended, ended
from tests.rules.stories import NOW

QUIET = timedelta(seconds=5)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("series", "newest_other", "expected"),
    [
        (Arriving(20, ago(0), announced=20), None, Ended.ANNOUNCED),
        (Arriving(21, ago(0), announced=20), None, Ended.ANNOUNCED),
        (Arriving(19, ago(0), announced=20), None, None),
        (Arriving(19, ago(5), announced=20), None, Ended.QUIET_TIME),
        (Arriving(20, ago(4.9)), None, None),
        (Arriving(20, ago(5)), None, Ended.QUIET_TIME),
        (Arriving(20, ago(1)), ago(0.5), Ended.NEXT_SERIES),
        (Arriving(20, ago(0.9)), ago(0.5), None),
        (Arriving(20, ago(2)), ago(3), None),
        (Arriving(20, ago(2)), ago(2), None),
    ],
)
def test_a_series_ends_by_count_by_its_successor_or_by_silence(series, newest_other, expected):
    assert ended(series, newest_other, NOW, QUIET) is expected
