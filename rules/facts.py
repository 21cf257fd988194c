"""What the rules are asked about: the findings, the context, and plain facts of the study, at one moment."""

from dataclasses import dataclass
from datetime import date, datetime

from rules.anatomy import Role
from rules.context import PatientContext
from rules.findings import Finding
from rules.urgency import Priority


@dataclass(frozen=True, slots=True)
class StudyHeaders:
    """What the headers of a study say; enough to decide whether to analyse it."""

    study_instance_uid: str
    patient_id: str
    issuer: str = ""
    patient_name: str = ""
    birth_date: date | None = None
    study_date: date | None = None
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    """Body Part Examined values, upper case, empty ones left out."""
    descriptions: tuple[str, ...] = ()
    order_priority: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The study that this one is compared with."""

    study_date: date | None = None
    is_baseline: bool | None = None
    """Whether it is known to be from before the infusion; None is not known."""


@dataclass(frozen=True, slots=True)
class LastResult:
    """What was found in the patient's most recent study with a result, whichever study the images are compared with."""

    study_date: date
    findings: tuple[Finding, ...]
    """Those of it that are compared (rules.last_result)."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a decision rests on."""

    findings: tuple[Finding, ...]
    context: PatientContext
    roles: tuple[Role, ...]
    """Roles of the series that were measured."""
    now: datetime
    """Aware; ages of context values are counted up to here."""
    study_date: date | None = None
    modalities: tuple[str, ...] = ()
    earlier: Earlier | None = None
    """None: there is nothing to compare with."""
    last_result: LastResult | None = None
    """None: there is none, or it is not known."""
    identity_mismatch: str = ""
    """Why the context of the patient was left out, one clause; empty if it was not."""
    earlier_priority: Priority | None = None
    """The most urgent priority that an earlier result of this study asked for; never withdrawn."""
    is_arriving: bool = False
    """Other series of the study may still come: what is missing is awaited, and the result is provisional."""
    is_after_provisional: bool = False
    """The earlier result was a provisional one, which this one confirms, raises or explains."""
