"""Kill the delivery at random, over and over, while it sends to a real Orthanc: `python -m tests.service.killing 50`.

Every object must arrive under its own UID and be proven, none may be stuck. A small run of it is a test; the figures of a long
one stand in docs/operations.md.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from rules.urgency import Priority
from service.courier import take
from service.settings import Destination, Settings
from service.store.session import Store, open_store, upgrade
from service.store.tables import Delivery
from tests.service.sending import STUDY, owe_job, result, write_report
from tests.walk.orthanc import Orthanc, running_orthanc

_OBJECTS_EACH_TIME = 12
_LIMIT_S = 120.0


@dataclass(frozen=True)
class Tally:
    """What came of it."""

    kills: int
    objects: int
    proven: int
    in_orthanc: int
    p50_s: float
    """From owed to proven, kills included."""
    p95_s: float


def kill_at_random(folder: Path, kills: int, seed: int = 1) -> Tally:
    """Owe objects, start the delivery, kill it after a random number of them; then let it finish."""
    chance = random.Random(seed)
    with running_orthanc(folder) as pacs:
        destination = Destination(
            name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port, proof="read_back"
        )
        settings = Settings(data=folder / "data", destinations=(destination,), delivery_backoff_s=0.2)
        store = open_store(settings)
        upgrade(store)
        for turn in range(kills):
            _owe(store, settings, turn)
            target = _proven(store) + chance.randrange(_OBJECTS_EACH_TIME)
            with _Running(settings) as process:
                _wait(lambda target=target: _proven(store) >= target, process)
                time.sleep(chance.uniform(0.0, 0.05))
                process.send_signal(signal.SIGKILL)
                process.wait(10)
        with _Running(settings) as process:
            _wait(lambda: _proven(store) == kills * _OBJECTS_EACH_TIME, process)
        tally = _tally(store, pacs, kills)
        store.close()
    return tally


class _Running:
    """The delivery as a process of its own."""

    def __init__(self, settings: Settings) -> None:
        destinations = json.dumps([one.model_dump(mode="json") for one in settings.destinations])
        self.environment = os.environ | {
            "CARTRIAGE_DATA": str(settings.data),
            "CARTRIAGE_DESTINATIONS": destinations,
            "CARTRIAGE_DELIVERY_BACKOFF_S": str(settings.delivery_backoff_s),
        }

    def __enter__(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "service.cli", "run", "delivery"]
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        return self.process

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


def _owe(store: Store, settings: Settings, turn: int) -> None:
    for number in range(_OBJECTS_EACH_TIME):
        uid = f"1.2.3.{turn + 1}.{number + 1}"
        report = write_report(settings.files, uid)
        job = owe_job(store, f"{turn * 1000 + number:064x}")
        priority = list(Priority)[number % 4]
        take(store, result(job, (report,), priority=priority), settings, datetime.now(UTC))


def _proven(store: Store) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).where(Delivery.state == "proven")) or 0


def _wait(look, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + _LIMIT_S
    while not look():
        if process.poll() is not None or time.monotonic() > limit:
            raise TimeoutError("the delivery is stuck")
        time.sleep(0.01)


def _tally(store: Store, pacs: Orthanc, kills: int) -> Tally:
    with store.reading() as session:
        rows = session.scalars(select(Delivery)).all()
    waits = sorted((one.proven_at - one.created_at).total_seconds() for one in rows if one.proven_at)
    held = [one["MainDicomTags"]["SOPInstanceUID"] for one in pacs.instances(STUDY)]
    return Tally(
        kills=kills,
        objects=len(rows),
        proven=sum(one.state == "proven" for one in rows),
        in_orthanc=len(set(held)),
        p50_s=round(waits[len(waits) // 2], 2),
        p95_s=round(waits[int(len(waits) * 0.95)], 2),
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(asdict(kill_at_random(Path(place), int(sys.argv[1])))))  # noqa: T201 - its result
