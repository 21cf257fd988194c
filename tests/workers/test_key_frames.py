"""The frames of a multi-frame object that are key images: those on which most was found."""

from types import SimpleNamespace

import numpy as np
import pytest
from pydicom import Dataset

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Measured, Quantity
from workers.analysis import Analysis
from workers.checks.result import CheckResult
from workers.key_frames import key_frames

WHOLE, OTHER = "1.2.3", "1.2.4"


def result(value, areas):
    """Of a check that found these areas, in voxels, on these slices."""
    mask = np.zeros((10, 5, 5), dtype=bool)
    for k, area in areas.items():
        mask[k].flat[:area] = True
    evidence = Evidence("flair_hyperintensity 1", "1.2", (WHOLE,))
    volume = Measured(
        Quantity.FLAIR_VOLUME, Region.BRAIN, Side.WHOLE, value, UNITS[Quantity.FLAIR_VOLUME], evidence
    )
    return CheckResult((volume,), mask, Role.FLAIR)


def header(uid, frames):
    ds = Dataset()
    ds.SOPInstanceUID = uid
    if frames:
        ds.PerFrameFunctionalGroupsSequence = [Dataset() for _ in range(frames)]
    return ds


@pytest.fixture
def images():
    """A FLAIR that is every second frame of one object, from the top down."""
    numbers = tuple(range(20, 0, -2))
    volume = SimpleNamespace(sop_instance_uids=(WHOLE,) * 10, frame_numbers=numbers)
    return SimpleNamespace(scan=lambda _: SimpleNamespace(volume=volume))


def test_the_frames_with_most_of_it_are_named_the_largest_first(images):
    found = Analysis({"a": result(5.0, {1: 3, 4: 20, 5: 9, 8: 1}), "b": result(1.0, {4: 2})}, {})
    assert key_frames(images, found, [header(WHOLE, 20)], (WHOLE, OTHER)) == {WHOLE: (12, 10, 18)}


def test_what_nothing_was_found_on_names_no_frame(images):
    found = Analysis({"a": result(0.0, {4: 20}), "b": CheckResult(())}, {})
    assert key_frames(images, found, [header(WHOLE, 20)], (WHOLE,)) == {}


def test_single_images_need_no_frames_and_no_series_is_asked_for():
    found = Analysis({"a": result(5.0, {4: 20})}, {})
    unread = SimpleNamespace(scan=lambda _: pytest.fail("nothing is to be read"))
    assert key_frames(unread, found, [header(WHOLE, 0), header(OTHER, 20)], (WHOLE,)) == {}
