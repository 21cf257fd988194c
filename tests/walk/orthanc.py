"""A real Orthanc on free local ports, as the hospital's PACS."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers import need


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Orthanc:
    dicom_port: int
    http_port: int

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=10) as answer:
            return bytes(answer.read())

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}", data=json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def forget(self, study_instance_uid: str) -> None:
        """Lose every object of a study."""
        for found in self.instances(study_instance_uid):
            url = f"http://127.0.0.1:{self.http_port}/instances/{found['ID']}"
            with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10):
                pass

    def upload(self, path: Path) -> None:
        """Give it a DICOM file."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/instances", data=path.read_bytes(), method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()

    def instances(self, study_instance_uid: str) -> list[dict[str, Any]]:
        query = {
            "Level": "Instance",
            "Expand": True,
            "Query": {"StudyInstanceUID": study_instance_uid},
            "RequestedTags": [],
        }
        return list(self.post("/tools/find", query))

    def download(self, study_instance_uid: str, folder: Path) -> list[Path]:
        """Every object of the study as a file, as Orthanc holds it."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for found in self.instances(study_instance_uid):
            path = folder / f"{found['ID']}.dcm"
            path.write_bytes(self.get(f"/instances/{found['ID']}/file"))
            paths.append(path)
        return paths


@contextmanager
def running_orthanc(folder: Path, **more: Any) -> Iterator[Orthanc]:
    """An Orthanc with a database in `folder`; `more` is added to its configuration."""
    peer = Orthanc(free_port(), free_port())
    configuration = {
        "Name": "walk",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "DicomAet": "ORTHANC",
        "DicomPort": peer.dicom_port,
        "HttpPort": peer.http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "OverwriteInstances": False,
        # Who may ask what it holds (C-FIND).
        "DicomModalities": {"cartriage": ["CARTRIAGE", "127.0.0.1", 104]},
        **more,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen([need("Orthanc"), str(path)], stdout=log, stderr=log)
        try:
            _wait_until_up(peer, process)
            yield peer
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_up(peer: Orthanc, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "Orthanc ended at its start"
        try:
            peer.json("/system")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise TimeoutError("Orthanc did not answer within 30 s")
