"""One PACS and one service for all walks; each walk has its own patient."""

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from rules.anatomy import Role
from tests.peers import need
from tests.walk.house import CARTRIAGE, House, running_house
from tests.walk.orthanc import Orthanc, running_orthanc
from workers.simulation.cases import case_named
from workers.simulation.headers import SimulatedPatient
from workers.simulation.study import StudyOptions, simulate_study


@pytest.fixture(scope="session")
def pacs(tmp_path_factory):
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as peer:
        yield peer


@pytest.fixture(scope="session")
def house(tmp_path_factory, pacs: Orthanc):
    destination = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port,
                   "proof": "read_back"}  # fmt: skip
    data = tmp_path_factory.mktemp("house")
    with running_house(data, CARTRIAGE_DESTINATIONS=json.dumps([destination])) as up:
        yield up


@pytest.fixture(scope="module")
def early_house(tmp_path_factory, pacs: Orthanc):
    """A service in which only the scanner's word ends a study, and series settle soon."""
    destination = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port}
    settings = {
        "CARTRIAGE_QUIET_TIME_S": "900",
        "CARTRIAGE_SERIES_QUIET_S": "1",
        "CARTRIAGE_IS_PROVISIONAL": "true",
    }
    data = tmp_path_factory.mktemp("early")
    with running_house(data, CARTRIAGE_DESTINATIONS=json.dumps([destination]), **settings) as up:
        yield up


@pytest.fixture(scope="session")
def simulate(tmp_path_factory) -> Callable[..., Path]:
    """Folder of a simulated study for a patient, made as a user makes it; the same study is made once."""

    @cache
    def make(case: str, patient_id: str, *options: str) -> Path:
        out = tmp_path_factory.mktemp("studies") / patient_id
        subprocess.run(
            [CARTRIAGE, "simulate", case, "--out", str(out), "--patient-id", patient_id, *options],
            check=True,
            capture_output=True,
            timeout=180,
        )
        return out

    return make


@pytest.fixture(scope="session")
def scan(tmp_path_factory) -> Callable[..., Path]:
    """Folder of some series of a simulated study: for walks in which it is all one what is found in them."""

    def make(case: str, patient_id: str, *roles: Role, seed: int = 1) -> Path:
        options = StudyOptions(patient=SimulatedPatient(patient_id), roles=frozenset(roles))
        out = tmp_path_factory.mktemp("scans") / patient_id
        return simulate_study(case_named(case), seed=seed, out=out, options=options).folder

    return make


@pytest.fixture(scope="session")
def scanner(house: House) -> Callable[..., subprocess.CompletedProcess[str]]:
    """DCMTK's storescu as the scanner."""

    def send(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
        node = house.node
        command = [need("storescu"), "-aet", "SCANNER", "-aec", "CARTRIAGE", "+sd", "+r", *options]
        return subprocess.run(
            [*command, "127.0.0.1", str(node["port"]), str(folder)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return send
