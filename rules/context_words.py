"""The clinical context in words, each value with its age."""

from datetime import date, datetime
from typing import Any

from rules.clinical import age_at, day_after_infusion, is_recipient
from rules.context import BloodPressure, Consciousness, Depth, Motor, PatientContext, Recorded, Seizure
from rules.recorded import recorded_words
from rules.words import listed

_WAKES = {
    Consciousness.SPONTANEOUS: "wakes spontaneously",
    Consciousness.VOICE: "wakes to voice",
    Consciousness.TOUCH: "wakes only to touch",
    Consciousness.UNAROUSABLE: "cannot be roused",
}


def context_lines(context: PatientContext, now: datetime, study_date: date | None) -> tuple[str, ...]:
    """The clinical context in words, each value with its age, as in `ICANS grade 1, recorded 3 h before`."""
    day = study_date or now.date()
    age = age_at(context, day)
    recorded = [
        _recorded("ICANS grade", context.icans_grade, now),
        _recorded("ICE", context.ice_score, now),
        _recorded("CAPD", context.capd_score, now),
        _recorded("CRS grade", context.crs_grade, now),
        _recorded("blood pressure", context.blood_pressure, now),
        _recorded("seizure", context.seizure, now),
        _recorded("motor weakness", context.motor, now, _depth(context)),
        _recorded("signs of raised intracranial pressure", context.raised_icp_signs, now),
        _recorded("consciousness", context.consciousness, now),
        _recorded("sensory level or bladder disturbance", context.cord_signs, now),
        _recorded("steroid taper in the last 72 h", context.steroid_taper, now),
        _recorded("platelets", context.platelets, now, " G/L"),
        _recorded("anticoagulation", context.anticoagulant, now),
        _recorded("oxygen or ventilation", context.ventilation, now),
    ]
    order = f"ordered as {context.order_priority}" if context.order_priority else ""
    known = f"known: {listed([one.replace('_', ' ') for one in context.history])}" if context.history else ""
    lines = [recipient_line(context, day), "" if age is None else f"{age} years old", *recorded, known, order]
    return (*(line for line in lines if line), *context.notes)


def recipient_line(context: PatientContext, day: date) -> str:
    """Whether the patient was given CAR-T cells, on which day, and whether that is only inferred."""
    if not is_recipient(context):
        return "CAR-T status not known"
    count = day_after_infusion(context, day)
    status = "CAR-T recipient" if context.is_cart_recipient else "CAR-T status inferred"
    product = f" ({context.product})" if context.product else ""
    if count is None:
        return f"{status}{product}, date unknown"
    when = f"day {count} after infusion" if count >= 0 else f"{-count} days before infusion"
    return f"{when}{product}" if context.is_cart_recipient else f"{status}, {when}{product}"


def _recorded(name: str, item: Recorded[Any] | None, now: datetime, suffix: str = "") -> str:
    if item is None:
        return ""
    return f"{name} {_plain(item.value)}{suffix}, {recorded_words(item.at, now)}"


def _plain(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case BloodPressure(systolic, diastolic):
            return f"{systolic}/{diastolic} mmHg"
        case Seizure.STATUS:
            return "status epilepticus"
        case Motor.NONE | Seizure.NONE:
            return "none"
        case Consciousness():
            return _WAKES[value]
        case _:
            return str(value)


def _depth(context: PatientContext) -> str:
    return "" if context.motor_depth is Depth.UNKNOWN else f" ({context.motor_depth.value})"
