"""Tells the trail and the log when a scanner's measurements begin to drift, and when they no longer do."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from service import audit
from service.drift import ScannerDrift, drift
from service.store.session import Store

ACTOR = "desk"
PERIOD = timedelta(days=90)
"""A scanner that sent nothing for so long is no longer looked at."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement of one scanner that somebody should look at."""

    scanner: str
    station: str
    measurement: str
    why: str


def signals(scanners: tuple[ScannerDrift, ...]) -> tuple[Signal, ...]:
    """What control charts say."""
    return tuple(
        Signal(one.name, one.station, chart.watched.name, chart.signal)
        for one in scanners
        for chart in one.charts
        if chart.signal
    )


@dataclass(slots=True)
class DriftAlarm:
    """Remembers what it told, so that each signal is told once when it begins; after a restart what still holds is told again."""

    told: frozenset[Signal] = field(default_factory=frozenset)

    def look(self, store: Store, now: datetime) -> int:
        """Tell what is new since the last look; returns how many.

        Raises StoreUnavailableError.
        """
        with store.reading() as session:
            found = frozenset(signals(drift(session, now - PERIOD)))
        begun, over = found - self.told, self.told - found
        if begun or over:
            with store.session() as session:
                self._tell(session, "scanner_drifts", begun, now)
                self._tell(session, "scanner_drift_over", over, now)
        self.told = found
        return len(begun) + len(over)

    def _tell(self, session: Session, event: str, those: frozenset[Signal], now: datetime) -> None:
        for one in sorted(those, key=lambda one: (one.scanner, one.station, one.measurement, one.why)):
            detail = {"measurement": one.measurement, "why": one.why}
            audit.record(session, event, None, ACTOR, now, scanner=one.scanner, station=one.station, **detail)
            _log.warning(event, **detail)
