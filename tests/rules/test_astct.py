"""The ASTCT features of each recorded sign: Lee et al. 2019, doi 10.1016/j.bbmt.2018.12.758, tables for adults and children."""

import pytest

from rules.astct import Feature, grade
from rules.context import Consciousness, Depth, Motor, Seizure
from rules.policy import load
from rules.recorded import Current, Missing

SCORES = load().limits.scores
NOW = "just now"


def grading(depth: Depth = Depth.UNKNOWN, age: int | None = None, **values: object):
    return grade({name: Current(value, NOW) for name, value in values.items()}, depth, age, SCORES)


@pytest.mark.parametrize(
    ("name", "value", "level"),
    [
        *(("icans_grade", value, value) for value in range(5)),
        ("ice_score", 10, 0),
        *(("ice_score", value, 1) for value in (7, 8, 9)),
        *(("ice_score", value, 2) for value in (3, 4, 5, 6)),
        *(("ice_score", value, 3) for value in (0, 1, 2)),
        ("capd_score", 0, 0),
        *(("capd_score", value, 1) for value in (1, 8)),
        *(("capd_score", value, 3) for value in (9, 32)),
        ("seizure", Seizure.SEIZURE, 3),
        ("seizure", Seizure.NONCONVULSIVE, 3),
        ("seizure", Seizure.STATUS, 4),
        ("consciousness", Consciousness.VOICE, 2),
        ("consciousness", Consciousness.TOUCH, 3),
        ("consciousness", Consciousness.UNAROUSABLE, 4),
        ("raised_icp_signs", True, 4),
    ],
)
def test_each_sign_has_its_grade(name: str, value: object, level: int):
    worst = grading(**{name: value}).worst
    assert worst
    assert worst.grade == level


@pytest.mark.parametrize(
    "values",
    [
        {"seizure": Seizure.NONE},
        {"consciousness": Consciousness.SPONTANEOUS},
        {"raised_icp_signs": False},
        {"motor": Motor.NONE},
        {"motor": Motor.PARAPARESIS},
        {"platelets": 20},
        {},
    ],
)
def test_what_says_nothing_on_the_grade(values: dict[str, object]):
    assert grading(**values).worst is None


@pytest.mark.parametrize("motor", [Motor.HEMIPARESIS, Motor.PARAPARESIS, Motor.QUADRIPARESIS])
def test_deep_weakness_is_grade_4_and_none_is_not(motor: Motor):
    worst = grading(Depth.DEEP, motor=motor).worst
    assert worst == Feature(4, f"motor weakness {motor}, just now")
    assert grading(Depth.MILD, motor=motor).worst is None
    assert grading(Depth.DEEP, motor=Motor.NONE).worst is None


def test_the_worst_domain_counts_with_its_words():
    found = grading(icans_grade=1, ice_score=9, raised_icp_signs=True)
    assert found.worst == Feature(4, "signs of raised intracranial pressure yes, just now")
    assert grading(icans_grade=2, raised_icp_signs=False).worst == Feature(2, "ICANS grade 2, just now")


def test_what_is_missing_is_no_domain():
    found = grade(
        {"icans_grade": Missing("not recorded"), "ice_score": Current(9, NOW)}, Depth.UNKNOWN, None, SCORES
    )
    assert found.worst == Feature(1, "ICE 9, just now")
    assert found.conflicts == ()


def test_every_worse_domain_contradicts_the_recorded_grade():
    assert grading(icans_grade=1, ice_score=4, seizure=Seizure.SEIZURE, capd_score=3).conflicts == (
        "Contradiction: ICANS grade 1 is recorded, but ICE 4, just now, is an ASTCT feature of grade 2; the worse one counts.",
        "Contradiction: ICANS grade 1 is recorded, but seizure seizure, just now, is an ASTCT feature of grade 3; the worse one counts.",
    )


def test_without_a_recorded_grade_nothing_contradicts():
    assert grading(ice_score=1, seizure=Seizure.STATUS).conflicts == ()


@pytest.mark.parametrize(
    ("name", "age", "told"),
    [
        ("ice_score", 11, "ICE 5, just now, at 11 years: ICE is used from 12 years; it counts all the same."),
        ("ice_score", 12, None),
        ("capd_score", 20, None),
        (
            "capd_score",
            21,
            "CAPD 5, just now, at 21 years: CAPD is used below 21 years; it counts all the same.",
        ),
        ("icans_grade", 3, None),
        ("ice_score", None, None),
        ("capd_score", None, None),
    ],
)
def test_a_score_outside_its_age_counts_and_is_remarked_on(name: str, age: int | None, told: str | None):
    value = 5 if name != "icans_grade" else 3
    found = grading(age=age, **{name: value})
    assert found.conflicts == ((told,) if told else ())
    assert found.worst
