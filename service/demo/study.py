"""The study of the demo: simulated, or the user's own folder; and the scanner that sends it."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pynetdicom import _config
from pynetdicom.presentation import build_context

from service.calling import Caller
from service.children import Popen, spawn
from service.errors import ServiceError

CASE = "pres"
_PATIENT = "DEMO001"
_SCANNER = "DEMOSCANNER"
_TIMEOUT_S = 30.0
_MOST_CONTEXTS = 128
"""Of one association (PS3.8 9.3.2.2)."""
_HEADERS = [
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "StudyInstanceUID",
    "StudyDate",
    "SeriesInstanceUID",
    "SOPClassUID",
    "SOPInstanceUID",
]


class StudyError(ServiceError):
    """The folder cannot be used for the demo."""


class NotSentError(ServiceError):
    """The study could not be sent to the node."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One DICOM file to be sent."""

    path: Path
    sop_class_uid: str
    transfer_syntax_uid: str
    series_instance_uid: str


@dataclass(frozen=True, slots=True)
class SourceStudy:
    """A folder of DICOM files of one study, and whose it is."""

    study_instance_uid: str
    patient_id: str
    issuer: str
    birth_date: date | None
    study_date: date | None
    files: tuple[SourceFile, ...]
    is_simulated: bool

    @property
    def series(self) -> int:
        return len({file.series_instance_uid for file in self.files})


def start_simulation(folder: Path, log: Path) -> Popen:
    """Start `cartriage simulate` for a study of today."""
    options = [
        "--out",
        str(folder),
        "--patient-id",
        _PATIENT,
        "--study-date",
        datetime.now(UTC).date().isoformat(),
    ]
    return spawn([sys.executable, "-m", "service.cli", "simulate", CASE, *options], dict(os.environ), log)


def read_study(folder: Path, *, is_simulated: bool) -> SourceStudy:
    """The one study below a folder.

    Raises StudyError if there is none, or more than one, or if its patient has no ID to be flagged by.
    """
    found = list(_headers(folder))
    uids = {str(ds.get("StudyInstanceUID", "")) for _, ds in found} - {""}
    if len(uids) != 1:
        raise StudyError(f"{len(uids)} studies in it, one is needed")
    first = found[0][1]
    if not first.get("PatientID"):
        raise StudyError("its patient has no ID (0010,0020), so nobody can be flagged")
    return SourceStudy(
        study_instance_uid=uids.pop(),
        patient_id=str(first.PatientID),
        issuer=str(first.get("IssuerOfPatientID") or ""),
        birth_date=_date(first.get("PatientBirthDate")),
        study_date=_date(first.get("StudyDate")),
        files=tuple(_source(path, ds) for path, ds in found),
        is_simulated=is_simulated,
    )


def send(study: SourceStudy, host: str, port: int, ae_title: str) -> Iterator[int]:
    """Send the study as a scanner would; yields how many objects were acknowledged so far.

    Raises NotSentError at the first object that is not taken.
    """
    # The bytes of the files as they are: nothing decoded, nothing encoded anew.
    _config.STORE_SEND_CHUNKED_DATASET = True
    caller = Caller(_SCANNER, _TIMEOUT_S)
    pairs = sorted({(file.sop_class_uid, file.transfer_syntax_uid) for file in study.files})
    contexts = [build_context(*pair) for pair in pairs[:_MOST_CONTEXTS]]
    association = caller.associate(host, port, contexts=contexts, ae_title=ae_title)
    if not association.is_established:
        raise NotSentError("no association with the node")
    try:
        for number, file in enumerate(study.files, 1):
            try:
                status = association.send_c_store(file.path).get("Status")
            except (ValueError, RuntimeError) as error:
                raise NotSentError(f"object {number}: {type(error).__name__}") from error
            if status != 0:
                raise NotSentError(
                    f"object {number}: " + ("no answer" if status is None else f"0x{status:04X}")
                )
            yield number
    finally:
        association.release()


def _headers(folder: Path) -> Iterator[tuple[Path, Dataset]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "DICOMDIR":
            try:
                ds = dcmread(path, stop_before_pixels=True, specific_tags=_HEADERS)
            except (InvalidDicomError, OSError):
                continue
            if "SOPClassUID" in ds and "TransferSyntaxUID" in ds.file_meta:
                yield path, ds


def _source(path: Path, ds: Dataset) -> SourceFile:
    return SourceFile(
        path, str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID), str(ds.get("SeriesInstanceUID", ""))
    )


def _date(value: object) -> date | None:
    try:
        return datetime.strptime(str(value or ""), "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
