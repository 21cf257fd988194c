"""The page as a DICOM object: Secondary Capture Image (PS3.3 A.8.1), one frame or several, true colour."""

import numpy as np
from highdicom.sc import SCImage
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, MultiFrameTrueColorSecondaryCaptureImageStorage

from rules.messages import ReportKind
from workers.reports import codes
from workers.reports.banner import NOT_FOR_DIAGNOSIS, render_banner
from workers.reports.content import ReportContent
from workers.reports.image_library import Frames, key_headers
from workers.reports.labelling import (
    SERIES_DESCRIPTIONS,
    SERIES_NUMBERS,
    instance_uid,
    processing_equipment,
    series_uid,
    stamp_times,
)
from workers.reports.slice_page import render_slice
from workers.reports.study_attributes import (
    anchor_header,
    inherit_study,
    local_time,
    request_attributes,
)

_BODY_PART = "BRAIN"
"""Unpaired, so that no Laterality is asked for (C.7.3.1)."""


def secondary_capture(content: ReportContent) -> Dataset:
    """The secondary capture of one decision, ready to be written."""
    header = anchor_header(content)
    device = content.device
    image = SCImage(
        pixel_array=np.asarray(render_banner(content)),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        study_instance_uid=header.StudyInstanceUID,
        series_instance_uid=series_uid(header.StudyInstanceUID, ReportKind.SC),
        series_number=SERIES_NUMBERS[ReportKind.SC],
        series_description=SERIES_DESCRIPTIONS[ReportKind.SC],
        sop_instance_uid=instance_uid(content, ReportKind.SC),
        instance_number=max(1, content.snapshot),
        manufacturer=device.manufacturer,
        manufacturer_model_name=device.name,
        software_versions=device.version,
        device_serial_number=device.uid,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        contributing_equipment=[processing_equipment(device)],
    )
    _describe(image, content, header)
    inherit_study(image, header)
    if requests := request_attributes(header):
        image.RequestAttributesSequence = requests
    _stamp(image, content, header)
    return image


def multi_frame_capture(content: ReportContent) -> Dataset | None:
    """The page and the key slices as Multi-frame True Color Secondary Capture (A.8.5); None without key slices."""
    if not content.key_slices:
        return None
    image = secondary_capture(content)
    frames = [render_banner(content), *(render_slice(content, n) for n in range(len(content.key_slices)))]
    labels = ["triage page", *(f"key slice {n + 1}" for n in range(len(content.key_slices)))]
    image.SOPClassUID = MultiFrameTrueColorSecondaryCaptureImageStorage
    image.SOPInstanceUID = instance_uid(content, ReportKind.SCM)
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.NumberOfFrames = len(frames)
    image.FrameIncrementPointer = Tag("FrameLabelVector")
    image.FrameLabelVector = labels
    image.DerivationDescription = "Triage page, and windowed slices of the source images"
    image.PixelData = b"".join(np.asarray(frame).tobytes() for frame in frames)
    return image


def _describe(image: Dataset, content: ReportContent, header: Dataset) -> None:
    image.ConversionType = "WSD"
    # A page of text has no left and posterior; viewers would draw the letters at its edges.
    image.PatientOrientation = None
    image.BurnedInAnnotation = "YES"
    image.RecognizableVisualFeatures = "NO"
    image.BodyPartExamined = _BODY_PART
    image.ImageComments = f"{content.decision.headline} - {NOT_FOR_DIAGNOSIS}"
    image.DerivationDescription = "Rendered from the triage decision; no pixels of the source images"
    image.SourceImageSequence = [_source(key, content.key_frames) for key in key_headers(content, header)]
    if not image.SourceImageSequence:
        del image.SourceImageSequence


def _source(header: Dataset, frames: Frames) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    if header.SOPInstanceUID in frames:
        item.ReferencedFrameNumber = list(frames[header.SOPInstanceUID])
    item.PurposeOfReferenceCodeSequence = [_coded(codes.SOURCE_IMAGE)]
    return item


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = (
        code.value,
        code.scheme_designator,
        code.meaning,
    )
    return item


def _stamp(image: Dataset, content: ReportContent, header: Dataset) -> None:
    stamp_times(image, local_time(content, header))
    image.DateOfSecondaryCapture, image.TimeOfSecondaryCapture = image.ContentDate, image.ContentTime
