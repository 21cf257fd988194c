"""The process that takes objects over the web."""

import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from service.accepted import tls_context
from service.dicomweb.app import make_app
from service.intake import open_intake
from service.serving import Server
from service.settings import DICOMWEB_FILE, Settings
from service.store.session import open_store, upgrade

_STOP_S = 5
_TICKS_EACH = 10
"""Ticks of uvicorn between two looks at connections, one second."""


def run_dicomweb(settings: Settings, stop: threading.Event) -> None:
    """Take objects until `stop` is set.

    Raises OSError if the port is taken, StoreUnavailableError if the database does not answer.
    """
    store = open_store(settings)
    upgrade(store)
    with open_intake(store, settings) as intake:
        config = uvicorn.Config(
            make_app(intake, settings),
            host=settings.dicomweb_host,
            port=settings.dicomweb_port or 0,
            access_log=False,
            log_config=None,
            server_header=False,
            limit_concurrency=settings.maximum_associations,
            timeout_graceful_shutdown=_STOP_S,
            ssl_context_factory=_tls(settings) if settings.tls_certificate else None,
        )
        _Server(config, settings).serve_until(stop)
    store.close()


def _tls(settings: Settings) -> Callable[..., ssl.SSLContext]:
    """The same mutual TLS as the node's."""

    def factory(_config: Any, _default: Any) -> ssl.SSLContext:
        context = tls_context(settings)
        assert context is not None  # noqa: S101 - only asked for with a certificate
        return context

    return factory


class _Server(Server):
    """Ends connections that never ask: they would take up the places of those who do."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config, settings.data / DICOMWEB_FILE)
        self._patience_s = settings.network_timeout_s
        self._silent_since: dict[Any, float] = {}

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_EACH == 0:
            self._end_silent(time.monotonic())
        return await super().on_tick(counter)

    def _end_silent(self, now: float) -> None:
        silent = [one for one in self.server_state.connections if getattr(one, "cycle", None) is None]
        self._silent_since = {one: self._silent_since.get(one, now) for one in silent}
        for one, since in self._silent_since.items():
            if now - since > self._patience_s:
                one.transport.close()
