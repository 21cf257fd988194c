"""An assessment as a DICOM object: Comprehensive SR after TID 1500, which refers to the SR that it assesses.

IHE's AI Result Assessment for Imaging (AIRAI) asks for this kind of record; its text was not at hand, so that conformance to it is not claimed
(docs/web.md says what is alike).
"""

import re
from datetime import datetime
from importlib.metadata import version

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian

from rules.identity import derived_uid
from rules.own import MANUFACTURER
from rules.urgency import Priority
from rules.urgency_codes import PRIVATE_SCHEME, code_of
from service.answers import Verdict
from service.assessments.found import Assessed
from service.codes import Code, coded
from service.errors import ForeignPathError, ServiceError
from service.store.files import FileStore

_SERIES_NUMBER = 9005
"""Behind our reports."""
_KEPT = (
    "SpecificCharacterSet",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "StudyDescription",
    "TimezoneOffsetFromUTC",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientWeight",
    "StudyInstanceUID",
    "StudyID",
    "ReferencedRequestSequence",
)
"""Of patient, study and order, as the assessed SR has them."""

TITLE = Code("126000", "DCM", "Imaging Measurement Report")  # CID 7021
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")  # TID 1204
ENGLISH = Code("en", "RFC5646", "English")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")  # TID 1002
PERSON = Code("121006", "DCM", "Person")  # CID 270
OBSERVER_NAME = Code("121008", "DCM", "Person Observer Name")  # TID 1003
PROCEDURE = Code("121058", "DCM", "Procedure reported")  # TID 1500
MRI_PROCEDURE = Code("25056-3", "LN", "MRI unspecified body region")  # CID 100
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")  # TID 1600
EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")  # TID 1500
PRIORITY = Code("260870009", "SCT", "Priority")
COMMENT = Code("121106", "DCM", "Comment")
ASSESSMENT = Code("assessment", PRIVATE_SCHEME, "Radiologist's assessment of the triage result")
ASSESSED = Code("assessed-result", PRIVATE_SCHEME, "Result that is assessed")
VERDICTS = {
    Verdict.AGREE: Code("agree", PRIVATE_SCHEME, "Agrees with the result"),
    Verdict.DISAGREE: Code("disagree", PRIVATE_SCHEME, "Disagrees with the result"),
    Verdict.OTHER: Code("other-finding", PRIVATE_SCHEME, "Another finding"),
}


class NoReportError(ServiceError):
    """The assessed result has no structured report that could be referred to."""


def assessment_report(assessed: Assessed, files: FileStore) -> Dataset:
    """The SR of an assessment; written twice it is the same object.

    Raises NoReportError.
    """
    original = _original(assessed, files)
    given = assessed.given
    report = Dataset()
    for keyword in _KEPT:
        if keyword in original:
            report[keyword] = original[keyword]
    report.SpecificCharacterSet = "ISO_IR 192"
    report.SOPClassUID = ComprehensiveSRStorage
    report.SOPInstanceUID = derived_uid({"assessment": str(given.id), "job": given.job_id})
    report.SeriesInstanceUID = derived_uid({"study": given.study_instance_uid, "kind": "assessment"})
    report.Modality, report.SeriesNumber, report.InstanceNumber = "SR", _SERIES_NUMBER, given.id
    report.SeriesDescription = "Radiologist's assessment of the Cartriage triage result"
    report.Manufacturer, report.ManufacturerModelName = MANUFACTURER, MANUFACTURER
    report.SoftwareVersions = version("cartriage")
    report.ReferencedPerformedProcedureStepSequence = []
    report.PerformedProcedureCodeSequence = []
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    _stamp(report, original, given.at)
    report.CodingSchemeIdentificationSequence = [_scheme()]
    report.CurrentRequestedProcedureEvidenceSequence = [_evidence(original)]
    _fill(report, assessed, original)
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return report


