"""What is known of a patient beside the images, each value with its time and source."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Seizure(StrEnum):
    NONE = "none"
    SEIZURE = "seizure"
    STATUS = "status"
    NONCONVULSIVE = "nonconvulsive"


class Motor(StrEnum):
    NONE = "none"
    HEMIPARESIS = "hemiparesis"
    PARAPARESIS = "paraparesis"
    QUADRIPARESIS = "quadriparesis"


class Depth(StrEnum):
    DEEP = "deep"
    MILD = "mild"
    UNKNOWN = "unknown"


class Consciousness(StrEnum):
    """What the patient wakes to (a domain of the ASTCT consensus)."""

    SPONTANEOUS = "spontaneous"
    VOICE = "voice"
    TOUCH = "touch"
    UNAROUSABLE = "unarousable"


class Ventilation(StrEnum):
    NONE = "none"
    OXYGEN = "oxygen"
    VENTILATED = "ventilated"


class History(StrEnum):
    """What is known from before. It labels, and never lowers."""

    NONE = "none"
    """Asked for, and nothing of this list; what is not listed without it stays unknown."""
    CNS_TUMOUR = "cns_tumour"
    ABSCESS = "abscess"
    DEMYELINATION = "demyelination"
    SMALL_VESSEL = "small_vessel"
    MIGRAINE = "migraine"
    METHOTREXATE = "methotrexate"
    """Methotrexate or fludarabine."""
    RADIOTHERAPY = "radiotherapy"
    """Of the head."""
    CRITICAL_ILLNESS = "critical_illness"
    """Respiratory failure or long ventilation, in the last weeks."""
    THIAMINE_RISK = "thiamine_risk"
    HHV6_RISK = "hhv6_risk"
    """Rash, or HHV-6 reactivation."""


@dataclass(frozen=True, slots=True)
class Recorded(Generic[T]):
    """A value as somebody recorded it."""

    value: T
    at: datetime | None = None
    """When it was observed; None is unknown and counts as stale."""
    source: str = ""
    """Who or what set it: a user, a file, a feed."""


@dataclass(frozen=True, slots=True)
class BloodPressure:
    """Highest of the last 24 hours, in mmHg."""

    systolic: int
    diastolic: int


@dataclass(frozen=True, slots=True)
class PatientContext:
    """Context of one patient at one moment. Absent fields are unknown, never negative (knowledge base 1c)."""

    patient_id: str = ""
    issuer: str = ""
    birth_date: date | None = None
    is_cart_recipient: bool = False
    """On the registry of flagged patients."""
    infusion_date: date | None = None
    product: str = ""
    icans_grade: Recorded[int] | None = None
    ice_score: Recorded[int] | None = None
    capd_score: Recorded[int] | None = None
    crs_grade: Recorded[int] | None = None
    blood_pressure: Recorded[BloodPressure] | None = None
    seizure: Recorded[Seizure] | None = None
    motor: Recorded[Motor] | None = None
    motor_depth: Depth = Depth.UNKNOWN
    raised_icp_signs: Recorded[bool] | None = None
    """Posturing, sixth-nerve palsy, papilloedema or Cushing's triad."""
    consciousness: Recorded[Consciousness] | None = None
    cord_signs: Recorded[bool] | None = None
    """A sensory level, or a new disturbance of bladder or bowel."""
    steroid_taper: Recorded[bool] | None = None
    platelets: Recorded[int] | None = None
    """In G/L."""
    anticoagulant: Recorded[bool] | None = None
    ventilation: Recorded[Ventilation] | None = None
    """At the scan."""
    history: tuple[History, ...] = ()
    has_neuro_indication: bool | None = None
    """The order names a neurological reason; None is unknown."""
    order_priority: str = ""
    """As on the order: STAT, HIGH, ROUTINE, MEDIUM, LOW (PS3.3 C.4.11, 0040,1003) or empty."""
    order_text: str = ""
    """What the order says in words."""
    notes: tuple[str, ...] = field(default=())
    """Free labels that only explain, such as `known CNS lymphoma`."""
