"""Key slices: unmarked unless the site asked for contours, legible, and frames of one object."""

from dataclasses import replace
from io import BytesIO

import numpy as np
from pydicom import dcmread

from tests.workers.reports import studies
from workers.reports.banner import NOT_FOR_DIAGNOSIS, render_banner
from workers.reports.secondary_capture import multi_frame_capture, secondary_capture
from workers.reports.slice_page import render_slice, slice_lines
from workers.reports.typesetting import width_of

_SIZE = 1024


def is_grey(picture):
    return bool((picture.max(axis=2) == picture.min(axis=2)).all())


def test_nothing_is_marked_by_default_and_a_contour_leaves_what_it_surrounds():
    content = studies.sliced_content()
    plain = np.asarray(render_slice(content, 0))
    marked = np.asarray(render_slice(replace(content, has_contours=True), 0))
    middle = slice(300, 700), slice(220, 800)
    assert is_grey(plain[middle])
    changed = (plain != marked).any(axis=2)[middle]
    assert 4 * 100 <= changed.sum() <= 4 * 104 * 2 + 16, "a line of two pixels around a square of a hundred"


def test_each_slice_says_what_it_is_and_that_it_is_not_for_diagnosis():
    content = studies.sliced_content()
    for number in range(2):
        lines = list(slice_lines(content, number))
        said = " ".join(line.text for line in lines)
        assert f"key slice {number + 1} of 2" in said
        assert "FLAIR, axial slice" in said
        assert NOT_FOR_DIAGNOSIS in said
        assert "P2 URGENT" in said
        assert all(
            line.x + width_of(line.text, line.style) <= _SIZE and line.box[3] <= _SIZE for line in lines
        )


def test_the_first_frame_is_the_page_and_the_others_are_the_slices():
    content = studies.sliced_content()
    buffer = BytesIO()
    multi_frame_capture(content).save_as(buffer, enforce_file_format=True)
    image = dcmread(BytesIO(buffer.getvalue()))
    assert image.NumberOfFrames == 3
    assert list(image.FrameLabelVector) == ["triage page", "key slice 1", "key slice 2"]
    assert np.array_equal(image.pixel_array[0], np.asarray(render_banner(content)))
    assert np.array_equal(image.pixel_array[2], np.asarray(render_slice(content, 1)))
    single = secondary_capture(content)
    assert image.SeriesInstanceUID == single.SeriesInstanceUID
    assert image.SOPInstanceUID != single.SOPInstanceUID


def test_without_key_slices_there_is_one_page_only():
    assert multi_frame_capture(studies.content()) is None
