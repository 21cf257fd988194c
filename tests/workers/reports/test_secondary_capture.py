"""The secondary capture is the page, with what a PACS must know about it."""

from io import BytesIO

import numpy as np
from pydicom import dcmread

from rules.messages import ReportKind
from tests.workers.reports import studies
from workers.reports.banner import render_banner
from workers.reports.labelling import series_uid
from workers.reports.secondary_capture import secondary_capture


def test_the_pixels_are_the_page():
    content = studies.content()
    buffer = BytesIO()
    secondary_capture(content).save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    image = dcmread(buffer)
    assert image.PhotometricInterpretation == "RGB"
    assert np.array_equal(image.pixel_array, np.asarray(render_banner(content)))


def test_it_says_that_text_is_burned_in_and_that_it_is_not_diagnostic():
    image = secondary_capture(studies.content())
    assert (image.BurnedInAnnotation, image.RecognizableVisualFeatures) == ("YES", "NO")
    assert "NOT DIAGNOSTIC" in image.SeriesDescription
    assert "Not for diagnosis" in image.ImageComments
    assert image.ImageType[0] == "DERIVED"
    assert not image.PatientOrientation


def test_it_has_a_series_of_its_own_and_the_time_of_the_decision():
    image = secondary_capture(studies.content())
    assert image.SeriesInstanceUID == series_uid(studies.STUDY, ReportKind.SC)
    assert image.SeriesInstanceUID != series_uid(studies.STUDY, ReportKind.SR)
    assert image.SeriesNumber == 9002
    assert (image.ContentDate, image.DateOfSecondaryCapture) == ("20261103", "20261103")
    assert image.TimeOfSecondaryCapture == image.InstanceCreationTime == "082011.250000"


def test_it_points_to_the_key_images_if_there_are_any():
    image = secondary_capture(studies.content())
    uids = [item.ReferencedSOPInstanceUID for item in image.SourceImageSequence]
    assert uids == list(studies.content().key_sop_instance_uids)
    header = studies.sloppy(studies.header(studies.FLAIR, 1), "Rows")
    assert "SourceImageSequence" not in secondary_capture(studies.unassessed_content((header,)))


def test_it_names_the_device_that_made_it():
    image = secondary_capture(studies.content())
    equipment = image.ContributingEquipmentSequence[0]
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert equipment.DeviceUID == studies.content().device.uid
    assert image.SoftwareVersions == studies.content().device.version
