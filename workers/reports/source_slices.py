"""The source slices of a segmentation: which instance and frame each is, and a small header of it as highdicom wants it.

highdicom takes one multi-frame object with a shared geometry, or images that lack nothing; what scanners send is often neither. So it
gets a classic image for each slice, and what points to those is then led to the frames that they stand for.
"""

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import UID, MRImageStorage

from workers.imaging.headers import described_frames, functional_group, number, numbers, text
from workers.reports.content import LesionMask

_EQUIPMENT = (
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "StationName",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "SpecificCharacterSet",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
"""Of the acquisition: told as contributing equipment, and whether the pixels were compressed with loss."""
_FROM_THE_STUDY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
"""Written into every report anyway, from the study's best header."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceSlice:
    """One slice that was measured on."""

    header: Dataset
    """Of its instance."""
    frame_number: int
    """From 1; 0 for a single-frame image."""


def source_slices(headers: Mapping[str, Dataset], mask: LesionMask) -> tuple[SourceSlice, ...] | None:
    """The slices of a mask; None if one is missing or not told from another, or if they lie in no frame of reference.

    headers : by SOP Instance UID
    """
    frames = mask.frame_numbers or (1,) * len(mask.sop_instance_uids)
    places = dict.fromkeys(zip(mask.sop_instance_uids, frames, strict=True))
    if len(places) != len(frames) or any(uid not in headers for uid, _ in places):
        return None
    found = tuple(SourceSlice(headers[uid], n if described_frames(headers[uid]) else 0) for uid, n in places)
    frame_of_reference = UID(text(found[0].header, "FrameOfReferenceUID"))
    return found if frame_of_reference.is_valid else None


def as_single_images(slices: Sequence[SourceSlice]) -> list[Dataset]:
    """A header of a classic image for each slice, in their order; the orientation is that of the first.

    A thickness that no header names is the distance of the slices: a mask without one is none (PS3.3 C.7.6.16.2.1).
    """
    images = [_single(one, place) for place, one in enumerate(slices)]
    for keyword in _EQUIPMENT:
        if keyword in slices[0].header:
            images[0].add(deepcopy(slices[0].header[keyword]))
    apart = math.dist(images[0].ImagePositionPatient, images[-1].ImagePositionPatient) / max(
        len(images) - 1, 1
    )
    for image in images:
        image.ImageOrientationPatient = images[0].ImageOrientationPatient
        image.SliceThickness = image.SliceThickness or round(apart, 3)
    return images


def point_to_frames(image: Dataset, slices: Sequence[SourceSlice]) -> None:
    """Lead every reference of a segmentation of `as_single_images` to the instance and frame that it stands for."""
    stand_ins = {_stand_in(place): one for place, one in enumerate(slices) if one.frame_number}
    for frame in image.PerFrameFunctionalGroupsSequence:
        for derivation in frame.get("DerivationImageSequence") or ():
            for source in derivation.SourceImageSequence:
                if one := stand_ins.get(source.ReferencedSOPInstanceUID):
                    _name(source, one)
                    source.ReferencedFrameNumber = one.frame_number
    for series in image.ReferencedSeriesSequence:
        instances = {}
        for item in series.ReferencedInstanceSequence:
            if one := stand_ins.get(item.ReferencedSOPInstanceUID):
                _name(item, one)
            instances[item.ReferencedSOPInstanceUID] = item
        series.ReferencedInstanceSequence = list(instances.values())


def _name(reference: Dataset, one: SourceSlice) -> None:
    reference.ReferencedSOPClassUID = one.header.SOPClassUID
    reference.ReferencedSOPInstanceUID = one.header.SOPInstanceUID


def _stand_in(place: int) -> str:
    return f"2.25.{place + 1}"


def _single(one: SourceSlice, place: int) -> Dataset:
    header, frame = one.header, max(one.frame_number - 1, 0)
    measures = functional_group(header, frame, "PixelMeasuresSequence")
    image = Dataset()
    for keyword in _FROM_THE_STUDY:
        setattr(image, keyword, None)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Rows", "Columns"):
        setattr(image, keyword, header[keyword].value)
    image.SOPClassUID = MRImageStorage if one.frame_number else header.SOPClassUID
    image.SOPInstanceUID = _stand_in(place) if one.frame_number else header.SOPInstanceUID
    image.Modality = text(header, "Modality") or "MR"
    image.PixelSpacing = list(numbers(measures, "PixelSpacing"))
    image.SliceThickness = number(measures, "SliceThickness")
    if gap := number(measures, "SpacingBetweenSlices"):
        image.SpacingBetweenSlices = gap
    position = functional_group(header, frame, "PlanePositionSequence")
    orientation = functional_group(header, frame, "PlaneOrientationSequence")
    image.ImagePositionPatient = list(numbers(position, "ImagePositionPatient"))
    image.ImageOrientationPatient = list(numbers(orientation, "ImageOrientationPatient"))
    return image
