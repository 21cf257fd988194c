"""make fault-node: what the node does when senders, disk, database and the node itself fail, with counts."""

import argparse
import hashlib
import random
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.bench.page import table, write_section
from tests.bench.peers import Listener, cartriage
from tests.service.conftest import encoded, mr_slice
from tests.service.wire import answer, association_request, command, connected, echo, pdu, pdv, status

_ROOT = "1.2.826.0.1.3680043.8.498.8"
Row = tuple[str, str]


def message(study: str, number: int) -> tuple[str, bytes]:
    """A whole C-STORE request of a small slice, and its SOP Instance UID."""
    ds = mr_slice(number, study=study)
    return str(ds.SOPInstanceUID), pdu(pdv(command(ds.SOPInstanceUID), 3), pdv(encoded(ds), 2))


def killed(folder: Path, rounds: int, seed: int = 7) -> Row:
    """SIGKILL at random moments under the load of three senders; what was acknowledged must be in file and row."""
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    for turn in range(rounds):
        with cartriage(folder, name=f"killed-{turn}", data="killed") as node:
            threads = [
                threading.Thread(
                    target=_send_until_cut, args=(node.port, f"{_ROOT}.{turn}.{one}", acknowledged)
                )
                for one in range(1, 4)
            ]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.1, 0.8))
            node.process.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join(60)
    lost = acknowledged - _whole(folder / "killed")
    return (
        f"node killed (SIGKILL) {rounds} times under load",
        f"{len(acknowledged)} acknowledged, {len(lost)} lost",
    )


def _send_until_cut(port: int, study: str, acknowledged: set[str]) -> None:
    with suppress(OSError, AssertionError), connected(port) as peer:
        for number in range(1, 10_000):
            uid, request = message(study, number)
            peer.sendall(request)
            if status(peer) != 0:
                return
            acknowledged.add(uid)


def _whole(data: Path) -> set[str]:
    """The objects whose row stands and whose file has the bytes that it names."""
    with sqlite3.connect(data / "cartriage.sqlite3") as database:
        rows = database.execute("SELECT sop_instance_uid, path, sha256 FROM instance").fetchall()
    return {
        uid
        for uid, path, sha256 in rows
        if hashlib.sha256((data / "files" / path).read_bytes()).hexdigest() == sha256
    }


def cut(node: Listener, count: int, seed: int = 7) -> Row:
    """Senders that die at a random byte of an object."""
    chance = random.Random(seed)
    _, request = message(f"{_ROOT}.901", 1)
    for _ in range(count):
        with connected(node.port) as peer:
            peer.sendall(request[: chance.randrange(1, len(request) - 1)])
    return f"{count} senders killed in mid-PDU", _well(node)


def silent(node: Listener, count: int) -> Row:
    """Senders that stop: half in mid-request, half in mid-object, all at once."""
    with _many(node.port, count) as peers:
        for number, peer in enumerate(peers):
            whole = association_request()
            peer.sendall(whole[:20] if number % 2 else whole)
        return f"{count} half-open or stalled senders at once", _well(node)


def crowd(node: Listener, count: int) -> Row:
    """Associations at once; those above the limit are rejected, the others served."""
    with _many(node.port, count) as peers:
        for peer in peers:
            peer.sendall(association_request())
        kinds = [answer(peer)[0] for peer in peers]
    outcome = f"{kinds.count(2)} accepted, {kinds.count(3)} rejected, {count - kinds.count(2) - kinds.count(3)} unanswered"
    return f"{count} associations at once (limit {_LIMIT})", f"{outcome}; {_well(node)}"


def locked(node: Listener, data: Path) -> Row:
    """The database locked by another for longer than the node's patience; then the same object again."""
    _, request = message(f"{_ROOT}.902", 1)
    holder = sqlite3.connect(data / "cartriage.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with connected(node.port) as peer:
        peer.settimeout(60)
        peer.sendall(request)
        first = status(peer)
        holder.execute("ROLLBACK")
        holder.close()
        peer.sendall(request)
        second = status(peer)
    return "database locked for 20 s", f"0x{first:04X}, then sent again: 0x{second:04X}"


def full(folder: Path) -> Row:
    """A file store on a disk that fills up; then space is made."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        return "disk full", "not run: needs the right to mount a small disk"
    try:
        return "disk of 6 MB full", _fill(folder, disk)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _fill(folder: Path, disk: Path) -> str:
    ballast = disk / "ballast"
    database = f"sqlite:///{folder / 'full.sqlite3'}"
    with cartriage(folder, name="full", at=disk / "data", CARTRIAGE_DATABASE_URL=database) as node:
        ballast.write_bytes(bytes(5_400_000))
        ds = mr_slice(1, study=f"{_ROOT}.903", PixelData=bytes(2_000_000))
        content = encoded(ds)
        parts = [
            pdu(pdv(content[at : at + 100_000], 2 * (at + 100_000 >= len(content))))
            for at in range(0, len(content), 100_000)
        ]
        request = pdu(pdv(command(ds.SOPInstanceUID), 3)) + b"".join(parts)
        with connected(node.port) as peer:
            peer.sendall(request)
            first = status(peer)
            left = len(list((disk / "data" / "files" / "incoming").glob("*")))
            ballast.unlink()
            peer.sendall(request)
            second = status(peer)
    return f"0x{first:04X}, {left} files left half-written; with space again: 0x{second:04X}"


_LIMIT = 100


@contextmanager
def _many(port: int, count: int) -> Iterator[list[socket.socket]]:
    peers = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]
    try:
        yield peers
    finally:
        for peer in peers:
            peer.close()


def _well(node: Listener) -> str:
    """Whether the node answers C-ECHO; others may still hold their associations for a moment."""
    for _ in range(100):
        with suppress(OSError, AssertionError), connected(node.port) as peer:
            peer.sendall(echo())
            if status(peer) == 0:
                return f"node answers C-ECHO, {node.peak_mb():.0f} MB at most"
        time.sleep(0.1)
    return "NODE DOES NOT ANSWER"


def run(folder: Path, rounds: int, count: int) -> list[Row]:
    rows = [killed(folder, rounds), full(folder)]
    settings = {"CARTRIAGE_MAXIMUM_ASSOCIATIONS": str(_LIMIT), "CARTRIAGE_NETWORK_TIMEOUT_S": "20"}
    with cartriage(folder, name="faults", **settings) as node:
        steps: tuple[Callable[[], Row], ...] = (
            lambda: cut(node, count),
            lambda: silent(node, 50),
            lambda: crowd(node, count),
            lambda: locked(node, folder / "faults"),
        )
        rows += [step() for step in steps]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="times that the node is killed")
    parser.add_argument("--count", type=int, default=200, help="senders that die, and associations at once")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fault-node-") as folder:
        text = table(("fault", "outcome"), list(run(Path(folder), arguments.rounds, arguments.count)))
    write_section("fault-node", text)
    print(text)  # noqa: T201 - the figures are what it is for


if __name__ == "__main__":
    main()
