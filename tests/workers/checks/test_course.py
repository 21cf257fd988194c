"""What becomes of one area between two studies."""

import pytest

from rules.findings import Course
from workers.checks.course import course_of

COURSES = {
    "nothing before": ((2.0, 0.0, 2.0, 0.0), Course.NEW),
    "nothing before, not sure": ((2.0, 0.0, 0.0, 0.0), None),
    "nothing now": ((0.0, 2.0, 0.0, 2.0), Course.GONE),
    "nothing now, not sure": ((0.0, 2.0, 0.0, 0.0), None),
    "a quarter and a millilitre more": ((6.2, 4.0, 1.2, 0.0), Course.LARGER),
    "a millilitre of a large one": ((11.2, 10.0, 1.2, 0.0), Course.SAME),
    "much of a small one": ((1.4, 0.5, 0.9, 0.0), Course.LARGER),
    "most of a small one": ((0.3, 0.8, 0.0, 0.5), Course.SMALLER),
    "a third of a small one": ((0.8, 0.6, 0.2, 0.0), Course.SAME),
    "less": ((3.0, 6.0, 0.0, 3.0), Course.SMALLER),
    "as much on another side": ((6.0, 6.0, 2.0, 2.0), Course.SAME),
}


@pytest.mark.parametrize(("millilitres", "course"), COURSES.values(), ids=COURSES)
def test_the_course_of_an_area(millilitres, course):
    now, before, new, gone = millilitres
    assert course_of(now=now, before=before, new=new, gone=gone) is course
