"""Kill what hands over, takes home or delivers, at random, over and over: `python -m tests.service.killing_walk 50`.

Bell, courier and delivery run as processes of their own, with a real Redis and a real Orthanc; a thread stands for the workers.
Every job must get its result, every object must arrive under its own UID and be proven, none may be stuck.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import Empty

from sqlalchemy import func, select

from rules.codec import to_plain
from rules.messages import COURIER_QUEUE, STUDY_TRIAGED, WORKER_QUEUE, ReportFile
from rules.urgency import Priority
from service.broker import is_answering, server_command, socket_url
from service.courier import make_app
from service.settings import Destination, Settings
from service.store.session import Store, open_store, upgrade
from service.store.tables import Delivery, Job
from tests.service.sending import STUDY, owe_job, result, write_report
from tests.walk.orthanc import Orthanc, running_orthanc

VICTIMS = ("courier", "bell", "delivery")
_JOBS_EACH_TIME = 4
_LIMIT_S = 180.0


@dataclass(frozen=True)
class Tally:
    """What came of it."""

    kills: dict[str, int]
    jobs: int
    done: int
    proven: int
    in_orthanc: int
    rung_again: int
    """Jobs whose message or result was lost with a process, and was asked for anew."""


@dataclass
class _House:
    """The processes, and what they work on."""

    settings: Settings
    store: Store
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    reports: dict[str, ReportFile] = field(default_factory=dict)

    def start(self, name: str) -> None:
        settings = self.settings
        environment = os.environ | {
            "CARTRIAGE_DATA": str(settings.data),
            "CARTRIAGE_REDIS_URL": settings.redis_url,
            "CARTRIAGE_DESTINATIONS": json.dumps(
                [one.model_dump(mode="json") for one in settings.destinations]
            ),
            "CARTRIAGE_DELIVERY_BACKOFF_S": str(settings.delivery_backoff_s),
            "CARTRIAGE_RING_AGAIN_S": str(settings.ring_again_s),
            "CARTRIAGE_MAXIMUM_RINGS": str(settings.maximum_rings),
        }
        command = [sys.executable, "-m", "service.cli", "run", name]
        self.running[name] = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait(10)

    def end(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(30)

    def count(self, table: type, *where: object) -> int:
        with self.store.reading() as session:
            return session.scalar(select(func.count()).select_from(table).where(*where)) or 0

    def proven(self) -> int:
        return self.count(Delivery, Delivery.state == "proven")

    def wait(self, target: int) -> None:
        limit = time.monotonic() + _LIMIT_S
        while self.proven() < target:
            if time.monotonic() > limit or any(one.poll() is not None for one in self.running.values()):
                raise TimeoutError("something is stuck, or ended by itself")
            time.sleep(0.01)


def kill_at_random(folder: Path, kills: int, seed: int = 1) -> Tally:
    """Owe jobs, kill one of the processes after a random number of results, start it anew; then let all finish."""
    chance = random.Random(seed)
    killed: Counter[str] = Counter()
    with running_orthanc(folder) as pacs, ExitStack() as stack:
        house = _house(folder, pacs)
        stack.callback(house.store.close)
        stack.enter_context(_broker(house.settings))
        stack.enter_context(_workers(house))
        stack.callback(house.end)
        for name in VICTIMS:
            house.start(name)
        for turn in range(kills):
            _owe(house, turn)
            house.wait(house.proven() + chance.randrange(_JOBS_EACH_TIME))
            time.sleep(chance.uniform(0.0, 0.05))
            victim = VICTIMS[turn % len(VICTIMS)]
            house.kill(victim)
            killed[victim] += 1
            house.start(victim)
        house.wait(kills * _JOBS_EACH_TIME)
        return _tally(house, pacs, killed)


def _house(folder: Path, pacs: Orthanc) -> _House:
    destination = Destination(
        name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port, proof="read_back"
    )
    data = folder / "data"
    data.mkdir()
    settings = Settings(
        data=data,
        redis_url=socket_url(data),
        destinations=(destination,),
        delivery_backoff_s=0.2,
        ring_again_s=3.0,
        maximum_rings=10_000,
    )
    store = open_store(settings)
    upgrade(store)
    return _House(settings, store)


@contextmanager
def _broker(settings: Settings) -> Iterator[None]:
    with subprocess.Popen(server_command(settings), stdout=subprocess.DEVNULL) as server:
        try:
            app = make_app(settings)
            limit = time.monotonic() + 30
            while not is_answering(app):
                assert time.monotonic() < limit, "Redis did not answer"
                time.sleep(0.05)
            yield
        finally:
            server.terminate()
            server.wait(10)


@contextmanager
def _workers(house: _House) -> Iterator[None]:
    """Takes tasks and sends results, as the workers do, without looking at images."""
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(house, stop))
    thread.start()
    yield
    stop.set()
    thread.join(20)


def _work(house: _House, stop: threading.Event) -> None:
    app = make_app(house.settings)
    with app.connection_for_read() as connection, connection.SimpleQueue(WORKER_QUEUE) as tasks:
        while not stop.is_set():
            try:
                message = tasks.get(timeout=0.2)
            except Empty:
                continue
            job = message.payload[0][0]["job_id"]
            priority = list(Priority)[int(job, 16) % 4]
            triaged = result(job, (house.reports[job],), priority=priority)
            app.send_task(STUDY_TRIAGED, args=[to_plain(triaged)], queue=COURIER_QUEUE)
            message.ack()


def _owe(house: _House, turn: int) -> None:
    for number in range(_JOBS_EACH_TIME):
        job = f"{turn * 1000 + number:064x}"
        house.reports[job] = write_report(house.settings.files, f"1.2.3.{turn + 1}.{number + 1}")
        owe_job(house.store, job)


def _tally(house: _House, pacs: Orthanc, killed: Counter[str]) -> Tally:
    held = {one["MainDicomTags"]["SOPInstanceUID"] for one in pacs.instances(STUDY)}
    return Tally(
        kills=dict(killed),
        jobs=house.count(Job),
        done=house.count(Job, Job.state == "done"),
        proven=house.proven(),
        in_orthanc=len(held & {one.sop_instance_uid for one in house.reports.values()}),
        rung_again=house.count(Job, Job.rings > 1),
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(asdict(kill_at_random(Path(place), int(sys.argv[1])))))  # noqa: T201 - its result
