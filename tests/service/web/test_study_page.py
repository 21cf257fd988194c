"""In which order a study's page shows where its lesions are."""

from types import SimpleNamespace

from rules.anatomy import Region, Side
from rules.findings import Course, Lesion
from service.web.study_page import _key_slices


def lesion(number: int, course: Course | None) -> Lesion:
    return Lesion(
        "change", Region.FRONTAL, Side.LEFT, 3.0, (0.0, 0.0, 0.0), 9.0, "1.2", (f"1.2.{number}",), (), course
    )


def test_what_is_new_or_larger_comes_first_and_each_says_what_became_of_it():
    courses = (None, Course.SAME, Course.LARGER, Course.GONE, Course.NEW)
    found = tuple(lesion(number, course) for number, course in enumerate(courses))
    slices = _key_slices(SimpleNamespace(series=(), lesions=found, findings=()))
    assert [one.sop_instance_uid[-1] for one in slices] == ["2", "4", "0", "1", "3"]
    assert slices[0].because == "lesion, 3.0 mL, left frontal, larger than in the earlier study"
    assert slices[2].because == "lesion, 3.0 mL, left frontal"
