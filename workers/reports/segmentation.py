"""Segmentations (PS3.3 A.51), binary: where the checks measured, for quality assurance and research.

Made only where the site asks for them, one for each source series. Each segment carries the tracking UID of the SR's group of the
same check, region and side, which points to it.
"""

from collections.abc import Iterator

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

from rules.identity import derived_uid
from workers.reports import codes
from workers.reports.content import LesionMask, ReportContent
from workers.reports.labelling import (
    MASK_SERIES_NUMBERS,
    OTHER_MASKS,
    processing_equipment,
    stamp_times,
)
from workers.reports.segments import SegmentedSeries, segmented_series, tracking
from workers.reports.source_slices import as_single_images, point_to_frames
from workers.reports.study_attributes import anchor_header, inherit_study, local_time


def segmentations(content: ReportContent) -> Iterator[tuple[str, Dataset]]:
    """The SEGs of one decision, each with what its source series shows; none if there is no mask."""
    for series in segmented_series(content):
        yield series.role.value, _segmentation(content, series)


def _segmentation(content: ReportContent, series: SegmentedSeries) -> Dataset:
    header, device = anchor_header(content), content.device
    image = Segmentation(
        source_images=as_single_images(series.sources),
        pixel_array=np.stack([one.mask for one in series.masks], axis=-1).astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _segment(content, one, number) for number, one in enumerate(series.masks, start=1)
        ],
        series_instance_uid=series.series_instance_uid,
        series_number=MASK_SERIES_NUMBERS.get(series.role, OTHER_MASKS),
        series_description=f"Cartriage lesion masks {series.role.value} - NOT DIAGNOSTIC",
        sop_instance_uid=series.sop_instance_uid,
        instance_number=max(1, content.snapshot),
        manufacturer=device.manufacturer,
        manufacturer_model_name=device.name,
        software_versions=device.version,
        device_serial_number=device.uid,
        omit_empty_frames=True,
        contributing_equipment=[processing_equipment(device)],
    )
    point_to_frames(image, series.sources)
    _derive_dimensions(image)
    inherit_study(image, header)
    stamp_times(image, local_time(content, header))
    return image


def _derive_dimensions(image: Dataset) -> None:
    """Of the dimensions: highdicom names them at random, and no two runs would be equal."""
    uid = derived_uid({"segmentation": image.SOPInstanceUID, "part": "dimensions"})
    for item in (*image.DimensionOrganizationSequence, *image.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def _segment(content: ReportContent, mask: LesionMask, number: int) -> SegmentDescription:
    device = content.device
    uid, identifier = tracking(
        (mask.check, mask.region, mask.side), str(anchor_header(content).StudyInstanceUID)
    )
    return SegmentDescription(
        segment_number=number,
        segment_label=identifier.replace("_", " ")[:64],
        segmented_property_category=dicom_codes.cid7150.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.finding_type(mask.check),
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=device.name, family=codes.ARTIFICIAL_INTELLIGENCE, version=device.version
        ),
        tracking_uid=uid,
        tracking_id=identifier,
    )
