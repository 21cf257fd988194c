"""What marks a DICOM object as one of ours: UIDs, series, device and times, the same for every kind of report."""

from datetime import datetime

from highdicom import ContributingEquipment
from pydicom import Dataset

from rules.anatomy import Role
from rules.identity import derived_uid
from rules.messages import ReportKind
from rules.own import series_uid_of
from workers.reports import codes
from workers.reports.content import Device, ReportContent

SERIES_NUMBERS = {
    ReportKind.SC: 9002,
    ReportKind.SCM: 9002,
    ReportKind.SR: 9003,
    ReportKind.KOS: 9004,
}
"""High, so that the reports stand behind the acquired series in every viewer."""
MASK_SERIES_NUMBERS = {
    Role.FLAIR: 9001,
    Role.DWI: 9011,
    Role.SWI: 9012,
    Role.B0: 9013,
    Role.T1C: 9014,
    Role.T2: 9015,
}
"""Of SEGs, by what their source series shows."""
OTHER_MASKS = 9019
"""SEGs of a check of another package, on a series that none of ours measures on."""
SERIES_DESCRIPTIONS = {
    ReportKind.SC: "Cartriage triage page - NOT DIAGNOSTIC",
    ReportKind.SCM: "Cartriage triage page - NOT DIAGNOSTIC",
    ReportKind.SR: "Cartriage triage report - NOT DIAGNOSTIC",
    ReportKind.KOS: "Cartriage key images - NOT DIAGNOSTIC",
}


def instance_uid(content: ReportContent, kind: ReportKind, source: Role | None = None) -> str:
    """SOP Instance UID: the same result written twice is the same object.

    source : of a SEG, what its source series shows
    """
    parts = {"job": content.job_id, "kind": kind.value}
    return derived_uid(parts | ({"source": source.value} if source else {}))


def series_uid(study_instance_uid: str, kind: ReportKind, source: Role | None = None) -> str:
    """Series Instance UID: later results of a study join the series of the earlier ones."""
    return series_uid_of(study_instance_uid, kind, source)


def processing_equipment(device: Device) -> ContributingEquipment:
    """The item by which IHE AIR finds the algorithm; its Device UID changes with every version."""
    item = ContributingEquipment(
        manufacturer=device.manufacturer,
        purpose_of_reference=codes.PROCESSING_EQUIPMENT,
        manufacturer_model_name=device.name,
        software_versions=device.version,
    )
    item.DeviceUID = device.uid
    return item


def stamp_times(report: Dataset, moment: datetime) -> None:
    """Write `moment` as the time of content, creation and processing.

    highdicom would write the clock, and no two runs would be equal.
    """
    date, time = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S.%f")
    report.ContentDate, report.ContentTime = date, time
    report.InstanceCreationDate, report.InstanceCreationTime = date, time
    for item in report.ContributingEquipmentSequence:
        if item.PurposeOfReferenceCodeSequence[0].CodeValue == codes.PROCESSING_EQUIPMENT.value:
            item.ContributionDateTime = moment.strftime("%Y%m%d%H%M%S.%f%z")
