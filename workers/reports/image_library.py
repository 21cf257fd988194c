"""The images a report points to: the Image Library of TID 1500 (TID 1600) and the key images."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    ContentSequence,
    ImageContentItem,
    RelationshipTypeValues,
    UIDRefContentItem,
)
from pydicom import Dataset
from pydicom.uid import UID

from workers.reports import codes
from workers.reports.content import ReportContent

Frames: TypeAlias = Mapping[str, tuple[int, ...]]
"""Frame numbers by SOP Instance UID, of multi-frame key images."""
KEY_IMAGES_AT_MOST = 9
"""More would be a copy of the study."""


def key_headers(content: ReportContent, anchor: Dataset) -> tuple[Dataset, ...]:
    """Headers of the key images, most involved first; without key images the first image of the study.

    Viewers expect an image library in every TID 1500 report, also where there is nothing to point to. Empty only if
    the study holds no image at all.
    """
    by_uid = {header.SOPInstanceUID: header for header in content.headers}
    keys = tuple(by_uid[uid] for uid in content.key_sop_instance_uids if uid in by_uid)
    images = (anchor, *content.headers)
    return keys[:KEY_IMAGES_AT_MOST] or tuple(header for header in images if header.get("Rows"))[:1]


def image_library(headers: Sequence[Dataset], frames: Frames) -> ContainerContentItem:
    """TID 1600 with one group for each modality and frame of reference, and only what the headers have."""
    library = ContainerContentItem(
        name=codes.IMAGE_LIBRARY, relationship_type=RelationshipTypeValues.CONTAINS
    )
    groups: dict[tuple[str, str], list[Dataset]] = {}
    for header in headers:
        frame_of_reference = UID(str(header.get("FrameOfReferenceUID") or ""))
        key = (str(header.get("Modality") or ""), frame_of_reference if frame_of_reference.is_valid else "")
        groups.setdefault(key, []).append(header)
    library.ContentSequence = ContentSequence(
        [_group(*key, images, frames) for key, images in groups.items()]
    )
    return library


def _group(
    modality: str, frame_of_reference: str, headers: list[Dataset], frames: Frames
) -> ContainerContentItem:
    context = RelationshipTypeValues.HAS_ACQ_CONTEXT
    group = ContainerContentItem(
        name=codes.IMAGE_LIBRARY_GROUP, relationship_type=RelationshipTypeValues.CONTAINS
    )
    coded = codes.MODALITIES.get(modality, codes.OTHER_MODALITY)
    group.ContentSequence = ContentSequence([CodeContentItem(codes.MODALITY, coded, context)])
    if frame_of_reference:
        group.ContentSequence.append(UIDRefContentItem(codes.FRAME_OF_REFERENCE, frame_of_reference, context))
    group.ContentSequence.extend(_image(header, frames) for header in headers)
    return group


def _image(header: Dataset, frames: Frames) -> ImageContentItem:
    return ImageContentItem(
        name=codes.SOURCE,
        referenced_sop_class_uid=header.SOPClassUID,
        referenced_sop_instance_uid=header.SOPInstanceUID,
        referenced_frame_numbers=list(frames.get(header.SOPInstanceUID, ())) or None,
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
