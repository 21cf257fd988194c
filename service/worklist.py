"""The worklist: the studies of flagged patients, most urgent first, with the ageing guard. It only ever raises."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from rules.ageing import Shown
from rules.codec import from_plain
from rules.cohort import DeclineCode
from rules.context import PatientContext
from rules.decision import Decision
from rules.policy import Policy
from rules.urgency import Priority
from service.ageing import shown
from service.matching import Contradiction, NotFlagged, find_patient
from service.store.tables import Delivery, Job, Study
from service.verdicts import read_at


class Status(StrEnum):
    """How far a study has come."""

    SETTLING = "settling"
    """Images may still arrive."""
    RECEIVED = "received"
    """It waits for a worker."""
    ANALYSING = "analysing"
    DECIDED = "decided"
    NOT_ASSESSED = "not assessed"
    FAILED = "failed"
    """No result after all tries: a person has to look."""
    NOT_ANALYSED = "not analysed"
    """Declined at the gate although the patient is, or may be, flagged."""
    NOT_FLAGGED = "not flagged"


_WITHOUT_RESULT = {
    Status.SETTLING: "images may still arrive",
    Status.RECEIVED: "waits for analysis",
    Status.ANALYSING: "is being analysed",
    Status.FAILED: "not assessed: no result from the analysis",
    Status.NOT_FLAGGED: "not flagged: position untouched",
}
_DECLINED = {
    DeclineCode.IDENTITY_MISMATCH.value: "identity mismatch: not analysed",
    DeclineCode.NOT_MR_HEAD.value: "not analysed: no MR of the head",
    DeclineCode.TOO_YOUNG.value: "not analysed: patient too young for the checks",
}
_ORDER = (Priority.P1, Priority.P2, None, Priority.P3, Priority.P4)
"""Without a priority anything is still possible, so such studies stand before the expedited ones."""


@dataclass(frozen=True, slots=True)
class Row:
    """One study of the worklist."""

    study_instance_uid: str
    patient_id: str
    accession_number: str
    status: Status
    priority: Priority | None
    """The most urgent of the study's results; None while there is none."""
    shown: Shown | None
    """Where its age puts it (rules.ageing); None while there is no result. The list is in this order."""
    could_be: Priority | None
    """What the open patterns could still ask for."""
    headline: str
    day_after_infusion: int | None
    icans_grade: int | None
    """As the decision was given it; None is unknown."""
    deliveries: int
    deliveries_stored: int
    received_at: datetime
    decided_at: datetime | None


def worklist(
    session: Session, policy: Policy, now: datetime, *, days: int, with_unflagged: bool = False
) -> list[Row]:
    """The studies received within `days`, by shown priority, then the oldest first; unflagged ones last, on request.

    policy : in force (service.gate.policy_in_force), for the limits of the ageing guard; now : aware
    """
    recent = select(Study).where(Study.last_received_at >= now - timedelta(days=days))
    studies = session.scalars(recent.options(selectinload(Study.jobs))).all()
    sent = _deliveries(session)
    rows = [
        _row(session, study, shown(study.jobs, policy, read_at(session, study.jobs) or now), sent)
        for study in studies
    ]
    if not with_unflagged:
        rows = [row for row in rows if row.status is not Status.NOT_FLAGGED]
    return sorted(rows, key=_rank)


def row_of(session: Session, study: Study, place: Shown | None) -> Row:
    """One study of the list, flagged or not.

    place : what `service.ageing.shown` says of its jobs
    """
    return _row(session, study, place, _deliveries(session, [job.job_id for job in study.jobs]))


def rank_of(place: Shown | None) -> int:
    """Where a study stands in the list, 0 first; without a result anything is still possible."""
    priority, is_raised = place.place if place else (None, False)
    return 2 * _ORDER.index(priority) + is_raised


def _rank(row: Row) -> tuple[bool, int, datetime]:
    return row.status is Status.NOT_FLAGGED, rank_of(row.shown), row.received_at


def _row(session: Session, study: Study, place: Shown | None, sent: dict[str, tuple[int, int]]) -> Row:
    asked = [job for job in study.jobs if job.state != "declined"]
    done = next((job for job in reversed(asked) if job.state == "done"), None)
    decision: Decision | None = from_plain(Decision, (done.triaged or {})["decision"]) if done else None
    context: PatientContext = (
        from_plain(PatientContext, (asked[-1].ready or {})["context"]) if asked else PatientContext()
    )
    status, headline = _standing(session, study, asked, decision)
    grade = context.icans_grade
    stored, owed = sent.get(done.job_id, (0, 0)) if done else (0, 0)
    return Row(
        study_instance_uid=study.study_instance_uid,
        patient_id=study.patient_id,
        accession_number=study.accession_number,
        status=status,
        priority=place.decided if place else None,
        shown=place,
        could_be=decision.could_be if decision else None,
        headline=headline,
        day_after_infusion=_day(study, context, decision),
        icans_grade=grade.value if grade else None,
        deliveries=owed,
        deliveries_stored=stored,
        received_at=study.received_at,
        decided_at=done.done_at if done else None,
    )


def _standing(
    session: Session, study: Study, asked: Sequence[Job], decision: Decision | None
) -> tuple[Status, str]:
    """Status and headline. A result stays in sight while a newer one is on its way."""
    if not asked and not study.jobs:
        return _arriving(session, study)
    if not asked:
        code = study.jobs[-1].decline_code
        if code == DeclineCode.NOT_FLAGGED:
            return Status.NOT_FLAGGED, _WITHOUT_RESULT[Status.NOT_FLAGGED]
        return Status.NOT_ANALYSED, _DECLINED.get(code, "not analysed")
    status = _progress(study, asked[-1], decision)
    return status, decision.headline if decision else _WITHOUT_RESULT[status]


def _progress(study: Study, latest: Job, decision: Decision | None) -> Status:
    if latest.state == "failed":
        return Status.FAILED
    if latest.state == "owed":
        return Status.ANALYSING if latest.rings else Status.RECEIVED
    if study.is_open:
        return Status.SETTLING
    return Status.DECIDED if decision and decision.is_assessed else Status.NOT_ASSESSED


def _arriving(session: Session, study: Study) -> tuple[Status, str]:
    found = find_patient(session, study)
    if isinstance(found, NotFlagged):
        return Status.NOT_FLAGGED, _WITHOUT_RESULT[Status.NOT_FLAGGED]
    if isinstance(found, Contradiction):
        return Status.SETTLING, _DECLINED[DeclineCode.IDENTITY_MISMATCH.value]
    return Status.SETTLING, _WITHOUT_RESULT[Status.SETTLING]


def _day(study: Study, context: PatientContext, decision: Decision | None) -> int | None:
    if decision and decision.day_after_infusion is not None:
        return decision.day_after_infusion
    if context.infusion_date is None or study.study_date is None:
        return None
    return (study.study_date - context.infusion_date).days


def _deliveries(session: Session, jobs: Sequence[str] | None = None) -> dict[str, tuple[int, int]]:
    """Job to (arrived, all) of the deliveries of its reports and notices; of some jobs, or of all."""
    counted = (
        select(
            Delivery.job_id,
            func.count().filter(Delivery.state.in_(("stored", "proven"))),
            func.count(),
        )
        .where(Delivery.job_id.is_not(None), Delivery.state != "dropped")
        .group_by(Delivery.job_id)
    )
    if jobs is not None:
        counted = counted.where(Delivery.job_id.in_(jobs))
    return {job_id: (stored, owed) for job_id, stored, owed in session.execute(counted) if job_id}
