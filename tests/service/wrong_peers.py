"""What goes wrong between us and a peer: a connection that is cut, a certificate that is another's."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers import need


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1."""
    subprocess.run(
        [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / f"{name}.key"),
         "-out", str(folder / f"{name}.pem")],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return folder / f"{name}.pem", folder / f"{name}.key"


@contextmanager
def cutting_relay(port: int, after: int) -> Iterator[int]:
    """Hand bytes on to a port; the first connection is cut after so many of them."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_first = iter([True])
    ends: list[socket.socket] = []
    pumps: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = listener.accept()
                called = socket.create_connection(("127.0.0.1", port))
                ends.extend((caller, called))
                limit = after if next(is_first, False) else 10**9
                for pair in ((caller, called), (called, caller)):
                    pumps.append(threading.Thread(target=_pump, args=(*pair, limit), daemon=True))
                    pumps[-1].start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in (thread, *pumps):
            one.join(5)
        for end in ends:
            end.close()


def _pump(source: socket.socket, sink: socket.socket, limit: int) -> None:
    passed = 0
    with contextlib.suppress(OSError):
        while (part := source.recv(4096)) and passed < limit:
            sink.sendall(part)
            passed += len(part)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
