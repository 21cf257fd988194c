"""The process of the context feeds: listens for HL7 v2 and asks a FHIR server, whichever is configured."""

import threading
import time
from datetime import UTC, datetime

import structlog

from service import audit
from service.context_feed.feed_settings import FhirFeed
from service.context_feed.mllp import Receiver
from service.context_feed.polling import PollError, poll
from service.context_feed.taking import ACTOR, Registry, map_in_force
from service.errors import StoreUnavailableError
from service.settings import Settings
from service.store.session import open_store, upgrade

_WAIT_MAX_S = 600.0
"""Longest wait for a server that does not answer."""
_STOP_S = 10.0

_log = structlog.get_logger(__name__)


def run_context_feed(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set; outlives a server and a database that are down.

    Raises PolicyError at once if the mapping must not be used.
    """
    where = Registry(open_store(settings), settings, map_in_force(settings.context_map))
    upgrade(where.store)
    receiver = Receiver(settings.context_hl7, where) if settings.context_hl7 else None
    thread = threading.Thread(target=receiver.serve_forever, daemon=True) if receiver else None
    if thread and receiver:
        thread.start()
        _log.info("context_feed_listens", port=receiver.server_address[1], is_tls=receiver.tls is not None)
    if settings.context_fhir:
        _ask(where, settings.context_fhir, stop)
    stop.wait()
    if thread and receiver:
        receiver.shutdown()
        receiver.server_close()
        thread.join(_STOP_S)
        with receiver.turn:  # whoever was being taken is taken whole
            where.store.close()
    else:
        where.store.close()


def _ask(where: Registry, feed: FhirFeed, stop: threading.Event) -> None:
    """Ask again and again; a server that does not answer is told once in the trail, and once that it is back."""
    wait_s, failing_since = 0.0, None
    while not stop.wait(wait_s):
        began = time.monotonic()
        try:
            count = poll(where, feed, datetime.now(UTC))
            wait_s = max(feed.every_s - (time.monotonic() - began), 1.0)
            if failing_since is not None:
                _tell(where, "context_server_back", server=feed.name, since=failing_since)
                failing_since = None
            if count:
                _log.info("context_server_asked", resources=count)
        except (PollError, StoreUnavailableError) as error:
            wait_s = min(max(wait_s, feed.every_s) * 2, max(_WAIT_MAX_S, feed.every_s))
            _log.warning(
                "context_server_postponed", error=type(error).__name__, detail=error.detail, wait_s=wait_s
            )
            if failing_since is None and isinstance(error, PollError):
                failing_since = datetime.now(UTC)
                _tell(where, "context_server_failing", server=feed.name, reason=error.detail)


def _tell(where: Registry, event: str, **detail: object) -> None:
    try:
        with where.store.session() as session:
            audit.record(session, event, None, ACTOR, datetime.now(UTC), **detail)
    except StoreUnavailableError as error:
        _log.error("audit_failed", audit_event=event, error=error.detail)
