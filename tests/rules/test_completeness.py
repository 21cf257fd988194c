import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.completeness import Announcement, judge
from rules.messages import Basis

MPPS, AVAILABLE, COUNT = Basis.MPPS, Basis.AVAILABILITY, Basis.ARCHIVE_COUNT


@pytest.mark.parametrize(
    ("received", "announced", "basis", "missing"),
    [
        ({"1": 2}, [], None, ()),
        ({"1": 2}, [(MPPS, True, {"1": 2})], MPPS, ()),
        ({"1": 3}, [(MPPS, True, {"1": 2})], MPPS, ()),  # more than announced: sent again by another way
        ({"1": 2}, [(MPPS, True, {"1": 2}), (MPPS, False, {})], None, ("the scanner has not finished",)),
        ({"1": 2}, [(MPPS, False, {}), (COUNT, True, {"1": 2})], None, ("the scanner has not finished",)),
        ({"1": 2}, [(MPPS, True, {"1": 2}), (MPPS, True, {"2": 1})], None, ("series 2: 0 of 1 objects",)),
        ({"1": 1}, [(AVAILABLE, True, {"1": 2})], None, ("series 1: 1 of 2 objects",)),
        ({"1": 2}, [(AVAILABLE, True, {"1": 2}), (COUNT, True, {"1": 1})], AVAILABLE, ()),
        ({"1": 2}, [(COUNT, True, {"1": 2})], COUNT, ()),
        ({"1": 2}, [(COUNT, True, {"1": 1})], None, ()),  # the archive is behind us: no evidence of anything
        ({"1": 2, "2": 1}, [(COUNT, True, {"1": 2})], None, ()),
        ({"1": 2}, [(MPPS, True, {})], None, ()),  # a step that names no series tells nothing
        ({"1": 1}, [(MPPS, True, {"1": 2}), (COUNT, True, {"1": 1})], COUNT, ()),
    ],
)
def test_a_study_is_whole_by_its_strongest_evidence(received, announced, basis, missing):
    standing = judge(received, [Announcement(*one) for one in announced], images=received)
    assert (standing.basis, standing.missing) == (basis, missing)


def test_a_series_that_is_announced_twice_has_the_larger_number():
    steps = [Announcement(MPPS, is_final=True, series={"1": count, "2": 0}) for count in (2, 3, 1)]
    assert judge({"1": 2}, steps, images={}).missing == ("series 1: 2 of 3 objects",)
    assert judge({"1": 3}, steps, images={}).basis is MPPS


def test_an_archive_is_compared_in_its_image_series_only():
    counted = [Announcement(COUNT, is_final=True, series={"1": 2})]
    assert judge({"1": 2, "8": 1}, counted, images={"1": 2}).basis is COUNT


SERIES = st.dictionaries(st.sampled_from(["1", "2", "3"]), st.integers(1, 4))


@given(received=SERIES, announced=SERIES, more=SERIES)
def test_more_images_never_make_a_whole_study_incomplete_for_its_scanner(received, announced, more):
    step = [Announcement(MPPS, is_final=True, series=announced)]
    later = {uid: max(received.get(uid, 0), more.get(uid, 0)) for uid in received | more}
    if judge(received, step, images={}).basis is MPPS:
        assert judge(later, step, images={}).basis is MPPS
