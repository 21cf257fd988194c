"""What the context says at the decision's moment: each value with its age, and the ASTCT feature it corresponds to.

A value that is too old, of unknown kind or absent is Missing with the reason; it never reads as negative.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from rules.context import Depth, Motor, PatientContext, Recorded, Seizure


class Field(StrEnum):
    """What a condition may ask of the context. The unit of each number stands in `FIELD_UNITS`."""

    RECIPIENT = "is_cart_recipient"
    AGE = "age"
    DAY = "day_after_infusion"
    GRADE = "icans_grade"
    """The worst of the recorded ICANS grade and the ASTCT features of ICE, CAPD, seizure, motor and pressure signs."""
    CRS = "crs_grade"
    SYSTOLIC = "systolic_pressure"
    DIASTOLIC = "diastolic_pressure"
    PLATELETS = "platelets"
    SEIZURE = "seizure"
    MOTOR = "motor"
    MOTOR_DEPTH = "motor_depth"
    ICP = "raised_icp_signs"
    TAPER = "steroid_taper"
    INDICATION = "has_neuro_indication"


FIELD_UNITS: dict[Field, str] = {
    Field.AGE: "a",
    Field.DAY: "d",
    Field.GRADE: "1",
    Field.CRS: "1",
    Field.SYSTOLIC: "mm[Hg]",
    Field.DIASTOLIC: "mm[Hg]",
    Field.PLATELETS: "10*9/L",
}
"""UCUM units of the numeric fields; a policy that names another is refused on load."""

_YES_NO = ("true", "false")
FIELD_CHOICES: dict[Field, tuple[str, ...]] = {
    Field.RECIPIENT: _YES_NO,
    Field.SEIZURE: tuple(Seizure),
    Field.MOTOR: tuple(Motor),
    Field.MOTOR_DEPTH: tuple(Depth),
    Field.ICP: _YES_NO,
    Field.TAPER: _YES_NO,
    Field.INDICATION: _YES_NO,
}
"""Values of the fields that are no numbers."""

FIELD_WORDS: dict[Field, str] = {
    Field.RECIPIENT: "CAR-T recipient",
    Field.AGE: "age",
    Field.DAY: "day after infusion",
    Field.GRADE: "ICANS grade or ASTCT feature",
    Field.CRS: "CRS grade",
    Field.SYSTOLIC: "systolic blood pressure",
    Field.DIASTOLIC: "diastolic blood pressure",
    Field.PLATELETS: "platelets",
    Field.SEIZURE: "seizure",
    Field.MOTOR: "motor weakness",
    Field.MOTOR_DEPTH: "depth of the weakness",
    Field.ICP: "signs of raised intracranial pressure",
    Field.TAPER: "steroid taper in the last 72 h",
    Field.INDICATION: "neurological indication on the order",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A value that counts now."""

    value: float | str
    words: str
    """The value with its age, as in `grade 1, recorded 3 h before`."""


@dataclass(frozen=True, slots=True)
class Missing:
    """No value that counts now, and why."""

    detail: str


Fact = Known | Missing


@dataclass(frozen=True, slots=True)
class Limits:
    """How old a context value may be, and which score belongs to which age. Policy data."""

    fresh_h: Mapping[str, float]
    """Field of PatientContext to hours; older is marked as stale."""
    counts_h: Mapping[str, float]
    """Field of PatientContext to hours; older counts no longer."""
    ice_from_age: float
    capd_below_age: float


@dataclass(frozen=True, slots=True)
class Feature:
    """One ASTCT domain and the grade it corresponds to."""

    grade: int
    words: str


@dataclass(frozen=True, slots=True)
class Clinic:
    """The context at one moment, ready to be asked."""

    facts: Mapping[Field, Fact]
    conflicts: tuple[str, ...]
    """Contradictions between fields, one sentence each."""


def observe(context: PatientContext, limits: Limits, now: datetime, study_date: date | None) -> Clinic:
    """The context as it stands at `now`, the day counted at the study date."""
    current = {name: _current(context, name, limits, now) for name in limits.counts_h}
    age = age_at(context, study_date or now.date())
    features, remarks = _features(context, current, limits, age)
    facts: dict[Field, Fact] = {
        Field.RECIPIENT: Known(_flag(is_recipient(context)), "yes" if is_recipient(context) else "no"),
        Field.AGE: Missing("birth date not known") if age is None else Known(age, f"{age} years"),
        Field.DAY: _day(context, study_date or now.date()),
        Field.GRADE: _worst(features, current),
        Field.CRS: _number(current["crs_grade"]),
        Field.SYSTOLIC: _part(current["blood_pressure"], "systolic"),
        Field.DIASTOLIC: _part(current["blood_pressure"], "diastolic"),
        Field.PLATELETS: _number(current["platelets"]),
        Field.SEIZURE: _choice(current["seizure"]),
        Field.MOTOR: _choice(current["motor"]),
        Field.MOTOR_DEPTH: _depth(context),
        Field.ICP: _choice(current["raised_icp_signs"]),
        Field.TAPER: _choice(current["steroid_taper"]),
        Field.INDICATION: _indication(context),
    }
    return Clinic(facts, (*remarks, *_conflicts(current, features)))


def is_recipient(context: PatientContext) -> bool:
    """On the registry, or inferred from a product or an infusion date; inference only raises (knowledge base A32)."""
    return context.is_cart_recipient or bool(context.product) or context.infusion_date is not None


def age_at(context: PatientContext, day: date) -> int | None:
    """Age in whole years."""
    born = context.birth_date
    if born is None or born > day:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def day_after_infusion(context: PatientContext, day: date) -> int | None:
    """Days since the infusion (day 0); negative before it."""
    return None if context.infusion_date is None else (day - context.infusion_date).days


