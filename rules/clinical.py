"""What the context says at the decision's moment: each value with its age, and the ASTCT feature it corresponds to.

A value that is too old, of unknown kind or absent is Missing with the reason; it never reads as negative.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from rules.astct import Grading, Scores, grade
from rules.context import Depth, Motor, PatientContext
from rules.facts import Earlier
from rules.fields import Field
from rules.recorded import AgeLimits, Current, Missing, current


@dataclass(frozen=True, slots=True)
class Known:
    """A value that counts now."""

    value: float | str | tuple[str, ...]
    """Several values where several may hold at once."""
    words: str
    """The value with its age, as in `grade 1, recorded 3 h before`."""


Fact = Known | Missing


@dataclass(frozen=True, slots=True)
class Limits:
    """How the context is read. Policy data."""

    ages: AgeLimits
    scores: Scores
    recipient_words: tuple[str, ...]
    """What on an order says that the patient was given CAR-T cells, in small letters."""


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


def observe(
    context: PatientContext, limits: Limits, now: datetime, study_date: date | None, earlier: Earlier | None
) -> Clinic:
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
        Field.CONSCIOUSNESS: _choice(items["consciousness"]),
        Field.CORD_SIGNS: _choice(items["cord_signs"]),
        Field.VENTILATION: _choice(items["ventilation"]),
        Field.ANTICOAGULANT: _choice(items["anticoagulant"]),
        Field.HISTORY: _history(context),
        Field.BASELINE: _baseline(earlier),
    }
    return Clinic(facts, (*grading.conflicts, *_loose_depth(context, items["motor"]), *_too_old(items)))


def is_recipient(context: PatientContext) -> bool:
    """On the registry, or inferred from a product or an infusion date; inference only raises."""
    return context.is_cart_recipient or bool(context.product) or context.infusion_date is not None


def inferred(context: PatientContext, words: tuple[str, ...]) -> PatientContext:
    """The context, as that of a recipient if the order's text says so; it only raises (knowledge base A32)."""
    said = next((word for word in words if word in context.order_text.lower()), "")
    return replace(context, product=said) if said and not is_recipient(context) else context


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


def _history(context: PatientContext) -> Fact:
    if not context.history:
        return Missing("not recorded")
    return Known(tuple(context.history), ", ".join(one.replace("_", " ") for one in context.history))


def _baseline(earlier: Earlier | None) -> Fact:
    if earlier is None:
        return Missing("no earlier study")
    if earlier.is_baseline is None:
        return Missing("not known whether the earlier study is from before the infusion")
    return Known(_flag(earlier.is_baseline), "yes" if earlier.is_baseline else "no")


def _loose_depth(context: PatientContext, motor: Current | Missing) -> list[str]:
    """A depth without a weakness: it raises nothing by itself, and somebody has to look."""
    if context.motor_depth is Depth.UNKNOWN or (isinstance(motor, Current) and motor.value is not Motor.NONE):
        return []
    found = (
        "no weakness that counts now is recorded"
        if isinstance(motor, Missing)
        else "the recorded weakness is none"
    )
    return [f"Contradiction: the weakness is recorded as {context.motor_depth}, but {found}."]
