import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from service.cli.up import up as up_command
from service.environment import environment_of
from service.log_lines import LogFollower, short, tail
from service.processes import BROKER, WORKER, embedded, planned
from service.settings import Settings
from workers.settings import WorkerSettings

OURS = {"courier", "delivery", "bell", "assembly", "node", "rows", "desk", "web", "redis-server"}


def processes_of(data: Path) -> dict[str, int]:
    """Processes that run on a data folder, by name: the supervisor puts the folder into the environment of each.

    Redis writes its title over its environment, and names its socket there.
    """
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "cmdline").read_text().replace(" ", "\0").split("\0")
            if f"CARTRIAGE_DATA={data}\0".encode() in (entry / "environ").read_bytes():
                found[words[words.index("run") + 1] if "run" in words else words[0]] = int(entry.name)
            elif any(word.endswith(f"{data}/redis.sock") for word in words):
                found["redis-server"] = int(entry.name)
    return found


def until(condition, limit_s=60.0):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    return condition()


class Up:
    """`cartriage up` as a person starts it."""

    def __init__(self, data: Path) -> None:
        self.out = data.with_suffix(".out")
        with self.out.open("w") as out:
            self.popen = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "service.cli",
                    "up",
                    "--data",
                    str(data),
                    "--web-port",
                    "0",
                    "--port",
                    "0",
                    "--no-worker",
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def port(self) -> int:
        found = until(lambda: re.search(r"127\.0\.0\.1:(\d+)", self.out.read_text()))
        assert found, self.out.read_text()
        return int(found.group(1))


@pytest.fixture
def up(tmp_path):
    started = []

    def start(data=tmp_path / "data"):
        started.append(Up(data))
        return started[-1]

    yield start
    for one in started:
        one.popen.kill()
        one.popen.wait()


def is_answering(port: int) -> bool:
    ae = AE()
    ae.add_requested_context(Verification)
    association = ae.associate("127.0.0.1", port, ae_title="CARTRIAGE")
    answer = association.is_established and association.send_c_echo().Status == 0
    association.release()
    return answer


@pytest.mark.walk
def test_the_service_runs_until_stopped_and_leaves_nothing(up, tmp_path):
    data = tmp_path / "data"
    service = up()
    assert is_answering(service.port())
    running = processes_of(data)
    assert set(running) == OURS

    refused = up()
    assert refused.popen.wait(60) == 1
    assert "Another `cartriage up` runs on this data folder" in refused.out.read_text()

    for name in ("courier", "redis-server"):
        os.kill(running[name], signal.SIGKILL)
    assert until(lambda: set(now := processes_of(data)) == OURS and now["courier"] != running["courier"])
    assert until(lambda: "courier ended (SIGKILL); starts again" in service.out.read_text())

    service.popen.terminate()
    assert service.popen.wait(60) == 0
    assert processes_of(data) == {}
    assert service.out.read_text().rstrip().endswith("Stopped.")


@pytest.mark.walk
def test_nothing_outlives_a_killed_supervisor(up, tmp_path):
    service = up()
    service.port()
    service.popen.kill()
    service.popen.wait()
    assert until(lambda: processes_of(tmp_path / "data") == {})


@pytest.mark.walk
def test_a_start_that_cannot_succeed_is_said_and_leaves_nothing(up, tmp_path, monkeypatch):
    monkeypatch.setenv("CARTRIAGE_HOST", "192.0.2.1")
    service = up()
    assert service.popen.wait(90) == 1
    assert "node ended" in service.out.read_text()
    assert processes_of(tmp_path / "data") == {}


def test_every_process_runs_on_the_same_settings(tmp_path, monkeypatch):
    destination = {"name": "pacs", "ae_title": "PACS", "host": "h", "port": 104}
    peers, shared = ("A B", "C"), {"workers": 2, "worker_threads": 3}
    given = embedded(
        Settings(data=tmp_path / "data folder", peers=peers, destinations=[destination], **shared)
    )
    for name, value in environment_of(given).items():
        monkeypatch.setenv(name, value)
    assert Settings() == given.model_copy(update={"log_format": "json"})
    worker = WorkerSettings()
    assert (worker.broker, worker.workers, worker.worker_threads) == (given.broker, 2, 3)


@pytest.mark.parametrize("name", ["CARTRIAGE_WORKERS", "CARTRIAGE_WORKER_THREADS"])
def test_a_service_does_not_start_with_a_number_of_workers_or_threads_that_is_none(name):
    told = CliRunner().invoke(up_command, env={name: "0"})
    assert told.exit_code == 1
    assert (
        f"{name.removeprefix('CARTRIAGE_').lower()}: Input should be greater than or equal to 1"
        in told.output
    )


def test_secrets_reach_every_process_as_they_are(monkeypatch):
    mail = {
        "kind": "mail",
        "name": "call",
        "host": "mx",
        "sender": "a@b",
        "recipients": ["c@d"],
        "password": "secret-2",
    }
    stow = {"kind": "stow", "name": "cloud", "url": "https://pacs.example", "token": "secret-1"}
    given = embedded(Settings(destinations=(mail, stow)))
    for name, value in environment_of(given).items():
        monkeypatch.setenv(name, value)
    assert Settings().destinations == given.destinations


def test_an_own_broker_and_workers_elsewhere_are_left_out(tmp_path):
    own = embedded(Settings(data=tmp_path, redis_url="redis://example/0"))
    assert not {BROKER, WORKER} & {process.name for process in planned(own, has_worker=False)}
    both = embedded(Settings(data=tmp_path))
    assert {BROKER, WORKER} < {process.name for process in planned(both, has_worker=True)}


def test_a_person_sees_warnings_and_milestones_of_the_logs(tmp_path):
    path = tmp_path / "node.jsonl"
    path.write_text('{"event": "old", "level": "error"}\n')
    follower = LogFollower("node", path)
    with path.open("a") as log:
        log.write('{"event": "instance_stored", "level": "info"}\nno json\n{"event": "half')
    assert follower.news() == []
    with path.open("a") as log:
        log.write('way", "level": "warning", "free_mb": 3}\n')
    assert follower.news() == ["node: halfway free_mb=3"]
    assert tail(path, 1) == ['{"event": "halfway", "level": "warning", "free_mb": 3}']


def test_a_shown_line_is_short():
    assert len(short("node", '{"event": "x", "level": "error", "detail": "' + "y" * 5000 + '"}')) < 300
