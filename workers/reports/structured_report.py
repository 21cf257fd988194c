"""The structured report: Comprehensive 3D SR (PS3.3 A.35.13) after TID 1500, preliminary and unverified."""

from collections.abc import Iterable

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    LanguageOfContentItemAndDescendants,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
)
from highdicom.sr.coding import CodedConcept
from pydicom import Dataset
from pydicom.uid import MRImageStorage

from rules.messages import ReportKind
from workers.reports import codes
from workers.reports.content import Device, ReportContent
from workers.reports.image_library import image_library, key_headers
from workers.reports.labelling import (
    SERIES_DESCRIPTIONS,
    SERIES_NUMBERS,
    instance_uid,
    processing_equipment,
    series_uid,
    stamp_times,
)
from workers.reports.measurement_groups import measurement_groups
from workers.reports.statements import qualitative_evaluations
from workers.reports.study_attributes import (
    anchor_header,
    inherit_study,
    local_time,
    referenced_requests,
)

_EQUIPMENT = ("Manufacturer", "ManufacturerModelName", "InstitutionName", "StationName", "SoftwareVersions")


def structured_report(content: ReportContent) -> Dataset:
    """The SR of one decision, ready to be written."""
    header = anchor_header(content)
    device = content.device
    report = Comprehensive3DSR(
        evidence=_evidence(content, header),
        content=_tree(content, header),
        series_instance_uid=series_uid(header.StudyInstanceUID, ReportKind.SR),
        series_number=SERIES_NUMBERS[ReportKind.SR],
        series_description=SERIES_DESCRIPTIONS[ReportKind.SR],
        sop_instance_uid=instance_uid(content, ReportKind.SR),
        instance_number=max(1, content.snapshot),
        manufacturer=device.manufacturer,
        manufacturer_model_name=device.name,
        software_versions=device.version,
        device_serial_number=device.uid,
        is_complete=True,
        is_final=False,
        contributing_equipment=[processing_equipment(device)],
        coding_schemes=[CodingSchemeIdentificationItem(codes.PRIVATE_SCHEME, name=codes.PRIVATE_SCHEME_NAME)],
    )
    _correct_evidence(report, content.headers)
    _separate(report)
    inherit_study(report, header)
    if requests := referenced_requests(header):
        report.ReferencedRequestSequence = requests
    stamp_times(report, local_time(content, header))
    return report


def _tree(content: ReportContent, header: Dataset) -> Dataset:
    """The content tree; the order of the root's items is that of the rows of TID 1500."""
    by_uid = {h.SOPInstanceUID: h for h in content.headers}
    report = MeasurementReport(
        observation_context=_observer(content.device),
        procedure_reported=codes.MRI_PROCEDURE,
        imaging_measurements=measurement_groups(content.findings, header.StudyInstanceUID, by_uid),
        title=codes.REPORT_TITLE,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            CodedConcept.from_code(codes.ENGLISH)
        ),
    )
    root = report[0]
    *context, measurements = root.ContentSequence
    measurements.ContentSequence = ContentSequence([*_algorithm(content), *measurements.ContentSequence])
    library = image_library(key_headers(content, header))
    root.ContentSequence = ContentSequence(
        [*context, library, measurements, qualitative_evaluations(content)]
    )
    return root


def _observer(device: Device) -> ObservationContext:
    identity = DeviceObserverIdentifyingAttributes(
        uid=device.uid,
        name=device.name,
        manufacturer_name=device.manufacturer,
        model_name=f"{device.name} {device.version}",
    )
    context = ObserverContext(observer_type=codes.DEVICE, observer_identifying_attributes=identity)
    return ObservationContext(observer_device_context=context)


def _algorithm(content: ReportContent) -> AlgorithmIdentification:
    """TID 4019, once for all groups: what measured and which rules decided."""
    policy = content.decision.policy
    parameters = [
        f"policy {policy.name} {policy.version} sha256:{policy.digest}",
        *(f"{name} {version}" for name, version in content.versions.items()),
    ]
    return AlgorithmIdentification(content.device.name, content.device.version, parameters)


def _evidence(content: ReportContent, header: Dataset) -> list[Dataset]:
    """Stand-ins for the source instances: highdicom reads many attributes that a sloppy header lacks or gets wrong.

    The first one carries an SOP class that highdicom knows; `_correct_evidence` puts the true one back.
    """
    first = _stand_in(header)
    first.SOPClassUID = MRImageStorage
    for keyword in (
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
        "AccessionNumber",
        "StudyID",
    ):
        setattr(first, keyword, "")
    first.StudyDate = first.StudyTime = None
    for keyword in _EQUIPMENT:
        if header.get(keyword):
            setattr(first, keyword, header[keyword].value)
    others = (h for h in content.headers if h.SOPInstanceUID != header.SOPInstanceUID)
    return [first, *(_stand_in(h) for h in others)]


def _stand_in(header: Dataset) -> Dataset:
    stand_in = Dataset()
    stand_in.SOPClassUID = header.SOPClassUID
    stand_in.SOPInstanceUID = header.SOPInstanceUID
    stand_in.SeriesInstanceUID = header.SeriesInstanceUID
    stand_in.StudyInstanceUID = header.StudyInstanceUID
    return stand_in


def _correct_evidence(report: Dataset, headers: Iterable[Dataset]) -> None:
    classes = {header.SOPInstanceUID: header.SOPClassUID for header in headers}
    for study in report.CurrentRequestedProcedureEvidenceSequence:
        for series in study.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                item.ReferencedSOPClassUID = classes[item.ReferencedSOPInstanceUID]


def _separate(item: Dataset) -> None:
    """Make every container SEPARATE: dsr2html drops the concept names of continuous ones (`Absent` of what?)."""
    if item.get("ValueType") == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence") or ():
        _separate(child)
