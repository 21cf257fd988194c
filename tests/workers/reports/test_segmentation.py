from dataclasses import replace

import numpy as np
from highdicom.seg import Segmentation

from rules.anatomy import Region, Side
from tests.workers.reports import studies
from workers.reports.measurement_groups import tracking
from workers.reports.segmentation import segmentation
from workers.reports.structured_report import structured_report


def uids_of(item):
    """Every UID that the content of an SR mentions."""
    for child in item.get("ContentSequence") or ():
        if child.ValueType == "UIDREF":
            yield child.UID
        yield from uids_of(child)


def test_a_segment_lies_where_the_mask_says_and_is_tracked_with_the_report():
    content = studies.masked_content()
    image = segmentation(content)
    assert isinstance(image, Segmentation)
    assert {header.PatientID for header in content.headers} == {"0044 17"}, "the headers stay as they were"
    assert image.PatientID == "0044 17"
    uids = content.masks[0].sop_instance_uids
    pixels = image.get_pixels_by_source_instance(
        uids, segment_numbers=[1], assert_missing_frames_are_empty=True
    )
    assert np.array_equal(pixels[..., 0].astype(bool), content.masks[0].mask)
    (segment,) = image.SegmentSequence
    name = tracking(("flair_hyperintensity", Region.BRAIN, Side.WHOLE), studies.STUDY)
    assert (segment.TrackingUID, segment.TrackingID) == name
    assert name[0] in set(uids_of(structured_report(content)))
    assert (image.IssuerOfPatientID, image.SeriesNumber, image.SegmentationType) == (
        "HOSPITAL-A",
        9001,
        "BINARY",
    )


def test_there_is_none_unless_it_is_asked_for_and_none_of_repeated_or_missing_slices():
    content = studies.masked_content()
    (mask,) = content.masks
    repeated = replace(mask, sop_instance_uids=(mask.sop_instance_uids[0],) * 24)
    missing = replace(mask, sop_instance_uids=(*mask.sop_instance_uids[:-1], "1.2.3"))
    assert segmentation(studies.content()) is None
    assert segmentation(replace(content, masks=(repeated,))) is None
    assert segmentation(replace(content, masks=(missing,))) is None
