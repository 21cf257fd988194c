"""The one neutral event that every message to people and worklists is made from: HL7, FHIR, UPS, webhook, e-mail."""

from dataclasses import dataclass
from datetime import date, datetime

from rules.messages import ResultState
from rules.urgency import Priority


@dataclass(frozen=True, slots=True)
class NoticedPatient:
    """Whom it is about; only for messages to clinical systems, never for a webhook or an e-mail."""

    patient_id: str
    issuer: str = ""
    name: str = ""
    """DICOM PN, components separated by `^`."""
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class NoticedReport:
    """An object of the result in the archive."""

    kind: str
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A decision, as far as others need to know it."""

    uid: str
    """Derived from the job: the same notice twice is the same message."""
    study_instance_uid: str
    accession_number: str
    study_description: str
    patient: NoticedPatient
    state: ResultState
    priority: Priority
    is_assessed: bool
    headline: str
    sentences: tuple[str, ...]
    present: tuple[tuple[str, str], ...]
    """Rule number and name of each pattern that is present."""
    not_assessed: tuple[str, ...]
    disclaimers: tuple[str, ...]
    decided_at: datetime
    """Aware."""
    reports: tuple[NoticedReport, ...]
    device: str
    """Name and version of what decided."""
    policy: str
    """Name, version and digest of the policy."""
    escalation: str = ""
    """Of an alert that nobody acknowledged: for whom, and since when. The headline begins with it."""
