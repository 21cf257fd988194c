import threading

import pytest
from structlog.testing import capture_logs

from service.errors import StorageFullError, StoreUnavailableError
from service.rounds import go_round


class Stop(threading.Event):
    """Notes how long it is waited for, waits not at all, and is set after some rounds."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.rounds, self.waited = rounds, []

    def wait(self, timeout=None) -> bool:
        self.waited.append(timeout)
        return len(self.waited) > self.rounds


def test_the_waits_double_while_the_database_is_down_and_shrink_when_it_is_back():
    stop, troubles = Stop(6), [True, True, True, True, False, False]

    def do(now):
        assert now.tzinfo
        if troubles.pop(0):
            raise StoreUnavailableError("locked")

    with capture_logs() as logs:
        go_round(do, stop, "work_postponed", every_s=1.0, longest_s=5.0)
    assert stop.waited == [1.0, 2.0, 4.0, 5.0, 5.0, 1.0, 1.0]
    assert [one["event"] for one in logs] == ["work_postponed"] * 4
    assert (logs[0]["error"], logs[0]["detail"]) == ("StoreUnavailableError", "locked")


def test_any_other_error_ends_the_rounds():
    def do(_):
        raise StorageFullError

    with pytest.raises(StorageFullError):
        go_round(do, Stop(2), "work_postponed")
    stop = Stop(2)
    go_round(do, stop, "work_postponed", troubles=(StorageFullError,))
    assert len(stop.waited) == 3
