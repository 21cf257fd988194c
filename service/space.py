"""Space: refuses objects while the disk is nearly full, and raises one alarm for it."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from service import audit
from service.errors import Refusal, RefusedError, StoreUnavailableError
from service.store.files import FileStore
from service.store.session import Store

_PLENTY_MB, _LOOK_AGAIN_S = 256, 0.1
"""With so much above the watermark no disk fills up before the next look."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class DiskWatch:
    """Keeps the watermark. The alarm stands in log and trail when it is crossed, once, and again when space is back."""

    store: Store
    files: FileStore
    watermark_mb: int
    is_low: bool = False
    _plenty_until: float = 0.0
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def expect_space(self, now: datetime) -> None:
        """Raises RefusedError (0xA700) while less than the watermark is free."""
        if time.monotonic() < self._plenty_until:
            return
        free_mb = self.files.free_mb()
        if free_mb >= self.watermark_mb + _PLENTY_MB:
            self._plenty_until = time.monotonic() + _LOOK_AGAIN_S
        is_low = free_mb < self.watermark_mb
        if is_low != self.is_low:
            self._turn(is_low=is_low, free_mb=free_mb, now=now)
        if is_low:
            raise RefusedError(Refusal.OUT_OF_RESOURCES, "disk nearly full")

    def _turn(self, *, is_low: bool, free_mb: int, now: datetime) -> None:
        with self._gate:
            if is_low == self.is_low:  # another thread told it
                return
            self.is_low = is_low
        event = "disk_alarm" if is_low else "disk_alarm_over"
        (_log.error if is_low else _log.warning)(event, free_mb=free_mb, watermark_mb=self.watermark_mb)
        try:
            with self.store.session() as session:
                audit.record(
                    session, event, None, "node", now, free_mb=free_mb, watermark_mb=self.watermark_mb
                )
        except StoreUnavailableError as error:
            _log.error("audit_failed", audit_event=event, error=error.detail)
