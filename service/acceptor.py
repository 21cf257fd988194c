"""Acceptor: our end of an association that a peer asked for; see `service.receiving`."""

import contextlib
import queue
import threading
import time
from typing import Any

import structlog
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

from service.intake import Intake
from service.upper_layer import NEWS_S, Limits, UpperLayer

_log = structlog.get_logger(__name__)


class _Heard(queue.Queue[Any]):
    """A queue that tells when something was put in."""

    def __init__(self, news: threading.Event) -> None:
        super().__init__()
        self._news = news

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 - as in queue
        super().put(item, block, timeout)
        self._news.set()


class Acceptor(Association):
    """An acceptor's association whose reactor waits for news."""

    def __init__(self, ae: ApplicationEntity, intake: Intake, limits: Limits) -> None:
        super().__init__(ae, "acceptor")
        self._news = threading.Event()
        self.dul = UpperLayer(self, intake, limits)
        self.dul.to_user_queue = _Heard(self._news)
        self.dimse.msg_queue = _Heard(self._news)
        self.acse_timeout = ae.acse_timeout  # set anew: their timers are the receiver's
        self.network_timeout = ae.network_timeout
        self._ends_at = time.monotonic() + limits.association_s
        self._answers: queue.Queue[Any] = queue.Queue(1)

    @property
    def is_free(self) -> bool:
        """Whether a request of ours may go to the peer now: not while its own message is under way."""
        return bool(self.is_established) and not self.dul.is_busy

    def ask(self, request: Any, context_id: int, wait_s: float) -> Any:
        """Send the peer a request of ours and return its response, or None if none came in time or before the association's end.

        pynetdicom's own way holds the reactor meanwhile, so that a peer which releases instead of answering is kept waiting.
        """
        with contextlib.suppress(queue.Empty):
            self._answers.get_nowait()
        self.dimse.send_msg(request, context_id)
        until = time.monotonic() + wait_s
        while self.is_established and time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                response = self._answers.get(timeout=NEWS_S)
                if response.MessageIDBeingRespondedTo == request.MessageID:
                    return response
        return None

    def _run_reactor(self) -> None:
        self._is_paused = False
        while not self._kill:
            self._news.wait(NEWS_S)
            self._news.clear()
            self._pause_if_asked()
            context_id, message = self.dimse.get_msg(block=False)
            if message:
                self._take(message, context_id)
                self._news.set()  # there may be another one
            if self._has_ended():
                return

    def _take(self, message: Any, context_id: int) -> None:
        if message.MessageIDBeingRespondedTo is None:
            self._serve_request(message, context_id)
        else:
            with contextlib.suppress(queue.Full):  # nobody asked for so many
                self._answers.put_nowait(message)

    def _pause_if_asked(self) -> None:
        self._is_paused = True
        self._reactor_checkpoint.wait()
        self._is_paused = False

    def _has_ended(self) -> bool:
        if self.is_established and self.acse.is_release_requested():
            self.acse.send_release(is_response=True)
            self.is_released = True
            self._end(evt.EVT_RELEASED)
        elif self.acse.is_aborted():
            self.dul.receive_pdu(wait=False)
            self.is_aborted = True
            self._end(evt.EVT_ABORTED)
        elif not self.dul.is_alive():
            self.kill()
        elif self._is_idle() or (time.monotonic() > self._ends_at and not self.dul.is_busy):
            _log.warning("association_timed_out", address=self.requestor.address)
            self.abort()
            self.kill()
        else:
            return False
        return True

    def _is_idle(self) -> bool:
        return self.dul.idle_timer_expired() and not self.dul.is_working

    def _end(self, event: Any) -> None:
        self.is_established = False
        evt.trigger(self, event, {})
        self.kill()