def recorded_words(at: datetime | None, now: datetime) -> str:
    """When a value was recorded, relative to the decision.

    >>> from datetime import UTC
    >>> recorded_words(datetime(2026, 1, 1, 9, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC))
    'recorded 3 h before'
    """
    if at is None:
        return "time not recorded"
    age = max(now - at, timedelta())
    return f"recorded {age.total_seconds() / 3600:.0f} h before"


@dataclass(frozen=True, slots=True)
class _Current:
    """A recorded value with its age, as far as it still counts."""

    value: Any
    words: str


def _current(context: PatientContext, name: str, limits: Limits, now: datetime) -> _Current | Missing:
    recorded: Recorded[Any] | None = getattr(context, name)
    if recorded is None:
        return Missing("not recorded")
    when = recorded_words(recorded.at, now)
    if (
        recorded.at is None
    ):  # may be old; it still raises, marked, for a floor must not fall to a missing time
        return _Current(recorded.value, f"{when}, may be stale")
    age = now - recorded.at
    if age > timedelta(hours=limits.counts_h[name]):
        return Missing(f"{when}, too old to count")
    is_fresh = age <= timedelta(hours=limits.fresh_h[name])
    return _Current(recorded.value, when if is_fresh else f"{when}, stale")


def _features(
    context: PatientContext, current: Mapping[str, _Current | Missing], limits: Limits, age: int | None
) -> tuple[list[Feature], list[str]]:
    """ASTCT features of every domain that is known (Lee 2019, doi 10.1016/j.bbmt.2018.12.758).

    A score outside its age counts too, with a remark: were it dropped, learning the birth date could lower a study.
    """
    features: list[Feature] = []
    remarks: list[str] = []
    for name, item in current.items():
        if isinstance(item, Missing) or name not in _DOMAINS:
            continue
        outside = _outside_age(name, limits, age)
        grade = _domain_grade(name, item.value, context.motor_depth)
        words = f"{_DOMAINS[name]} {_plain(item.value)}, {item.words}"
        if outside:
            remarks.append(f"{words}, at {age} years: {outside}; it counts all the same.")
        if grade is not None:
            features.append(Feature(grade, words))
    return features, remarks


_DOMAINS = {
    "icans_grade": "ICANS grade",
    "ice_score": "ICE",
    "capd_score": "CAPD",
    "seizure": "seizure",
    "motor": "motor weakness",
    "raised_icp_signs": "signs of raised intracranial pressure",
}


def _outside_age(name: str, limits: Limits, age: int | None) -> str:
    if age is None:
        return ""
    if name == "ice_score" and age < limits.ice_from_age:
        return f"ICE is used from {limits.ice_from_age:g} years"
    if name == "capd_score" and age >= limits.capd_below_age:
        return f"CAPD is used below {limits.capd_below_age:g} years"
    return ""


def _domain_grade(name: str, value: Any, depth: Depth) -> int | None:
    """Grade that one domain corresponds to; None if the domain says nothing on grades."""
    match name:
        case "icans_grade":
            return int(value)
        case "ice_score":
            return 0 if value == 10 else 1 if value >= 7 else 2 if value >= 3 else 3
        case "capd_score":
            return 0 if value == 0 else 1 if value < 9 else 3
        case "seizure":
            return {Seizure.STATUS: 4, Seizure.SEIZURE: 3, Seizure.NONCONVULSIVE: 3}.get(value)
        case "motor":
            return 4 if value is not Motor.NONE and depth is Depth.DEEP else None
        case _:
            return 4 if value else None


def _worst(features: list[Feature], current: Mapping[str, _Current | Missing]) -> Fact:
    if not features:
        grade = current["icans_grade"]
        return Missing(grade.detail if isinstance(grade, Missing) else "not recorded")
    worst = max(features, key=lambda feature: feature.grade)
    return Known(worst.grade, worst.words)


def _conflicts(current: Mapping[str, _Current | Missing], features: list[Feature]) -> list[str]:
    recorded = current["icans_grade"]
    if isinstance(recorded, Missing):
        return []
    return [
        f"Contradiction: ICANS grade {recorded.value} is recorded, but {feature.words}, is an ASTCT feature of"
        f" grade {feature.grade}; the worse one counts."
        for feature in features
        if feature.grade > recorded.value
    ]


def _flag(value: object) -> str:
    return "true" if value else "false"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _number(item: _Current | Missing) -> Fact:
    return item if isinstance(item, Missing) else Known(item.value, f"{item.value}, {item.words}")


def _part(item: _Current | Missing, name: str) -> Fact:
    if isinstance(item, Missing):
        return item
    value = getattr(item.value, name)
    return Known(value, f"{value} mmHg, {item.words}")


def _choice(item: _Current | Missing) -> Fact:
    if isinstance(item, Missing):
        return item
    value = _flag(item.value) if isinstance(item.value, bool) else str(item.value)
    return Known(value, f"{_plain(item.value)}, {item.words}")


def _depth(context: PatientContext) -> Fact:
    if context.motor_depth is Depth.UNKNOWN:
        return Missing("not stated")
    return Known(context.motor_depth.value, context.motor_depth.value)


def _day(context: PatientContext, day: date) -> Fact:
    count = day_after_infusion(context, day)
    return Missing("infusion date not known") if count is None else Known(count, f"day {count}")


def _indication(context: PatientContext) -> Fact:
    if context.has_neuro_indication is None:
        return Missing("not stated")
    return Known(_flag(context.has_neuro_indication), "yes" if context.has_neuro_indication else "no")
