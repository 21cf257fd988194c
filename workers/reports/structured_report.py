"""The structured report: Comprehensive 3D SR (PS3.3 A.35.13) after TID 1500, preliminary and unverified."""

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

from rules.messages import ReportFile, ReportKind, ResultState
from rules.urgency_codes import PRIVATE_SCHEME
from workers.reports import codes
from workers.reports.content import Device, ReportContent
from workers.reports.evidence import correct_evidence, masks_as_evidence, stand_ins
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
from workers.reports.segments import segments
from workers.reports.statements import qualitative_evaluations
from workers.reports.study_attributes import (
    anchor_header,
    inherit_study,
    local_time,
    referenced_requests,
)


def structured_report(content: ReportContent) -> Dataset:
    """The SR of one decision, ready to be written."""
    header = anchor_header(content)
    device = content.device
    report = Comprehensive3DSR(
        evidence=[*stand_ins(header, content.headers), *masks_as_evidence(content)],
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
        is_complete=content.state is not ResultState.PROVISIONAL,
        is_final=False,
        contributing_equipment=[processing_equipment(device)],
        coding_schemes=[CodingSchemeIdentificationItem(PRIVATE_SCHEME, name=codes.PRIVATE_SCHEME_NAME)],
    )
    correct_evidence(report, content.headers)
    _separate(report)
    inherit_study(report, header)
    if requests := referenced_requests(header):
        report.ReferencedRequestSequence = requests
    if content.predecessor:
        report.PredecessorDocumentsSequence = [_superseded(content.predecessor, header.StudyInstanceUID)]
    if content.state is ResultState.PROVISIONAL:
        report.CompletionFlagDescription = "Provisional: the study is still arriving"
    stamp_times(report, local_time(content, header))
    return report


def _superseded(earlier: ReportFile, study_instance_uid: str) -> Dataset:
    """A Hierarchical SOP Instance Reference (PS3.3 C.17.2.1) to the report that this one replaces."""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID = earlier.sop_class_uid
    instance.ReferencedSOPInstanceUID = earlier.sop_instance_uid
    series.SeriesInstanceUID = earlier.series_instance_uid
    series.ReferencedSOPSequence = [instance]
    study.StudyInstanceUID = study_instance_uid
    study.ReferencedSeriesSequence = [series]
    return study


def _tree(content: ReportContent, header: Dataset) -> Dataset:
    """The content tree; the order of the root's items is that of the rows of TID 1500."""
    by_uid = {h.SOPInstanceUID: h for h in content.headers}
    report = MeasurementReport(
        observation_context=_observer(content.device),
        procedure_reported=codes.MRI_PROCEDURE,
        imaging_measurements=measurement_groups(
            content.findings, header.StudyInstanceUID, by_uid, segments(content)
        ),
        title=codes.REPORT_TITLE,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            CodedConcept.from_code(codes.ENGLISH)
        ),
    )
    root = report[0]
    *context, measurements = root.ContentSequence
    measurements.ContentSequence = ContentSequence([*_algorithm(content), *measurements.ContentSequence])
    library = image_library(key_headers(content, header), content.key_frames)
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


def _separate(item: Dataset) -> None:
    """Make every container SEPARATE: dsr2html drops the concept names of continuous ones (`Absent` of what?)."""
    if item.get("ValueType") == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence") or ():
        _separate(child)
