from dataclasses import replace

from pydicom import dcmread

from rules.messages import ReportKind
from tests.workers.reports import enhanced, studies
from workers.reports.key_objects import key_objects
from workers.reports.labelling import series_uid
from workers.reports.secondary_capture import secondary_capture
from workers.reports.structured_report import structured_report
from workers.reports.writing import write_reports


def test_it_names_the_key_images_in_their_order_and_says_the_headline():
    content = studies.content()
    document = key_objects(content)
    images = [one for one in document.ContentSequence if one.ValueType == "IMAGE"]
    named = tuple(one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for one in images)
    assert named == content.key_sop_instance_uids
    (text,) = [
        one.TextValue
        for one in document.ContentSequence
        if one.ValueType == "TEXT" and one.ConceptNameCodeSequence[0].CodeMeaning == "Key Object Description"
    ]
    assert text.startswith(content.decision.headline)
    assert "Not for diagnosis" in text
    assert document.ConceptNameCodeSequence[0].CodeValue == "113000"
    assert document.SeriesInstanceUID == series_uid(studies.STUDY, ReportKind.KOS)
    assert (document.IssuerOfPatientID, document.TimezoneOffsetFromUTC) == ("HOSPITAL-A", "+0100")


def test_of_a_multi_frame_object_every_report_names_the_key_frames_and_not_the_whole():
    content = enhanced.masked_content()
    library = structured_report(content).ContentSequence[7].ContentSequence[0]
    for items in (key_objects(content).ContentSequence, library.ContentSequence):
        references = [one.ReferencedSOPSequence[0] for one in items if one.ValueType == "IMAGE"]
        assert [one.get("ReferencedFrameNumber") for one in references] == [[*enhanced.KEY_FRAMES], None]
    sources = secondary_capture(content).SourceImageSequence
    assert [one.get("ReferencedFrameNumber") for one in sources] == [[*enhanced.KEY_FRAMES], None]


def test_a_study_without_images_has_no_key_object():
    headers = tuple(studies.sloppy(one, "Rows") for one in studies.headers())
    content = replace(studies.unassessed_content(headers), key_sop_instance_uids=())
    assert key_objects(content) is None


def test_it_is_written_beside_the_others_and_reads_back(tmp_path):
    files = write_reports(studies.content(), tmp_path / "job", tmp_path)
    (kos,) = [file for file in files if file.kind is ReportKind.KOS]
    assert dcmread(tmp_path / kos.path).Modality == "KO"
