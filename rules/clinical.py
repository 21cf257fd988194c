"""What the context says at the decision's moment: each value with its age, and the ASTCT feature it corresponds to.

A value that is too old, of unknown kind or absent is Missing with the reason; it never reads as negative.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from rules.astct import Grading, Scores, grade
from rules.context import Depth, Motor, PatientContext, Seizure
from rules.recorded import AgeLimits, Current, Missing, current


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


Fact = Known | Missing


@dataclass(frozen=True, slots=True)
class Limits:
    """How the context is read. Policy data."""

    ages: AgeLimits
    scores: Scores


@dataclass(frozen=True, slots=True)
class Clinic:
    """The context at one moment, ready to be asked."""

    facts: Mapping[Field, Fact]
    conflicts: tuple[str, ...]
    """Contradictions between fields, and values too old to count; one sentence each."""


_NAMES = {
    "icans_grade": "ICANS grade",
    "ice_score": "ICE score",
    "capd_score": "CAPD score",
    "crs_grade": "CRS grade",
    "motor": "motor weakness",
    "raised_icp_signs": "signs of raised intracranial pressure",
}
"""Fields of PatientContext that are not written as they are named."""


def observe(context: PatientContext, limits: Limits, now: datetime, study_date: date | None) -> Clinic:
    """The context as it stands at `now`, the day counted at the study date."""
    items = current(context, limits.ages, now)
    age = age_at(context, study_date or now.date())
    grading = grade(items, context.motor_depth, age, limits.scores)
    facts: dict[Field, Fact] = {
        Field.RECIPIENT: Known(_flag(is_recipient(context)), "yes" if is_recipient(context) else "no"),
        Field.AGE: Missing("birth date not known") if age is None else Known(age, f"{age} years"),
        Field.DAY: _day(context, study_date or now.date()),
        Field.GRADE: _grade(grading, items["icans_grade"]),
        Field.CRS: _number(items["crs_grade"]),
        Field.SYSTOLIC: _part(items["blood_pressure"], "systolic"),
        Field.DIASTOLIC: _part(items["blood_pressure"], "diastolic"),
        Field.PLATELETS: _number(items["platelets"]),
        Field.SEIZURE: _choice(items["seizure"]),
        Field.MOTOR: _choice(items["motor"]),
        Field.MOTOR_DEPTH: _depth(context),
        Field.ICP: _choice(items["raised_icp_signs"]),
        Field.TAPER: _choice(items["steroid_taper"]),
        Field.INDICATION: _indication(context),
    }
    return Clinic(facts, (*grading.conflicts, *_too_old(items)))


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


def _grade(grading: Grading, recorded: Current | Missing) -> Fact:
    if grading.worst is not None:
        return Known(grading.worst.grade, grading.worst.words)
    return recorded if isinstance(recorded, Missing) else Missing("not recorded")


def _too_old(items: Mapping[str, Current | Missing]) -> list[str]:
    return [
        f"The recorded {_NAMES.get(name, name.replace('_', ' '))} was not used: {item.detail}."
        for name, item in items.items()
        if isinstance(item, Missing) and item.is_too_old
    ]


def _flag(value: object) -> str:
    return "true" if value else "false"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _number(item: Current | Missing) -> Fact:
    return item if isinstance(item, Missing) else Known(item.value, f"{item.value}, {item.words}")


def _part(item: Current | Missing, name: str) -> Fact:
    if isinstance(item, Missing):
        return item
    value = getattr(item.value, name)
    return Known(value, f"{value} mmHg, {item.words}")


def _choice(item: Current | Missing) -> Fact:
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
