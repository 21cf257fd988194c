"""Simulated patients who walk through the whole service, for pictures: flagged, scanned, sent, analysed, delivered, and answered."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydicom import dcmread
from sqlalchemy import select

from rules.urgency import Priority
from service import answers
from service.accounts import Role, change_password, create
from service.answers import Answer, Verdict
from service.gate import policy_in_force
from service.listing import Show, Wanted
from service.settings import Settings
from service.store.session import Store, open_store
from service.store.tables import Job
from service.views import save
from tests.walk.house import CARTRIAGE, House, running_house, wait_for
from tests.walk.orthanc import running_orthanc

READER = "meyer"
PASSWORD = "only for pictures"  # noqa: S105 - of an account in a throw-away database
_LIMIT_S = 3600
_TODAY = datetime.now(UTC).date()
_RESULT = ("decided", "not assessed", "not flagged", "failed", "not analysed")


@dataclass(frozen=True, slots=True)
class Simulated:
    """One study of a patient, and what the clinic knows."""

    patient_id: str
    name: str
    case: str
    vendor: str = "siemens"
    seed: int = 1
    day: int = 7
    """After the infusion; negative is the scan before it, sent first."""
    context: tuple[tuple[str, str], ...] = ()
    is_flagged: bool = True


STUDIES = (
    Simulated("CART-1042", "OKAFOR^DANIEL", "healthy", seed=4, day=-6, context=(("icans-grade", "0"),)),
    Simulated("CART-1038", "LINDQVIST^MAJA", "healthy", "philips", 7, 12, (("icans-grade", "0"), ("ice", "10"))),
    Simulated("CART-1051", "ROSSI^ELENA", "motion_healthy", "ge", 9, 9, (("icans-grade", "2"), ("ice", "5"))),
    Simulated("MRN-77120", "ANDERSSON^PER", "healthy", seed=15, is_flagged=False),
    Simulated("CART-1044", "NGUYEN^THI", "pres", "philips", 21, 6, (("icans-grade", "2"), ("blood-pressure", "187/109"))),
    Simulated("CART-1042", "OKAFOR^DANIEL", "deep_grey_brainstem", seed=4, day=5, context=(("icans-grade", "3"), ("ice", "2"))),
)  # fmt: skip


@contextmanager
def walked(data: Path) -> Iterator[House]:
    """The service with these patients' studies, every result delivered to an Orthanc; a folder that has them is only opened."""
    with running_orthanc(_made(data / "pacs"), OverwriteInstances=True) as pacs:
        destination = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port,
                       "proof": "read_back"}  # fmt: skip
        steps = [{"priority": "P1", "after_min": 15, "tell": "neuroradiologist on call"}]
        settings = {
            "CARTRIAGE_DESTINATIONS": json.dumps([destination]),
            "CARTRIAGE_ESCALATION": json.dumps(steps),
        }
        with running_house(data / "house", **settings) as house:
            done = data / "walked"
            if not done.exists():
                _walk(house, data)
                done.touch()
            yield house


def _walk(house: House, data: Path) -> None:
    for number, one in enumerate(STUDIES):
        if _results(house) > number:
            continue  # a walk that was cut off goes on
        folder = data / "studies" / str(number)
        if not folder.exists():
            _simulate(one, folder)
        if one.is_flagged:
            infusion = _TODAY - timedelta(days=abs(one.day) if one.day > 0 else 5)
            values = {"infusion-date": infusion.isoformat(), "product": "axi-cel", **dict(one.context)}
            house.run("cohort", "add", one.patient_id, *(f"--{key}={value}" for key, value in values.items()))
        _send(folder, house)
        wait_for(lambda expected=number + 1: _results(house) >= expected, _LIMIT_S, "the result")
    _answer(house)


def _simulate(one: Simulated, folder: Path) -> None:
    scanned = _TODAY - timedelta(days=5 - one.day if one.day < 0 else 0)
    command = [CARTRIAGE, "simulate", one.case, "--out", str(folder), "--patient-id", one.patient_id]
    options = ["--patient-name", one.name, "--vendor", one.vendor, "--seed", str(one.seed)]
    subprocess.run(
        [*command, *options, "--study-date", scanned.isoformat()],
        check=True,
        capture_output=True,
        timeout=_LIMIT_S,
    )
    _agree_on_birth(folder)


def _agree_on_birth(folder: Path) -> None:
    """The simulator counts the birth date back from each scan; two studies of one patient must name the same, or they are not compared."""
    for path in folder.rglob("*.dcm"):
        ds = dcmread(path)
        ds.PatientBirthDate = f"{ds.PatientBirthDate[:6]}01"
        ds.save_as(path)


def _send(folder: Path, house: House) -> None:
    command = ["storescu", "-aet", "SCANNER", "-aec", "CARTRIAGE", "+sd", "+r"]
    there = ["127.0.0.1", str(house.node["port"]), str(folder)]
    environment = {**os.environ, "TCP_NODELAY": "1"}
    subprocess.run([*command, *there], check=True, capture_output=True, timeout=_LIMIT_S, env=environment)


def _results(house: House) -> int:
    return sum(row["status"] in _RESULT for row in house.worklist())


def _answer(house: House) -> None:
    """People, and what they say: the oldest results are read; a P1 and a P2 wait."""
    store = open_store(Settings(data=house.data))
    try:
        with store.session() as session:
            now = datetime.now(UTC)
            once = create(session, READER, "Dr. Meyer", list(Role), "bench", now)
            session.flush()
            change_password(session, READER, once, PASSWORD, now)
            create(session, "weber", "C. Weber", [Role.COORDINATOR], "bench", now)
            create(session, "ilves", "Dr. Ilves", [Role.RADIOLOGIST], "bench", now)
            save(session, READER, "P1, not acknowledged", Wanted(Show.WAITING, Priority.P1), now)
        _read(store)
    finally:
        store.close()


def _read(store: Store) -> None:
    policy = policy_in_force(None)
    with store.reading() as session:
        done = session.scalars(select(Job).where(Job.state == "done").order_by(Job.id)).all()
    jobs = list({job.study_instance_uid: job for job in done}.values())
    said = (
        (jobs[0], Verdict.AGREE, ""),
        (jobs[1], Verdict.AGREE, "No acute change."),
        (jobs[2], Verdict.OTHER, "Motion, but no oedema to be seen."),
    )
    for job, verdict, text in said:
        with store.session() as session:
            now = datetime.now(UTC)
            answers.acknowledge(session, job.study_instance_uid, READER, policy, now)
            answers.assess(
                session, Answer(job.study_instance_uid, job.job_id, verdict, text, READER), policy, now
            )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
