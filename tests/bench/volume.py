"""make bench-volume: is memory flat? Very many small objects in one run, then one object that is larger than all memory allowed."""

import argparse
import itertools
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.page import table, write_section
from tests.bench.peers import Listener, cartriage
from tests.service.conftest import encoded, mr_slice
from tests.service.wire import command, connected, pdu, pdv, status

_ROOT = "1.2.826.0.1.3680043.8.498.9"
_SENDERS = 4
_OF_A_STUDY = 500
_SHOWN = 5
_FRAGMENT = 1 << 17
_FIRST = 100_000
"""All numbers in UIDs have the same length, so that an object is a template with its own UIDs put in."""


def many(node: Listener, count: int) -> list[tuple[object, ...]]:
    """`count` objects of four senders, a fifth of them at a time: peak memory after each."""
    numbers = itertools.count(_FIRST)
    began = time.monotonic()
    rows: list[tuple[object, ...]] = []
    for fifth in range(1, _SHOWN + 1):
        share = count // _SHOWN // _SENDERS
        failed: list[Exception] = []
        threads = [
            threading.Thread(target=_send, args=(node.port, list(itertools.islice(numbers, share)), failed))
            for _ in range(_SENDERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        sent = fifth * share * _SENDERS
        rows.append((f"{sent} objects", f"{node.peak_mb():.0f}", f"{time.monotonic() - began:.0f}"))
    return rows


def _send(port: int, numbers: list[int], failed: list[Exception]) -> None:
    try:
        with connected(port) as peer:
            peer.settimeout(60)
            for number in numbers:
                uid, study = f"{_ROOT}.{number}", f"{_ROOT}.1.{number // _OF_A_STUDY * _OF_A_STUDY}"
                content = _TEMPLATE.replace(_UID.encode(), uid.encode()).replace(
                    _STUDY.encode(), study.encode()
                )
                peer.sendall(pdu(pdv(command(uid), 3), pdv(content, 2)))
                _expect_stored(peer)
    except (OSError, AssertionError, RuntimeError) as error:
        failed.append(error)


def large(node: Listener, size_mb: int) -> tuple[object, ...]:
    """One object of that size; the sender holds no more of it than a fragment."""
    uid, length = f"{_ROOT}.2", size_mb * 1_000_000
    head = encoded(mr_slice(study=f"{_ROOT}.3", SOPInstanceUID=uid, PixelData=b""))
    head = head[: head.index(struct.pack("<HH", 0x7FE0, 0x0010))]
    head += struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, length)
    began = time.monotonic()
    with connected(node.port) as peer:
        peer.settimeout(600)
        peer.sendall(pdu(pdv(command(uid), 3), pdv(head, 0)))
        for size in _fragments(length):
            peer.sendall(pdu(pdv(bytes(size), 0)))
        peer.sendall(pdu(pdv(b"", 2)))
        _expect_stored(peer)
    return f"one of {size_mb} MB", f"{node.peak_mb():.0f}", f"{time.monotonic() - began:.0f}"


def _fragments(length: int) -> Iterator[int]:
    for at in range(0, length, _FRAGMENT):
        yield min(_FRAGMENT, length - at)


def _expect_stored(peer: socket.socket) -> None:
    outcome = status(peer)
    if outcome:
        raise RuntimeError(f"not stored: 0x{outcome:04X}")


_UID, _STUDY = f"{_ROOT}.{_FIRST}", f"{_ROOT}.1.{_FIRST}"
_TEMPLATE = encoded(mr_slice(study=_STUDY, SOPInstanceUID=_UID))


def run(folder: Path, count: int, size_mb: int) -> list[tuple[object, ...]]:
    with cartriage(folder) as node:
        started = ("started", f"{node.peak_mb():.0f}", "0")
        return [started, *many(node, count), large(node, size_mb)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--size-mb", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-volume-") as folder:
        rows = run(Path(folder), arguments.count, arguments.size_mb)
    text = table(("received", "peak memory, MB", "seconds"), rows)
    write_section("bench-volume", text)
    print(text)  # noqa: T201 - the figures are what it is for


if __name__ == "__main__":
    main()
