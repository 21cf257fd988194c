"""The registry of flagged patients. Each change is audited, and decides the patient's recent studies again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import from_plain, to_plain
from rules.context import PatientContext, Recorded
from rules.identity import digest_of
from service import audit
from service.assembly import reopen_for_context
from service.cohort_file import Entry
from service.errors import ServiceError
from service.gate import Snapshot
from service.settings import Settings
from service.store.tables import CohortPatient


class NotFlaggedError(ServiceError):
    """No such patient is flagged."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one patient of the registry."""

    context: PatientContext
    is_new: bool
    is_changed: bool
    """False if the registry held exactly this."""
    reopened: tuple[Snapshot, ...] = ()
    """Recent studies that were decided again."""


def add(session: Session, entry: Entry, settings: Settings, actor: str, now: datetime) -> Change:
    """Flag a patient, or add to what the registry holds of one: what the entry leaves out stays as it is.

    An entry that adds nothing changes nothing.
    """
    given = entry.context
    patient = _find(session, given.patient_id, given.issuer)
    is_new = patient is None or patient.removed_at is not None
    if patient is None:
        patient = CohortPatient(patient_id=given.patient_id, issuer=given.issuer, added_at=now)
        session.add(patient)
    context = given if is_new else _merged(context_of(patient), entry)
    digest = digest_of(context)
    if not is_new and patient.context_digest == digest:
        return Change(context, is_new=False, is_changed=False)
    patient.context, patient.context_digest = to_plain(context), digest
    patient.changed_at, patient.removed_at = now, None
    session.flush()
    event = "cohort_patient_added" if is_new else "cohort_patient_changed"
    _tell(session, event, patient, actor, now)
    reopened = reopen_for_context(session, given.patient_id, settings, now)
    return Change(context, is_new=is_new, is_changed=True, reopened=tuple(reopened))


def remove(session: Session, patient_id: str, issuer: str, actor: str, now: datetime) -> None:
    """Take a patient off the registry; what was decided stays.

    Raises NotFlaggedError.
    """
    patient = _find(session, patient_id, issuer)
    if patient is None or patient.removed_at is not None:
        raise NotFlaggedError
    patient.removed_at = patient.changed_at = now
    _tell(session, "cohort_patient_removed", patient, actor, now)


def flagged(session: Session) -> Sequence[CohortPatient]:
    """The patients on the registry, by patient ID."""
    found = select(CohortPatient).where(CohortPatient.removed_at.is_(None))
    return session.scalars(found.order_by(CohortPatient.patient_id, CohortPatient.issuer)).all()


def context_of(patient: CohortPatient) -> PatientContext:
    """What the registry holds of a patient."""
    context: PatientContext = from_plain(PatientContext, patient.context)
    return context


def _merged(held: PatientContext, entry: Entry) -> PatientContext:
    news = {
        name: getattr(entry.context, name)
        for name in entry.fields
        if not _is_restated(getattr(held, name), getattr(entry.context, name), entry)
    }
    return replace(held, **news)


def _is_restated(held: object, given: object, entry: Entry) -> bool:
    """A file that is imported every night repeats old grades; without a time of their own they are no news.

    Taking them for new would make a stale grade look fresh, and would decide every study again each night.
    """
    if entry.is_observation or not (isinstance(held, Recorded) and isinstance(given, Recorded)):
        return False
    return held.value == given.value and given.at == entry.entered_at


def _tell(session: Session, event: str, patient: CohortPatient, actor: str, now: datetime) -> None:
    audit.record(
        session,
        event,
        None,
        actor,
        now,
        cohort_patient=patient.id,
        context_digest=patient.context_digest,
        context=patient.context,
    )


def _find(session: Session, patient_id: str, issuer: str) -> CohortPatient | None:
    found = select(CohortPatient).where(
        CohortPatient.patient_id == patient_id, CohortPatient.issuer == issuer
    )
    return session.scalar(found.with_for_update())
