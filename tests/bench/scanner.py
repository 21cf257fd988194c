"""A scanner at work: it performs a procedure step, sends each series as it ends, and says when it has finished."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE, _config
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import ModalityPerformedProcedureStep

_TIMEOUT_S = 30.0
_SUCCESS = 0x0000
_TRIES, _RETRY_S = 5, 2.0
"""A scanner sends again what was not taken."""


@dataclass(frozen=True)
class ScannedSeries:
    uid: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class ScannedStudy:
    uid: str
    patient_id: str
    series: tuple[ScannedSeries, ...]


def another(source: Path, folder: Path, patient_id: str) -> ScannedStudy:
    """The same images as a study of another patient: other identifiers, so other bytes, so nothing of it is in any cache."""
    fresh: dict[str, str] = {}
    study, series = "", []
    for place in sorted(one for one in source.iterdir() if one.is_dir()):
        files = []
        for path in sorted(place.glob("*.dcm")):
            ds = dcmread(path)
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
                if keyword in ds:
                    known = f"{keyword} {ds[keyword].value}"
                    ds[keyword].value = fresh.setdefault(known, generate_uid())
            ds.PatientID = patient_id
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
            files.append(folder / place.name / path.name)
            files[-1].parent.mkdir(parents=True, exist_ok=True)
            ds.save_as(files[-1])
            study, uid = str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID)
        series.append(ScannedSeries(uid, tuple(files)))
    return ScannedStudy(study, patient_id, tuple(series))


def perform(study: ScannedStudy, port: int, pace_s: float, *, has_step: bool = True) -> None:
    """Scan: every `pace_s` a series ends and is sent at the network's speed. With `has_step`, as an MPPS (PS3.4 F.7) that ends."""
    step = begin(study, port) if has_step else ""
    for number, series in enumerate(study.series):
        time.sleep(pace_s if number else 0.0)
        send(series.files, port)
    if step:
        finish(study, port, step)


def begin(study: ScannedStudy, port: int) -> str:
    """Tell that a procedure step begins; returns its UID."""
    step = str(generate_uid())
    _say(port, step, study, _begun(study))
    return step


def finish(study: ScannedStudy, port: int, step: str) -> None:
    """Tell that a procedure step has ended, and what it made."""
    _say(port, step, study, _finished(study))


def send(files: Sequence[Path], port: int) -> None:
    """Send a series over an association of its own."""
    _config.STORE_SEND_CHUNKED_DATASET = True
    headers = [dcmread(path, specific_tags=["SOPClassUID"], stop_before_pixels=True) for path in files[:1]]
    ae = _scanner()
    context = build_context(headers[0].SOPClassUID, headers[0].file_meta.TransferSyntaxUID)
    left = list(files)
    for _ in range(_TRIES):
        association = ae.associate("127.0.0.1", port, contexts=[context], ae_title="CARTRIAGE")
        while association.is_established and left:
            if association.send_c_store(left[0]).get("Status") != _SUCCESS:
                break
            del left[0]
        if association.is_established:
            association.release()
        if not left:
            return
        time.sleep(_RETRY_S)
    raise AssertionError(f"the node did not take {len(left)} of {len(files)} images")


def _say(port: int, step: str, study: ScannedStudy, attributes: Dataset) -> None:
    ae = _scanner()
    ae.add_requested_context(ModalityPerformedProcedureStep)
    association = ae.associate("127.0.0.1", port, ae_title="CARTRIAGE")
    assert association.is_established, f"no association for the step of {study.uid}"
    is_begun = attributes.PerformedProcedureStepStatus == "IN PROGRESS"
    say = association.send_n_create if is_begun else association.send_n_set
    status, _ = say(attributes, ModalityPerformedProcedureStep, step)
    association.release()
    assert status.get("Status") == _SUCCESS, f"MPPS status {status}"


def _scanner() -> AE:
    ae = AE("SCANNER")
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = _TIMEOUT_S
    return ae


def _begun(study: ScannedStudy) -> Dataset:
    scheduled, step = Dataset(), Dataset()
    scheduled.StudyInstanceUID = study.uid
    step.ScheduledStepAttributesSequence = [scheduled]
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.PerformedSeriesSequence = []
    return step


def _finished(study: ScannedStudy) -> Dataset:
    step = Dataset()
    step.PerformedProcedureStepStatus = "COMPLETED"
    step.PerformedSeriesSequence = []
    for series in study.series:
        performed = Dataset()
        performed.SeriesInstanceUID = series.uid
        performed.ReferencedImageSequence = []
        for path in series.files:
            header = dcmread(path, specific_tags=["SOPClassUID", "SOPInstanceUID"], stop_before_pixels=True)
            image = Dataset()
            image.ReferencedSOPClassUID = header.SOPClassUID
            image.ReferencedSOPInstanceUID = header.SOPInstanceUID
            performed.ReferencedImageSequence.append(image)
        step.PerformedSeriesSequence.append(performed)
    return step
