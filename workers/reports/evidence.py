"""The source instances as highdicom wants to see them, whatever their headers lack."""

from collections.abc import Iterable

from pydicom import Dataset
from pydicom.uid import MRImageStorage, SegmentationStorage

from workers.reports.content import ReportContent
from workers.reports.segments import segmented_series

_EQUIPMENT = ("Manufacturer", "ManufacturerModelName", "InstitutionName", "StationName", "SoftwareVersions")


def stand_ins(header: Dataset, headers: Iterable[Dataset]) -> list[Dataset]:
    """Stand-ins for the source instances `headers`, that of `header` first.

    highdicom reads many attributes that a sloppy header lacks or gets wrong. The first one carries an SOP class that highdicom
    knows; `correct_evidence` puts the true one back.
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
    others = (h for h in headers if h.SOPInstanceUID != header.SOPInstanceUID)
    return [first, *(_stand_in(h) for h in others)]


def masks_as_evidence(content: ReportContent) -> list[Dataset]:
    """Stand-ins for the SEGs that a report points to; no header of the study is one of them."""
    found = []
    for series in segmented_series(content):
        mask = Dataset()
        mask.SOPClassUID, mask.SOPInstanceUID = SegmentationStorage, series.sop_instance_uid
        mask.StudyInstanceUID = series.sources[0].header.StudyInstanceUID
        mask.SeriesInstanceUID = series.series_instance_uid
        found.append(mask)
    return found


def _stand_in(header: Dataset) -> Dataset:
    stand_in = Dataset()
    stand_in.SOPClassUID = header.SOPClassUID
    stand_in.SOPInstanceUID = header.SOPInstanceUID
    stand_in.SeriesInstanceUID = header.SeriesInstanceUID
    stand_in.StudyInstanceUID = header.StudyInstanceUID
    if header.get("Rows"):
        stand_in.Rows, stand_in.Columns = (
            header.Rows,
            header.get("Columns"),
        )  # by which highdicom knows an image
    return stand_in


def correct_evidence(report: Dataset, headers: Iterable[Dataset]) -> None:
    """Put the true SOP classes into the evidence of a report."""
    classes = {header.SOPInstanceUID: header.SOPClassUID for header in headers}
    for study in report.CurrentRequestedProcedureEvidenceSequence:
        for series in study.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                uid = item.ReferencedSOPInstanceUID
                item.ReferencedSOPClassUID = classes.get(uid, item.ReferencedSOPClassUID)
