"""What every report inherits from the study: patient, study and request, in the study's own words and characters."""

import re
from copy import deepcopy
from datetime import datetime, timedelta, timezone

from pydicom import Dataset
from pydicom.charset import python_encoding
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
_TEXT_VRS = frozenset({"PN", "LO", "SH", "LT", "ST", "UC", "UT"})
_OFFSET = re.compile(r"^([+-])(\d\d)(\d\d)$")
_UTF_8 = "ISO_IR 192"
_ASCII = "ISO_IR 6"
_SINGLE_BYTE = {
    _ASCII: "ascii",
    **{
        f"ISO_IR {code}": python_encoding[f"ISO_IR {code}"]
        for code in (100, 101, 109, 110, 126, 127, 138, 144, 148)
    },
}
"""Character sets without code extensions, in which a text either fits or does not (C.12.1.1.2)."""


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
    """Write the patient, study and request attributes of `header` into `report`, replacing what is there."""
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


def settle_character_set(report: Dataset, header: Dataset) -> None:
    """Keep the study's character set if it can carry the whole report, else UTF-8 (C.12.1.1.2).

    A PACS matches names as stored: writing them in the set it already holds spares it a comparison across sets.
    """
    declared = header.get("SpecificCharacterSet") or _ASCII
    encoding = _SINGLE_BYTE.get(declared) if isinstance(declared, str) else None
    report.SpecificCharacterSet = declared if encoding and _fits(report, encoding) else _UTF_8


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


def _fits(report: Dataset, encoding: str) -> bool:
    texts = (
        str(value)
        for element in report.iterall()
        if element.VR in _TEXT_VRS and element.value
        for value in (element.value if element.VM > 1 else [element.value])
    )
    try:
        for text in texts:
            text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
