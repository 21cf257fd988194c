"""Reports belong to their study: patient, study and request are the study's own, whatever its headers look like."""

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.dataelem import DataElement

from tests.workers.reports import studies
from workers.reports.secondary_capture import secondary_capture
from workers.reports.structured_report import structured_report
from workers.reports.writing import write_reports

REPORTS = [structured_report, secondary_capture]
COPIED = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientWeight",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
)


def written(report: Dataset) -> Dataset:
    buffer = BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return dcmread(buffer)


def received(header: Dataset) -> Dataset:
    """The header as a reader sees it: bytes in the sender's character set."""
    buffer = BytesIO()
    with disable_value_validation():
        header.save_as(buffer, implicit_vr=False, little_endian=True)
        buffer.seek(0)
        return dcmread(buffer, force=True)


@pytest.mark.parametrize("make", REPORTS)
def test_patient_and_study_are_copied(make):
    report = written(make(studies.content()))
    header = studies.header(studies.FLAIR, 1)
    assert {k: report[k].value for k in COPIED} == {k: header[k].value for k in COPIED}


@pytest.mark.parametrize("make", REPORTS)
@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 192", "Müller^Jürgen"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("ISO_IR 144", "Жданов^Юлий"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
    ],
)
def test_names_keep_their_characters(make, character_set, name):
    header = studies.header(studies.FLAIR, 1)
    header.SpecificCharacterSet, header.PatientName = character_set, name
    request = Dataset()
    request.RequestedProcedureID, request.RequestedProcedureDescription = "RP1", name.partition("^")[0]
    header.RequestAttributesSequence = [request]
    report = written(make(studies.content(of_headers=(received(header),))))
    assert str(report.PatientName) == name
    requests = report.get("ReferencedRequestSequence") or report.RequestAttributesSequence
    assert requests[0].RequestedProcedureDescription == name.partition("^")[0]


@pytest.mark.parametrize("make", REPORTS)
@pytest.mark.parametrize(
    "missing",
    [
        (
            "FrameOfReferenceUID",
            "PixelSpacing",
            "SliceThickness",
            "ImagePositionPatient",
            "ImageOrientationPatient",
        ),
        ("PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "IssuerOfPatientID", "PatientID"),
        (
            "StudyDate",
            "StudyTime",
            "StudyID",
            "AccessionNumber",
            "ReferringPhysicianName",
            "StudyDescription",
        ),
        ("SpecificCharacterSet", "TimezoneOffsetFromUTC", "RequestAttributesSequence", "BodyPartExamined"),
        ("Manufacturer", "ManufacturerModelName", "Modality", "SeriesNumber", "InstanceNumber"),
    ],
)
def test_a_header_may_lack_what_it_should_have(make, missing):
    headers = tuple(studies.sloppy(header, *missing) for header in studies.headers())
    report = written(make(studies.content(of_headers=headers)))
    assert report.StudyInstanceUID == studies.STUDY
    assert "PatientID" in report


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("PatientID", "LO", " 0044 17 " + "x" * 70),
        ("PatientSex", "CS", "weiblich"),
        ("PatientBirthDate", "DA", "unknown"),
        ("StudyDate", "DA", "2026.11.03"),
        ("PatientWeight", "LO", "71,5"),
        ("PatientAge", "AS", "65"),
        ("TimezoneOffsetFromUTC", "SH", "+9999"),
        ("TimezoneOffsetFromUTC", "SH", "CET"),
        ("FrameOfReferenceUID", "UI", "abc def"),
        ("SOPInstanceUID", "UI", "1.2.03.4"),
        ("Manufacturer", "LO", "M" * 80),
    ],
)
def test_a_header_may_break_the_rules_of_its_values(tmp_path, caplog, keyword, vr, value):
    header = studies.header(studies.FLAIR, 1)
    with disable_value_validation():
        header.add(DataElement(keyword, vr, value))
    files = write_reports(studies.content(of_headers=(received(header),)), tmp_path, tmp_path)
    assert len(files) == 3
    assert value not in caplog.text


def test_the_moment_is_told_on_the_clock_of_the_study():
    header = studies.header(studies.FLAIR, 1)
    header.TimezoneOffsetFromUTC = "-0500"
    report = structured_report(studies.content(of_headers=(header,)))
    assert (report.ContentDate, report.ContentTime) == ("20261103", "022011.250000")


def test_without_an_offset_the_moment_stays_as_given():
    header = studies.sloppy(studies.header(studies.FLAIR, 1), "TimezoneOffsetFromUTC")
    report = structured_report(studies.content(of_headers=(header,)))
    assert report.ContentTime == "072011.250000"
    assert "TimezoneOffsetFromUTC" not in report


def test_the_order_of_the_headers_changes_nothing():
    content = studies.content()
    turned = replace(content, headers=tuple(reversed(content.headers)))
    assert structured_report(turned).PatientID == structured_report(content).PatientID
    assert structured_report(turned).ContentSequence == structured_report(content).ContentSequence
