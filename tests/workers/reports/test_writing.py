"""Reports on disk: whole, durable, repeatable, and where they were asked for."""

import hashlib
from dataclasses import replace

import pytest
from pydicom import dcmread
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
)

from rules.messages import ReportKind
from tests.workers.reports import studies
from workers.reports.writing import write_reports


def test_writing_twice_gives_the_same_bytes(tmp_path):
    first = write_reports(studies.content(), tmp_path / "a", tmp_path)
    again = write_reports(studies.content(), tmp_path / "b", tmp_path)
    assert [file.sha256 for file in first] == [file.sha256 for file in again]
    assert write_reports(studies.content(), tmp_path / "a", tmp_path) == first


def test_the_files_are_what_the_message_says(tmp_path):
    files = write_reports(studies.content(), tmp_path / "outbox" / "job", tmp_path)
    assert [(file.kind, file.sop_class_uid) for file in files] == [
        (ReportKind.SR, Comprehensive3DSRStorage),
        (ReportKind.SC, SecondaryCaptureImageStorage),
        (ReportKind.KOS, KeyObjectSelectionDocumentStorage),
    ]
    for file in files:
        path = tmp_path / file.path
        ds = dcmread(path)
        assert file.path == f"outbox/job/{file.kind.value}.dcm"
        assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (file.sop_instance_uid, file.series_instance_uid) == (ds.SOPInstanceUID, ds.SeriesInstanceUID)
        assert ds.file_meta.TransferSyntaxUID == file.transfer_syntax_uid == ExplicitVRLittleEndian
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


def test_another_job_is_another_object(tmp_path):
    first = write_reports(studies.content(), tmp_path / "a", tmp_path)
    other = write_reports(replace(studies.content(), job_id="other"), tmp_path / "b", tmp_path)
    assert {f.sop_instance_uid for f in first}.isdisjoint(f.sop_instance_uid for f in other)
    assert [f.series_instance_uid for f in first] == [f.series_instance_uid for f in other]


def test_nothing_else_is_left_in_the_folder(tmp_path):
    write_reports(studies.content(), tmp_path, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["KOS.dcm", "SC.dcm", "SR.dcm"]


def test_a_folder_outside_the_file_store_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not in the subpath"):
        write_reports(studies.content(), tmp_path / "elsewhere", tmp_path / "store")
    assert not (tmp_path / "elsewhere").exists()
