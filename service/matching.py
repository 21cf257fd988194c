"""Matching: which flagged patient, if any, a study belongs to. Contradicting identifiers match nobody.

The Patient ID must be equal. An issuer that both sides name must be equal too; where one side names none, the patient must be
the only one flagged under that ID. A birth date that both sides know must be equal: the second identifier (knowledge base 5.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import from_plain
from rules.context import PatientContext
from service.store.tables import CohortPatient, Study


@dataclass(frozen=True, slots=True)
class Matched:
    """The study is this flagged patient's."""

    context: PatientContext
    identifiers: tuple[str, ...]
    """Which identifiers agreed."""

    def with_order_priority(self, order_priority: str) -> "Matched":
        """The same patient, with the priority of this study's order."""
        return replace(self, context=replace(self.context, order_priority=order_priority))


@dataclass(frozen=True, slots=True)
class NotFlagged:
    """No flagged patient has these identifiers."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The identifiers contradict each other; a person has to look."""

    reason: str


Match = Matched | NotFlagged | Contradiction


def find_patient(session: Session, study: Study) -> Match:
    """The flagged patient of a study, by Patient ID, issuer and birth date."""
    if study.has_identity_conflict:
        return Contradiction("The objects of the study name more than one patient.")
    candidates = flagged_under(session, study.patient_id, study.issuer)
    if not candidates:
        return NotFlagged()
    if len(candidates) > 1:
        return Contradiction("Patients of several issuers are flagged under this patient ID.")
    context: PatientContext = from_plain(PatientContext, candidates[0].context)
    if study.birth_date and context.birth_date and study.birth_date != context.birth_date:
        return Contradiction("The birth date in the images differs from the registry's.")
    return Matched(context, _agreed(study, context))


def flagged_under(session: Session, patient_id: str, issuer: str) -> Sequence[CohortPatient]:
    """Whoever is flagged under a Patient ID; of another issuer that both sides name is nobody."""
    if not patient_id:
        return ()
    flagged = select(CohortPatient).where(
        CohortPatient.patient_id == patient_id, CohortPatient.removed_at.is_(None)
    )
    found = session.scalars(flagged.order_by(CohortPatient.id)).all()
    same_issuer = [patient for patient in found if patient.issuer == issuer]
    if issuer and same_issuer:
        return same_issuer
    return [patient for patient in found if not (patient.issuer and issuer)]


def _agreed(study: Study, context: PatientContext) -> tuple[str, ...]:
    pairs = {
        "patient ID": (study.patient_id, study.patient_id),
        "issuer": (study.issuer, context.issuer),
        "birth date": (study.birth_date, context.birth_date),
    }
    return tuple(name for name, (ours, theirs) in pairs.items() if ours and ours == theirs)
