"""The whole service as a user starts it: `cartriage up` in a process of its own, driven by its command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

CARTRIAGE = str(Path(sys.executable).parent / "cartriage")


@dataclass(frozen=True)
class House:
    data: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def node(self) -> dict[str, Any]:
        """pid, host and port of the node."""
        return dict(json.loads((self.data / "node.json").read_text()))

    def run(self, *arguments: str, check: bool = True) -> str:
        """Output of a cartriage command against this service."""
        outcome = subprocess.run(
            [CARTRIAGE, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert outcome.returncode == 0 or not check, outcome.stdout + outcome.stderr
        return outcome.stdout

    def worklist(self) -> list[dict[str, Any]]:
        return list(json.loads(self.run("worklist", "--all", "--json")))

    def trail(self, study_instance_uid: str) -> list[dict[str, Any]]:
        return list(json.loads(self.run("audit", study_instance_uid, "--json")))

    def events(self, study_instance_uid: str) -> list[str]:
        return [event["event"] for event in self.trail(study_instance_uid)]

    def children(self, *words: str) -> list[psutil.Process]:
        """Our processes whose command line has all the words, oldest first."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = process.cmdline()
            except psutil.NoSuchProcess:
                continue
            if all(word in line for word in words):
                found.append(process)
        return sorted(found, key=lambda one: one.create_time())

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self.data.rglob("*.jsonl"))


@contextmanager
def running_house(data: Path, **settings: str) -> Iterator[House]:
    environment = {
        **os.environ,
        "CARTRIAGE_DATA": str(data),
        "CARTRIAGE_PORT": "0",
        "CARTRIAGE_WEB_PORT": "0",
        "CARTRIAGE_QUIET_TIME_S": "2",
        "CARTRIAGE_IS_PROVISIONAL": "false",
        "CARTRIAGE_RING_AGAIN_S": "5",
        "CARTRIAGE_DELIVERY_BACKOFF_S": "1",
        "COLUMNS": "160",
        **settings,
    }
    data.mkdir(parents=True, exist_ok=True)
    with (data / "up.out").open("wb") as output:
        process = subprocess.Popen([CARTRIAGE, "up"], env=environment, stdout=output, stderr=output)
        house = House(data, environment, process)
        try:
            wait_for((data / "node.json").exists, 60, "the node to listen")
            yield house
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def wait_for(look: Callable[[], T], seconds: float, what: str) -> T:
    """The first truthy value of `look`; every wait of a test has a limit."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.25)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")
