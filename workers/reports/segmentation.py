"""Segmentation (PS3.3 A.51), binary: the masks of the checks on one series, for quality assurance and research.

Made only where the site asks for it. Each segment carries the tracking UID of the SR's group of the same check, so that both can
be read together.
"""

from copy import deepcopy

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes as dicom_codes

from rules.anatomy import Region, Side
from rules.messages import ReportKind
from workers.reports import codes
from workers.reports.content import LesionMask, ReportContent
from workers.reports.labelling import (
    SERIES_DESCRIPTIONS,
    SERIES_NUMBERS,
    instance_uid,
    processing_equipment,
    series_uid,
    stamp_times,
)
from workers.reports.measurement_groups import tracking
from workers.reports.study_attributes import anchor_header, inherit_study, local_time


def segmentation(content: ReportContent) -> Dataset | None:
    """The SEG of one decision; None if there is no mask on a series of single-frame images."""
    masks = [one for one in content.masks if one.mask.any()]
    if not masks:
        return None
    header, device = anchor_header(content), content.device
    sources = _sources(content, masks[0])
    if sources is None:
        return None
    image = Segmentation(
        source_images=sources,
        pixel_array=np.stack([one.mask for one in masks], axis=-1).astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(content, one, number) for number, one in enumerate(masks, start=1)],
        series_instance_uid=series_uid(header.StudyInstanceUID, ReportKind.SEG),
        series_number=SERIES_NUMBERS[ReportKind.SEG],
        series_description=SERIES_DESCRIPTIONS[ReportKind.SEG],
        sop_instance_uid=instance_uid(content, ReportKind.SEG),
        instance_number=max(1, content.snapshot),
        manufacturer=device.manufacturer,
        manufacturer_model_name=device.name,
        software_versions=device.version,
        device_serial_number=device.uid,
        omit_empty_frames=True,
        contributing_equipment=[processing_equipment(device)],
    )
    inherit_study(image, header)
    stamp_times(image, local_time(content, header))
    return image


def _sources(content: ReportContent, mask: LesionMask) -> list[Dataset] | None:
    """The headers of the mask's slices, in their order; None for multi-frame images, which repeat, or if one is missing."""
    by_uid = {header.SOPInstanceUID: header for header in content.headers}
    found = [by_uid.get(uid) for uid in mask.sop_instance_uids]
    if len(set(mask.sop_instance_uids)) != len(found):
        return None
    known = [one for one in found if one is not None]
    if len(known) != len(found):
        return None
    # highdicom takes the elements of the first one for its own; what is written into them must not change the study's header.
    return [deepcopy(known[0]), *known[1:]]


def _segment(content: ReportContent, mask: LesionMask, number: int) -> SegmentDescription:
    device = content.device
    name = tracking((mask.check, Region.BRAIN, Side.WHOLE), anchor_header(content).StudyInstanceUID)
    return SegmentDescription(
        segment_number=number,
        segment_label=mask.check.replace("_", " "),
        segmented_property_category=dicom_codes.cid7150.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.finding_type(mask.check),
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=device.name, family=codes.ARTIFICIAL_INTELLIGENCE, version=device.version
        ),
        tracking_uid=name[0],
        tracking_id=name[1],
    )
