"""The process of the web pages."""

import json
import os
import socket
import threading

import uvicorn

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
    server = _Server(config, settings)
    threading.Thread(target=_end, args=(server, stop), daemon=True).start()
    server.run()
    store.close()


class _Server(uvicorn.Server):
    """Says where it listens."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self.place = settings.data / WEB_FILE

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        temporary = self.place.with_name(f".{WEB_FILE}.{os.getpid()}")
        temporary.write_text(json.dumps({"pid": os.getpid(), "host": host, "port": port}))
        temporary.replace(self.place)


def _end(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True
