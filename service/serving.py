"""A web server in a process of the service: says where it listens, and ends when it is told to."""

import json
import os
import socket
import threading
from pathlib import Path

import uvicorn


class Server(uvicorn.Server):
    """Writes process id, host and port to a file once it listens."""

    def __init__(self, config: uvicorn.Config, place: Path) -> None:
        """Take where to write."""
        super().__init__(config)
        self.place = place

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        temporary = self.place.with_name(f".{self.place.name}.{os.getpid()}")
        temporary.write_text(json.dumps({"pid": os.getpid(), "host": host, "port": port}))
        temporary.replace(self.place)

    def serve_until(self, stop: threading.Event) -> None:
        """Serve until `stop` is set."""
        threading.Thread(target=self._end_after, args=(stop,), daemon=True).start()
        self.run()

    def _end_after(self, stop: threading.Event) -> None:
        stop.wait()
        self.should_exit = True
