"""The fields of a patient's context as a form shows them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rules.context import (
    BloodPressure,
    Consciousness,
    Depth,
    Motor,
    PatientContext,
    Recorded,
    Seizure,
    Ventilation,
)

_YES_NO = ("true", "false")


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of the form."""

    name: str
    """As in docs/context.md."""
    label: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together."""

    title: str
    fields: tuple[Asked, ...]


def _choice(name: str, label: str, choices: type[StrEnum] | tuple[str, ...], hint: str = "") -> Asked:
    return Asked(name, label, "choice", tuple(str(one) for one in choices), hint)


GROUPS = (
    Group(
        "Patient",
        (
            Asked("patient_id", "Patient ID", hint="as in the images (0010,0020)"),
            Asked("issuer", "Issuer of the patient ID", hint="only if IDs of several hospitals meet here"),
            Asked("birth_date", "Birth date", "date", hint="second identifier: must agree with the images"),
        ),
    ),
    Group(
        "CAR-T cells",
        (
            Asked("infusion_date", "Infusion date", "date"),
            Asked("product", "Product", hint="as in axi-cel"),
        ),
    ),
    Group(
        "Grades and scores",
        (
            _choice("icans_grade", "ICANS grade", tuple("01234")),
            Asked("ice_score", "ICE score", "number", hint="0 to 10, from 12 years"),
            Asked("capd_score", "CAPD score", "number", hint="0 to 32, below 12 years"),
            _choice("crs_grade", "CRS grade", tuple("01234")),
        ),
    ),
    Group(
        "Signs",
        (
            _choice("consciousness", "Wakes to", Consciousness),
            _choice("seizure", "Seizure", Seizure),
            _choice("motor", "Motor weakness", Motor),
            _choice("motor_depth", "Depth of the weakness", Depth),
            _choice("raised_icp_signs", "Signs of raised pressure", _YES_NO),
            _choice("cord_signs", "Sensory level, bladder or bowel", _YES_NO),
        ),
    ),
    Group(
        "Risks and treatment",
        (
            Asked("blood_pressure", "Highest blood pressure of 24 h", hint="as in 187/109 mmHg"),
            Asked("platelets", "Platelets", "number", hint="G/L"),
            _choice("anticoagulant", "Anticoagulation", _YES_NO),
            _choice("steroid_taper", "Steroid taper in 72 h", _YES_NO),
            _choice("ventilation", "At the scan", Ventilation),
            _choice("has_neuro_indication", "Neurological indication on the order", _YES_NO),
        ),
    ),
)
"""The whole form. What is left empty stays as the registry holds it."""


def present_values(context: PatientContext) -> dict[str, str]:
    """What the registry holds, as the form writes it."""
    names = [field.name for group in GROUPS for field in group.fields]
    return {name: _text(getattr(context, name)) for name in names}


def _text(value: Any) -> str:
    if isinstance(value, Recorded):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, BloodPressure):
        return f"{value.systolic}/{value.diastolic}"
    return "" if value is None else str(value)
