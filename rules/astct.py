"""ASTCT features: the grade that each recorded sign corresponds to; the worst one counts. It sets no grade itself.

Source: Lee et al. 2019, doi 10.1016/j.bbmt.2018.12.758; the cuts of the scores are policy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.context import Consciousness, Depth, Motor, Seizure
from rules.recorded import Current, Missing

Steps = tuple[tuple[int, int], ...]
"""Pairs of (score from, grade), highest score first."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How scores map to grades, and at which age they are meant to be used. Policy data."""

    ice: Steps
    capd: Steps
    ice_from_age: float
    capd_below_age: float


@dataclass(frozen=True, slots=True)
class Feature:
    """One domain and the grade it corresponds to."""

    grade: int
    words: str


@dataclass(frozen=True, slots=True)
class Grading:
    """What the domains say together."""

    worst: Feature | None
    conflicts: tuple[str, ...]
    """Contradictions and scores used outside their age, one sentence each."""


_DOMAINS = {
    "icans_grade": "ICANS grade",
    "ice_score": "ICE",
    "capd_score": "CAPD",
    "seizure": "seizure",
    "motor": "motor weakness",
    "raised_icp_signs": "signs of raised intracranial pressure",
    "consciousness": "consciousness",
}
_WAKES = {Consciousness.VOICE: 2, Consciousness.TOUCH: 3, Consciousness.UNAROUSABLE: 4}
"""Who wakes spontaneously may have grade 1 or none: that says nothing by itself."""
_SEIZURES = {Seizure.SEIZURE: 3, Seizure.NONCONVULSIVE: 3, Seizure.STATUS: 4}


def grade(items: Mapping[str, Current | Missing], depth: Depth, age: int | None, scores: Scores) -> Grading:
    """The worst feature of all known domains, and what contradicts.

    A score outside its age counts too, with a remark: were it dropped, learning the birth date could lower a study.
    """
    known = {name: item for name, item in items.items() if name in _DOMAINS and isinstance(item, Current)}
    features = {
        name: Feature(level, _words(name, item))
        for name, item in known.items()
        if (level := _level(name, item, depth, scores)) is not None
    }
    worst = max(features.values(), key=lambda feature: feature.grade, default=None)
    remarks = [_outside_age(name, item, age, scores) for name, item in known.items()]
    return Grading(worst, (*(remark for remark in remarks if remark), *_conflicts(features)))


def _level(name: str, item: Current, depth: Depth, scores: Scores) -> int | None:
    """Grade that one domain corresponds to; None if it says nothing on grades."""
    levels: dict[str, Callable[[Any], int | None]] = {
        "icans_grade": int,
        "ice_score": lambda score: _step(scores.ice, score),
        "capd_score": lambda score: _step(scores.capd, score),
        "seizure": _SEIZURES.get,
        "motor": lambda kind: 4 if kind is not Motor.NONE and depth is Depth.DEEP else None,
        "raised_icp_signs": lambda is_there: 4 if is_there else None,
        "consciousness": _WAKES.get,
    }
    return levels[name](item.value)


def _step(steps: Steps, score: int) -> int | None:
    return next((level for start, level in steps if score >= start), None)


def _words(name: str, item: Current) -> str:
    value = "yes" if name == "raised_icp_signs" else item.value  # a no is no feature
    return f"{_DOMAINS[name]} {value}, {item.words}"


def _outside_age(name: str, item: Current, age: int | None, scores: Scores) -> str:
    if age is None:
        return ""
    if name == "ice_score" and age < scores.ice_from_age:
        rule = f"ICE is used from {scores.ice_from_age:g} years"
    elif name == "capd_score" and age >= scores.capd_below_age:
        rule = f"CAPD is used below {scores.capd_below_age:g} years"
    else:
        return ""
    return f"{_words(name, item)}, at {age} years: {rule}; it counts all the same."


def _conflicts(features: Mapping[str, Feature]) -> list[str]:
    recorded = features.get("icans_grade")
    if recorded is None:
        return []
    return [
        f"Contradiction: ICANS grade {recorded.grade} is recorded, but {feature.words}, is an ASTCT feature of"
        f" grade {feature.grade}; the worse one counts."
        for feature in features.values()
        if feature.grade > recorded.grade
    ]
