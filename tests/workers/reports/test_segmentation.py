from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from highdicom.seg import Segmentation, segread
from highdicom.sr import srread
from pydicom.uid import EnhancedMRImageStorage

from rules.anatomy import Role
from rules.own import is_own
from tests.workers.reports import enhanced, studies
from workers.reports.measurement_groups import group_places
from workers.reports.segmentation import segmentations
from workers.reports.structured_report import structured_report
from workers.reports.writing import write_reports


def groups_of(report):
    """The measurement groups, as a reader of another kind finds them."""
    buffer = BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return srread(buffer).content


def test_each_source_series_has_a_seg_and_a_segment_lies_where_its_mask_says():
    content = studies.masked_content()
    images = dict(segmentations(content))
    assert {header.PatientID for header in content.headers} == {"0044 17"}, "the headers stay as they were"
    assert set(images) == {"FLAIR", "T1C"}
    for role, image in images.items():
        assert isinstance(image, Segmentation)
        assert (image.PatientID, image.IssuerOfPatientID) == ("0044 17", "HOSPITAL-A")
        assert image.SegmentationType == "BINARY"
        masks = [one for one in content.masks if one.role == role]
        pixels = image.get_pixels_by_source_instance(
            masks[0].sop_instance_uids, assert_missing_frames_are_empty=True
        )
        assert np.array_equal(pixels.astype(bool), np.stack([one.mask for one in masks], axis=-1))
    assert [images[role].SeriesNumber for role in ("FLAIR", "T1C")] == [9001, 9014]
    series = {image.SeriesInstanceUID for image in images.values()}
    assert len(series) == 2
    assert all(is_own(studies.STUDY, uid) for uid in series)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first, second = (
        [
            (file.path.rpartition("/")[2], file.sha256)
            for file in write_reports(studies.masked_content(), tmp_path / name, tmp_path)
        ]
        for name in ("first", "second")
    )
    assert first == second


def test_every_group_is_a_volume_of_interest_that_shares_the_tracking_uid_of_its_segment():
    content = studies.masked_content()
    segments = {
        (image.SOPInstanceUID, segment.SegmentNumber): (segment.TrackingUID, segment.TrackingID)
        for _, image in segmentations(content)
        for segment in image.SegmentSequence
    }
    groups = groups_of(structured_report(content)).get_volumetric_roi_measurement_groups()
    assert len(groups) == len(group_places(content.findings)) == len(segments)
    for group in groups:
        (pointer,) = group.referenced_segment[:1]
        place = pointer.ReferencedSOPSequence[0]
        name = segments.pop((place.ReferencedSOPInstanceUID, place.ReferencedSegmentNumber))
        assert name == (group.tracking_uid, group.tracking_identifier)
        assert group.get_measurements()


def test_the_tracking_uids_are_those_of_a_report_without_masks():
    content = studies.masked_content()
    plain = groups_of(structured_report(replace(content, masks=())))
    with_masks = groups_of(structured_report(content)).get_volumetric_roi_measurement_groups()
    before = [group.tracking_uid for group in plain.get_image_measurement_groups()]
    assert [group.tracking_uid for group in with_masks] == before
    assert not plain.get_volumetric_roi_measurement_groups()


def test_a_place_without_a_segment_is_told_beside_those_that_have_one():
    content = studies.partly_masked_content()
    report = groups_of(structured_report(content))
    with_segment, without = (
        report.get_volumetric_roi_measurement_groups(),
        report.get_image_measurement_groups(),
    )
    assert [group.finding_type.meaning for group in with_segment] == ["T2 Hyperintensity"]
    assert [group.finding_type.meaning for group in without] == ["Enhancing Lesion"]
    assert [m.value for group in (*with_segment, *without) for m in group.get_measurements()] == [38410, 1200]
    assert [role for role, _ in segmentations(content)] == ["FLAIR"]


def test_a_seg_of_a_multi_frame_object_names_the_frames_that_were_measured_on(tmp_path):
    content = enhanced.masked_content()
    image = dict(segmentations(content))["FLAIR"]
    image.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    read = segread(tmp_path / "seg.dcm")
    (mask,) = (one for one in content.masks if one.role is Role.FLAIR)
    pixels = read.get_pixels_by_source_frame(
        enhanced.INSTANCE, mask.frame_numbers, assert_missing_frames_are_empty=True
    )
    assert np.array_equal(pixels[..., 0].astype(bool), mask.mask)
    for frame in read.PerFrameFunctionalGroupsSequence:
        (source,) = frame.DerivationImageSequence[0].SourceImageSequence
        place = [float(mm) for mm in frame.PlanePositionSequence[0].ImagePositionPatient]
        assert place == pytest.approx(enhanced.position(source.ReferencedFrameNumber))
    (series,) = read.ReferencedSeriesSequence
    (instance,) = series.ReferencedInstanceSequence
    assert (instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID) == (
        EnhancedMRImageStorage,
        enhanced.INSTANCE,
    )
    groups = groups_of(structured_report(content))
    assert len(groups.get_volumetric_roi_measurement_groups()) == 2


def test_headers_that_lack_what_no_mask_needs_have_segs_all_the_same():
    content = studies.masked_content(studies.FINDINGS[:1])
    missing = (
        *("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "PatientName", "PatientID", "PatientSex"),
        *("PatientBirthDate", "Modality", "SliceThickness", "Manufacturer", "SpecificCharacterSet"),
    )
    headers = tuple(studies.sloppy(one, *missing) for one in content.headers)
    headers[3].ImageOrientationPatient = [0.99999, 0.0045, 0, -0.0045, 0.99999, 0]
    made = dict(segmentations(replace(content, headers=headers)))
    assert made.keys() == {"FLAIR", "T1C"}
    (measures,) = made["FLAIR"].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert measures.SliceThickness == pytest.approx(4.4), "as far apart as they are"
    astray = tuple(studies.sloppy(one, "FrameOfReferenceUID") for one in headers)
    assert not list(segmentations(replace(content, headers=astray)))


@pytest.mark.parametrize("change", ["repeated", "missing"])
def test_there_is_none_of_repeated_or_missing_slices(change):
    content = studies.masked_content()
    flair = [one for one in content.masks if one.role is Role.FLAIR]
    uids = flair[0].sop_instance_uids
    wrong = {"repeated": (uids[0],) * len(uids), "missing": (*uids[:-1], "1.2.3")}[change]
    spoiled = replace(content, masks=tuple(replace(one, sop_instance_uids=wrong) for one in flair))
    assert not list(segmentations(spoiled))
    assert not list(segmentations(studies.content()))
