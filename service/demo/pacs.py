"""The PACS of the demo: Orthanc if it is installed, else a small archive of our own; both are asked the same way."""

import json
import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from pydicom import Dataset, dcmread

from service.children import Popen, ask_to_end, end, spawn
from service.settings import Destination

_AE_TITLE = "DEMOPACS"
_GRACE_S = 5.0
_TIMEOUT_S = 10


class Pacs(Protocol):
    """What the demo needs of a PACS."""

    @property
    def words(self) -> str:
        """What it is, for people."""

    @property
    def destination(self) -> Destination:
        """Where to store to."""

    def start(self) -> None:
        """Start it, without waiting for it."""

    def is_ready(self) -> bool:
        """Whether it answers."""

    def objects(self, study_instance_uid: str) -> list[bytes]:
        """The DICOM files that it holds of a study."""

    def stop(self) -> None:
        """End it, and all that it started."""


def find_pacs(folder: Path, our_ae_title: str) -> Pacs:
    """A PACS that is not started yet and keeps all it has in `folder`, which must exist."""
    destination = Destination(name="pacs", ae_title=_AE_TITLE, host="127.0.0.1", port=_free_port())
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
    if program:
        return Orthanc(program, folder, destination, our_ae_title, _free_port())
    return Archive(folder, destination)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@dataclass(slots=True)
class Orthanc:
    """The Orthanc of this machine, with a configuration and a database of its own."""

    program: str
    folder: Path
    destination: Destination
    our_ae_title: str
    http_port: int
    popen: Popen | None = None

    @property
    def words(self) -> str:
        return "Orthanc"

    def start(self) -> None:
        """Start it; it answers on loopback only, so it asks nobody for a password."""
        place = self.folder / "orthanc.json"
        place.write_text(json.dumps(self._configuration(), indent=2))
        command = [self.program, str(place)]
        self.popen = spawn(command, dict(os.environ), self.folder / "orthanc.log")

    def is_ready(self) -> bool:
        try:
            self._ask("system")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def objects(self, study_instance_uid: str) -> list[bytes]:
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": study_instance_uid}}
        found = json.loads(self._ask("tools/find", json.dumps(query).encode()))
        return [self._ask(f"instances/{one}/file") for one in found]

    def stop(self) -> None:
        _stop(self.popen)

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        # A proxy of the environment must not see loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.http_port}/{path}", body, _TIMEOUT_S) as answer:
            content: bytes = answer.read()
            return content

    def _configuration(self) -> dict[str, Any]:
        return {
            "Name": "Cartriage demo",
            "StorageDirectory": str(self.folder / "orthanc"),
            "IndexDirectory": str(self.folder / "orthanc"),
            "Plugins": [],
            "DicomAet": _AE_TITLE,
            "DicomPort": self.destination.port,
            "DicomCheckCalledAet": True,
            "DicomCheckModalityHost": True,
            "DicomAlwaysAllowEcho": False,
            "DicomAlwaysAllowStore": False,
            "DicomModalities": {"cartriage": [self.our_ae_title, "127.0.0.1", 104]},
            "UnknownSopClassAccepted": True,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
        }


@dataclass(slots=True)
class Archive:
    """The demo's own storage SCP."""

    folder: Path
    destination: Destination
    popen: Popen | None = None

    @property
    def words(self) -> str:
        return "the demo's own archive (Orthanc is not installed)"

    def start(self) -> None:
        self._files.mkdir()
        command = [sys.executable, "-m", "service.demo.archive", str(self.destination.port), str(self._files)]
        self.popen = spawn(command, dict(os.environ), self.folder / "archive.log")

    def is_ready(self) -> bool:
        try:
            socket.create_connection((self.destination.host, self.destination.port), _TIMEOUT_S).close()
        except OSError:
            return False
        return True

    def objects(self, study_instance_uid: str) -> list[bytes]:
        contents = [path.read_bytes() for path in sorted(self._files.glob("*.dcm"))]
        return [one for one in contents if read(one).StudyInstanceUID == study_instance_uid]

    def stop(self) -> None:
        _stop(self.popen)

    @property
    def _files(self) -> Path:
        return self.folder / "archive"


def read(content: bytes) -> Dataset:
    """The dataset of a DICOM file."""
    return dcmread(BytesIO(content))


def _stop(popen: Popen | None) -> None:
    if popen is not None:
        ask_to_end(popen)
        end(popen, _GRACE_S)
