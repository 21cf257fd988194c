"""What every report inherits from the study: patient, study and request, in the study's own words and characters."""

import re
from copy import deepcopy
from datetime import datetime, timedelta, timezone

from pydicom import Dataset
from pydicom.dataelem import DataElement

from workers.reports.content import ReportContent

_COPIED = (
    # Patient (PS3.3 C.7.1.1)
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    # General Study (C.7.2.1)
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence",
    "ProcedureCodeSequence",
    # Patient Study (C.7.2.2)
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    # Clinical trial (C.7.1.3, C.7.2.3)
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
    "ClinicalTrialTimePointID",
    # SOP Common (C.12.1)
    "TimezoneOffsetFromUTC",
)
_EMPTY_IF_MISSING = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Type 2: present, and empty where the study has nothing to say."""
_REQUEST = (
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
    "ReferencedStudySequence",
)
"""Attributes of a Referenced Request item (C.17.2), all type 2."""
_OFFSET = re.compile(r"^([+-])([01]\d)([0-5]\d)$")
_UTF_8 = "ISO_IR 192"
"""The one set that carries every name and every sentence (C.12.1.1.2)."""


def anchor_header(content: ReportContent) -> Dataset:
    """The header to inherit from: an MR image of a used series if there is one; independent of the order received."""
    used = {use.series_instance_uid for use in content.series if use.is_used}
    return min(
        content.headers,
        key=lambda header: (
            header.SeriesInstanceUID not in used,
            header.get("Modality") != "MR",
            str(header.SOPInstanceUID),
        ),
    )


def inherit_study(report: Dataset, header: Dataset) -> None:
    """Write the patient and study attributes of `header` into `report`, replacing what is there.

    They keep their characters; `report` is in UTF-8 from then on.
    """
    report.SpecificCharacterSet = _UTF_8
    for keyword in _EMPTY_IF_MISSING:
        setattr(report, keyword, None)
    for element in _decoded(header, _COPIED):
        report.add(element)


def referenced_requests(header: Dataset) -> list[Dataset]:
    """Items for the Referenced Request Sequence of an SR (C.17.2), from what the modality knew of the order."""
    if header.get("ReferencedRequestSequence"):
        return list(_decoded(header, ("ReferencedRequestSequence",))[0].value)
    requests = [
        item for item in header.get("RequestAttributesSequence") or () if item.get("RequestedProcedureID")
    ]
    return [_request(header, item) for item in requests]


def request_attributes(header: Dataset) -> list[Dataset]:
    """Items for the Request Attributes Sequence of an image (C.7.3.1)."""
    elements = _decoded(header, ("RequestAttributesSequence",))
    return list(elements[0].value) if elements else []


def local_time(content: ReportContent, header: Dataset) -> datetime:
    """The moment of decision on the clock that the study's own dates and times are on (C.12.1.1.8).

    Without Timezone Offset From UTC that clock is unknown, and the moment stays as it was given.
    """
    match = _OFFSET.match(str(header.get("TimezoneOffsetFromUTC") or ""))
    if not match:
        return content.decided_at
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return content.decided_at.astimezone(timezone(-offset if sign == "-" else offset))


def _request(header: Dataset, item: Dataset) -> Dataset:
    request = Dataset()
    request.StudyInstanceUID = header.StudyInstanceUID
    for keyword in _REQUEST:
        setattr(request, keyword, [] if keyword.endswith("Sequence") else None)
    for element in (*_decoded(header, ("AccessionNumber",)), *_decoded(item, _REQUEST)):
        request.add(element)
    return request


def _decoded(source: Dataset, keywords: tuple[str, ...]) -> list[DataElement]:
    """Copies of the named elements, as characters and no longer as the bytes of the source's character set."""
    part = Dataset()
    if "SpecificCharacterSet" in source:
        part.SpecificCharacterSet = source.SpecificCharacterSet
    for keyword in keywords:
        if keyword in source:
            part.add(deepcopy(source[keyword]))
    part.decode()
    return [element for element in part if element.keyword in keywords]
