"""The figures of the performance page, found ahead by the desk: nobody who looks has to wait, and each says from when it is."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from rules.codec import MessageError, from_plain, to_plain
from service.drift import ScannerDrift, drift
from service.errors import StoreUnavailableError
from service.performance import Performance, performance
from service.queue_effect import Effect, measured
from service.store.desk_tables import KeptFigures
from service.store.session import Store

PERIODS = (7, 30, 90, 365, 3650)
"""Days that figures are kept of; of others they are found when somebody asks."""
QUICK_S = 0.5
"""What is found quicker is found anew for everybody who looks."""
_OLDEST = timedelta(hours=1)
"""Older ones are shown to nobody: the desk does not run, and whoever looks has to wait."""
_AT_MOST_EVERY = timedelta(minutes=1)
_SHARE = 50
"""So many times as long as it took to find them they are left alone: all periods together cost a tenth of one core at most."""
_LOOK_S = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the page shows of a period but what it predicts."""

    found: Performance
    scanners: tuple[ScannerDrift, ...]
    measured: tuple[Effect, ...]


def find(session: Session, since: datetime) -> Figures:
    """The figures of the studies that came since a moment, from their rows: seconds with 100,000 studies."""
    return Figures(performance(session, since), drift(session, since), measured(session, since))


def figures(session: Session, days: int, now: datetime) -> tuple[Figures, datetime]:
    """The figures of the last days, and the moment they are from: kept ones where they take long to find, else found now."""
    kept = session.get(KeptFigures, days)
    if kept is not None and kept.seconds >= QUICK_S and now - kept.at < _OLDEST:
        try:
            return from_plain(Figures, kept.figures), kept.at
        except MessageError:  # another version kept them
            _log.info("kept_figures_unreadable", days=days)
    return find(session, now - timedelta(days=days)), now


def renew(store: Store, clock: Callable[[], datetime], stop: threading.Event) -> int:
    """Find anew what is due; returns of how many periods. Ends early once `stop` is set.

    Raises StoreUnavailableError.
    """
    count = 0
    for days in PERIODS:
        now = clock()
        with store.reading() as session:
            kept = session.get(KeptFigures, days)
            is_due = kept is None or now - kept.at >= max(
                _AT_MOST_EVERY, timedelta(seconds=_SHARE * kept.seconds)
            )
            if stop.is_set() or not is_due:
                continue
            began = time.monotonic()
            told = to_plain(find(session, now - timedelta(days=days)))
            seconds = time.monotonic() - began
        with store.session() as session:
            session.merge(KeptFigures(days=days, at=now, seconds=seconds, figures=told))
        count += 1
    return count


def keep_figures(store: Store, stop: threading.Event) -> None:
    """Renew until `stop` is set; outlives a database that is down. Beside the desk's own work, which must not wait for it."""
    while not stop.is_set():
        try:
            renew(store, lambda: datetime.now(UTC), stop)
        except StoreUnavailableError as error:
            _log.warning("figures_not_renewed", error=error.detail)
        stop.wait(_LOOK_S)
