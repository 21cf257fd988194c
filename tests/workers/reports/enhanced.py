"""A study whose FLAIR is one enhanced multi-frame object, as recent scanners send it: two contrasts in turn, from the top down."""

from dataclasses import replace

from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage

from rules.anatomy import Role
from tests.workers.reports import studies
from workers.reports.content import ReportContent

INSTANCE = f"{studies.FLAIR}.100"
SLICES = 24
FRAME_NUMBERS = tuple(range(2 * SLICES, 0, -2))
"""Of the slices from the bottom up; the frames between are of the other contrast."""
KEY_FRAMES = (44, 42)


def position(frame_number: int) -> list[float]:
    return [-115.0, -115.0, 60.0 - 4.4 * ((frame_number - 1) // 2)]


def header() -> Dataset:
    """The header of the object, which says nothing of geometry but in its functional groups."""
    ds = studies.sloppy(
        studies.header(studies.FLAIR, 1),
        *("PixelSpacing", "SliceThickness", "ImageOrientationPatient", "ImagePositionPatient"),
    )
    ds.SOPClassUID, ds.SOPInstanceUID, ds.NumberOfFrames = EnhancedMRImageStorage, INSTANCE, 2 * SLICES
    ds.PerFrameFunctionalGroupsSequence = Sequence(
        _group(PlanePosition=_item(ImagePositionPatient=position(number)))
        for number in range(1, 2 * SLICES + 1)
    )
    ds.SharedFunctionalGroupsSequence = [
        _group(
            PixelMeasures=_item(PixelSpacing=[0.9, 0.9], SliceThickness=4.0, SpacingBetweenSlices=4.4),
            PlaneOrientation=_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        )
    ]
    return ds


def masked_content() -> ReportContent:
    """The masks of `studies.masked_content` on that object, and on the single images of a T1."""
    whole = studies.masked_content(studies.FINDINGS[:1])
    kept = (one for one in whole.headers if one.SeriesInstanceUID != studies.FLAIR)
    masks = (
        replace(one, sop_instance_uids=(INSTANCE,) * SLICES, frame_numbers=FRAME_NUMBERS)
        if one.role is Role.FLAIR
        else one
        for one in whole.masks
    )
    return replace(
        whole,
        headers=(header(), *kept),
        masks=tuple(masks),
        key_sop_instance_uids=(INSTANCE, f"{studies.T1}.2"),
        key_frames={INSTANCE: KEY_FRAMES},
    )


def _item(**attributes: object) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def _group(**groups: Dataset) -> Dataset:
    return _item(**{f"{name}Sequence": [one] for name, one in groups.items()})
