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
    steroid_taper: Recorded[bool] | None = None
    platelets: Recorded[int] | None = None
    """In G/L."""
    has_neuro_indication: bool | None = None
    """The order names a neurological reason; None is unknown."""
    order_priority: str = ""
    """As on the order: STAT, HIGH, ROUTINE, MEDIUM, LOW (PS3.3 C.4.11, 0040,1003) or empty."""
    order_text: str = ""
    """What the order says in words."""
    notes: tuple[str, ...] = field(default=())
    """Free labels that only explain, such as `known CNS lymphoma`."""
