"""What a condition may ask of the context: the fields, their units, their choices, and their words."""

from enum import StrEnum

from rules.context import Consciousness, Depth, History, Motor, Seizure, Ventilation


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
    CONSCIOUSNESS = "consciousness"
    CORD_SIGNS = "cord_signs"
    VENTILATION = "ventilation"
    ANTICOAGULANT = "anticoagulant"
    HISTORY = "history"
    """What is known from before; one of its values suffices."""
    BASELINE = "earlier_is_baseline"
    """Whether the study that is compared with is from before the infusion."""


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
    Field.CONSCIOUSNESS: tuple(Consciousness),
    Field.CORD_SIGNS: _YES_NO,
    Field.VENTILATION: tuple(Ventilation),
    Field.ANTICOAGULANT: _YES_NO,
    Field.HISTORY: tuple(History),
    Field.BASELINE: _YES_NO,
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
    Field.CONSCIOUSNESS: "consciousness",
    Field.CORD_SIGNS: "sensory level or bladder disturbance",
    Field.VENTILATION: "oxygen or ventilation",
    Field.ANTICOAGULANT: "anticoagulation",
    Field.HISTORY: "known disease",
    Field.BASELINE: "earlier study from before the infusion",
}
