"""The process of the web pages."""

import threading

import uvicorn

from service.serving import Server
from service.settings import WEB_FILE, Settings
from service.store.session import open_store, upgrade
from service.web.app import make_app
from service.web.house import House

_STOP_S = 5


def run_web(settings: Settings, stop: threading.Event) -> None:
    """Serve the pages until `stop` is set."""
    store = open_store(settings)
    upgrade(store)
    config = uvicorn.Config(
        make_app(House(store, settings)),
        host=settings.web_host,
        port=settings.web_port,
        ssl_certfile=settings.web_certificate,
        ssl_keyfile=settings.web_key,
        # Paths hold study UIDs and nothing else, but who looked at what belongs into the trail, not into a log.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,
        proxy_headers=bool(settings.web_url),
    )
    Server(config, settings.data / WEB_FILE).serve_until(stop)
    store.close()
