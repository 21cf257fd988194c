"""Rounds: what a process does over and over until it is stopped."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from service.errors import RetryableError, StoreUnavailableError

_log = structlog.get_logger(__name__)


def go_round(
    do: Callable[[datetime], object],
    stop: threading.Event,
    postponed: str,
    *,
    every_s: float = 1.0,
    longest_s: float = 30.0,
    troubles: tuple[type[RetryableError], ...] = (StoreUnavailableError,),
) -> None:
    """Call `do` with the present moment every `every_s`, until `stop` is set.

    A round that fails for one of the troubles is logged as `postponed`, and the wait for the next doubles, up to `longest_s`:
    a process outlives a database or a broker that is down. Any other error ends the rounds.
    """
    wait_s = every_s
    while not stop.wait(wait_s):
        try:
            do(datetime.now(UTC))
            wait_s = every_s
        except troubles as error:
            wait_s = min(wait_s * 2, longest_s)
            _log.warning(postponed, error=type(error).__name__, detail=error.detail, wait_s=wait_s)
