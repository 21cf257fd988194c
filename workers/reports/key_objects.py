"""Key Object Selection (PS3.3 A.35.4): the images to look at first."""

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import DeviceObserverIdentifyingAttributes, ObserverContext
from pydicom import Dataset

from rules.messages import ReportKind
from workers.reports import codes
from workers.reports.content import ReportContent
from workers.reports.evidence import correct_evidence, stand_ins
from workers.reports.image_library import key_headers
from workers.reports.labelling import (
    SERIES_DESCRIPTIONS,
    SERIES_NUMBERS,
    instance_uid,
    processing_equipment,
    series_uid,
    stamp_times,
)
from workers.reports.study_attributes import anchor_header, inherit_study, local_time, referenced_requests


def key_objects(content: ReportContent) -> Dataset | None:
    """The KOS of one decision, or None if the study holds no image to point to.

    The title is `Of Interest`: CID 7010 has none that asks for attention, and urgency never rests on this object alone.
    """
    header = anchor_header(content)
    keys = key_headers(content, header)
    if not keys:
        return None
    device = content.device
    evidence = stand_ins(keys[0], keys)
    document = KeyObjectSelectionDocument(
        evidence=evidence,
        content=_selection(content, evidence),
        series_instance_uid=series_uid(header.StudyInstanceUID, ReportKind.KOS),
        series_number=SERIES_NUMBERS[ReportKind.KOS],
        series_description=SERIES_DESCRIPTIONS[ReportKind.KOS],
        sop_instance_uid=instance_uid(content, ReportKind.KOS),
        instance_number=max(1, content.snapshot),
        manufacturer=device.manufacturer,
        manufacturer_model_name=device.name,
        software_versions=device.version,
        device_serial_number=device.uid,
        contributing_equipment=[processing_equipment(device)],
    )
    _name_no_purpose(document, keys)
    _name_frames(document, content)
    correct_evidence(document, content.headers)
    inherit_study(document, header)
    if requests := referenced_requests(header):
        document.ReferencedRequestSequence = requests
    stamp_times(document, local_time(content, header))
    return document


def _selection(content: ReportContent, evidence: list[Dataset]) -> KeyObjectSelection:
    device = content.device
    identity = DeviceObserverIdentifyingAttributes(
        uid=device.uid,
        name=device.name,
        manufacturer_name=device.manufacturer,
        model_name=f"{device.name} {device.version}",
    )
    disclaimers = " ".join(content.decision.disclaimers)
    return KeyObjectSelection(
        document_title=codes.OF_INTEREST,
        referenced_objects=evidence,
        observer_device_context=ObserverContext(codes.DEVICE, identity),
        description=f"{content.decision.headline}. {disclaimers}",
    )


def _name_no_purpose(document: Dataset, keys: tuple[Dataset, ...]) -> None:
    """TID 2010 row 8 names no purpose for its images, highdicom does; and the true SOP class goes back."""
    classes = {header.SOPInstanceUID: header.SOPClassUID for header in keys}
    for item in document.ContentSequence:
        if item.ValueType in ("IMAGE", "COMPOSITE"):
            if "ConceptNameCodeSequence" in item:
                del item.ConceptNameCodeSequence
            reference = item.ReferencedSOPSequence[0]
            reference.ReferencedSOPClassUID = classes[reference.ReferencedSOPInstanceUID]


def _name_frames(document: Dataset, content: ReportContent) -> None:
    for item in document.ContentSequence:
        for reference in item.get("ReferencedSOPSequence") or ():
            if frames := content.key_frames.get(reference.ReferencedSOPInstanceUID):
                reference.ReferencedFrameNumber = list(frames)