def _original(assessed: Assessed, files: FileStore) -> Dataset:
    if assessed.report is None:
        raise NoReportError
    try:
        return dcmread(files.resolve(assessed.report.path))
    except (OSError, InvalidDicomError, ForeignPathError) as error:
        raise NoReportError("it cannot be read") from error


def _stamp(report: Dataset, original: Dataset, moment: datetime) -> None:
    """In the zone of the study, as the assessed SR is."""
    offset = str(original.get("TimezoneOffsetFromUTC", "") or "+0000")
    local = moment.astimezone(datetime.strptime(offset, "%z").tzinfo)
    report.TimezoneOffsetFromUTC = offset
    report.ContentDate = report.InstanceCreationDate = f"{local:%Y%m%d}"
    report.ContentTime = report.InstanceCreationTime = f"{local:%H%M%S.%f}"


def _fill(report: Dataset, assessed: Assessed, original: Dataset) -> None:
    """The content tree (TID 1500, with TID 1204, 1002 and 1003)."""
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    report.ConceptNameCodeSequence = [coded(TITLE)]
    report.ContentTemplateSequence = [template]
    name = Dataset()
    name.RelationshipType, name.ValueType = "HAS OBS CONTEXT", "PNAME"
    name.ConceptNameCodeSequence = [coded(OBSERVER_NAME)]
    name.PersonName = _person_name(assessed.full_name)
    report.ContentSequence = [
        _code("HAS CONCEPT MOD", LANGUAGE, ENGLISH),
        _code("HAS OBS CONTEXT", OBSERVER_TYPE, PERSON),
        name,
        _code("HAS CONCEPT MOD", PROCEDURE, MRI_PROCEDURE),
        _container(IMAGE_LIBRARY, []),
        _container(EVALUATIONS, _evaluations(assessed, original)),
    ]


def _person_name(full_name: str) -> str:
    """As VR PN (PS3.5 6.2): the last word as family name, the rest as given names.

    >>> _person_name("Marta Lindqvist")
    'Lindqvist^Marta'
    """
    words = re.sub(r"[\^=\\]", " ", full_name).split()
    return f"{words[-1]}^{' '.join(words[:-1])}"[:64] if words else ""


def _evaluations(assessed: Assessed, original: Dataset) -> list[Dataset]:
    verdict = _code("CONTAINS", ASSESSMENT, VERDICTS[Verdict(assessed.given.verdict)])
    source = Dataset()
    source.RelationshipType, source.ValueType = "INFERRED FROM", "COMPOSITE"
    source.ConceptNameCodeSequence = [coded(ASSESSED)]
    source.ReferencedSOPSequence = [_reference(original)]
    verdict.ContentSequence = [source]
    told = [verdict]
    if assessed.job.priority:
        value, meaning = code_of(Priority(assessed.job.priority))
        told.append(_code("CONTAINS", PRIORITY, Code(value, PRIVATE_SCHEME, meaning)))
    if assessed.given.text:
        comment = Dataset()
        comment.RelationshipType, comment.ValueType = "CONTAINS", "TEXT"
        comment.ConceptNameCodeSequence = [coded(COMMENT)]
        comment.TextValue = assessed.given.text
        told.append(comment)
    return told


def _container(name: Code, content: list[Dataset]) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
    item.ConceptNameCodeSequence = [coded(name)]
    if content:
        item.ContentSequence = content
    return item


def _code(relationship: str, name: Code, value: Code) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, "CODE"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = [coded(name)], [coded(value)]
    return item


def _reference(original: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = original.SOPClassUID
    item.ReferencedSOPInstanceUID = original.SOPInstanceUID
    return item


def _evidence(original: Dataset) -> Dataset:
    """A Hierarchical SOP Instance Reference (PS3.3 C.17.2.1)."""
    study, series = Dataset(), Dataset()
    series.SeriesInstanceUID = original.SeriesInstanceUID
    series.ReferencedSOPSequence = [_reference(original)]
    study.StudyInstanceUID = original.StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    return study


def _scheme() -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator, item.CodingSchemeName = PRIVATE_SCHEME, "Cartriage local codes"
    return item
