"""The three listeners that are compared: this node, Orthanc and DCMTK's storescp, each a process on a free port."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.peers import need
from tests.walk.orthanc import free_port

_START_LIMIT_S = 60.0
_NO_DELAY = {**os.environ, "TCP_NODELAY": "1"}
"""For DCMTK at both ends: without it a delayed acknowledgement costs 40 ms for each object."""


@dataclass(frozen=True)
class Listener:
    name: str
    ae_title: str
    port: int
    process: psutil.Process
    syncs: str
    """What it makes durable before it answers."""

    def cpu_s(self) -> float:
        """Processor time so far, with its children, ended or not."""
        spent = sum(self.process.cpu_times()[:4])
        for child in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                spent += sum(child.cpu_times()[:2])
        return spent

    def peak_mb(self) -> float:
        """Peak resident memory of its largest process, in MB."""
        peaks = []
        for one in [self.process, *self.process.children(recursive=True)]:
            with suppress(OSError, IndexError):  # a child that ended has none
                status = Path(f"/proc/{one.pid}/status").read_text()
                peaks.append(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6)
        return max(peaks)


@contextmanager
def listeners(folder: Path) -> Iterator[tuple[Listener, ...]]:
    with ExitStack() as stack:
        yield tuple(stack.enter_context(start(folder)) for start in (cartriage, orthanc, storescp))


@contextmanager
def cartriage(
    folder: Path, name: str = "cartriage", data: str = "", at: Path | None = None, **variables: str
) -> Iterator[Listener]:
    """This node, with its defaults, on a data folder of its name (or `data`, or `at` another place)."""
    place, port = at or folder / (data or name), free_port()
    environment = {
        **os.environ,
        "CARTRIAGE_DATA": str(place),
        "CARTRIAGE_PORT": str(port),
        "CARTRIAGE_MAXIMUM_ASSOCIATIONS": "300",
        "CARTRIAGE_DISK_WATERMARK_MB": "0",
        **variables,
    }
    command = [sys.executable, "-m", "service.cli", "run", "node"]
    syncs = "file, folder, row (SQLite WAL, synchronous=FULL)"
    with _running(command, environment, folder / f"{name}.log", port) as process:
        yield Listener("cartriage", "CARTRIAGE", port, process, syncs)


@contextmanager
def orthanc(folder: Path) -> Iterator[Listener]:
    port = free_port()
    configuration = {
        "Name": "bench",
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "DicomAet": "ORTHANC",
        "DicomPort": port,
        "HttpPort": free_port(),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "SyncStorageArea": True,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    with _running([need("Orthanc"), str(path)], _NO_DELAY, folder / "orthanc.log", port) as process:
        yield Listener(
            "orthanc", "ORTHANC", port, process, "file (SyncStorageArea); its index by its own defaults"
        )


@contextmanager
def storescp(folder: Path) -> Iterator[Listener]:
    port, out = free_port(), folder / "storescp"
    out.mkdir()
    command = [need("storescp"), "--fork", "-od", str(out), str(port)]
    with _running(command, _NO_DELAY, folder / "storescp.log", port) as process:
        yield Listener("storescp", "STORESCP", port, process, "nothing")


def send(listener: Listener, folders: list[Path], limit_s: float = 600.0) -> float:
    """Send each folder on an association of its own, all at once; returns the seconds until the last was stored."""
    began = time.perf_counter()
    senders = [
        subprocess.Popen(
            [
                need("storescu"),
                "-aec",
                listener.ae_title,
                "127.0.0.1",
                str(listener.port),
                "+sd",
                str(folder),
            ],
            env=_NO_DELAY,
        )
        for folder in folders
    ]
    until = time.monotonic() + limit_s
    for sender in senders:
        _await_end(sender, until)
    seconds = time.perf_counter() - began
    if any(sender.poll() != 0 for sender in senders):
        for sender in senders:
            sender.kill()
        raise RuntimeError(f"{listener.name} did not store everything")
    return seconds


def _await_end(sender: subprocess.Popen, until: float) -> None:
    """Python's own wait with a limit sleeps up to 50 ms between two looks, which is a tenth of a run."""
    descriptor = os.pidfd_open(sender.pid)
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        ended.poll(max(until - time.monotonic(), 0) * 1000)
    finally:
        os.close(descriptor)


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], log: Path, port: int
) -> Iterator[psutil.Process]:
    with log.open("w") as out:
        process = psutil.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        _await(lambda: _is_open(port), process)
        yield process
    finally:
        try:
            process.terminate()
            process.wait(20)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(20)


def _await(is_there: Callable[[], bool], process: psutil.Popen) -> None:
    limit = time.monotonic() + _START_LIMIT_S
    while not is_there():
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError("a listener did not start")
        time.sleep(0.1)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
