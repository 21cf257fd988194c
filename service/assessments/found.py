"""Assessments with the result that each of them is about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import MessageError, from_plain, to_plain
from rules.decision import Decision, Status
from rules.messages import ReportKind
from service.errors import ServiceError
from service.store.desk_tables import Account, Assessment
from service.store.tables import Job, Report


class NoAssessmentError(ServiceError):
    """There is no such assessment."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """One assessment, the result's decision (None if another version wrote it so that it cannot be read) and its SR."""

    given: Assessment
    full_name: str
    job: Job
    decision: Decision | None
    report: Report | None


def assessments(
    session: Session, study_instance_uid: str = "", since: datetime | None = None, number: int | None = None
) -> Sequence[Assessed]:
    """The assessments that fit, oldest first; an empty argument asks nothing."""
    wanted = select(Assessment).order_by(Assessment.id)
    if study_instance_uid:
        wanted = wanted.where(Assessment.study_instance_uid == study_instance_uid)
    if since is not None:
        wanted = wanted.where(Assessment.at >= since)
    if number is not None:
        wanted = wanted.where(Assessment.id == number)
    return tuple(_with_result(session, session.scalars(wanted).all()))


def one_assessment(session: Session, study_instance_uid: str, number: int) -> Assessed:
    """A study's assessment by its number.

    Raises NoAssessmentError.
    """
    found = assessments(session, study_instance_uid, number=number)
    if not found:
        raise NoAssessmentError
    return found[0]


def plain(assessed: Assessed) -> dict[str, Any]:
    """For JSON. Study and result by UID, the reader by name; nothing else of the patient."""
    given, decision, report = assessed.given, assessed.decision, assessed.report
    return {
        "assessment": given.id,
        "study_instance_uid": given.study_instance_uid,
        "verdict": given.verdict,
        "text": given.text,
        "assessed_by": given.user_name,
        "assessed_at": given.at.isoformat(),
        "result": {
            "job_id": assessed.job.job_id,
            "snapshot": assessed.job.snapshot,
            "decided_at": assessed.job.done_at.isoformat() if assessed.job.done_at else None,
            "sop_class_uid": report.sop_class_uid if report else None,
            "sop_instance_uid": report.sop_instance_uid if report else None,
            "priority": assessed.job.priority,
            "headline": decision.headline if decision else None,
            "patterns_present": present(decision),
            "was_positive": given.is_positive,
            "policy": to_plain(decision.policy) if decision else None,
            "versions": (assessed.job.triaged or {}).get("versions", {}),
        },
    }


def present(decision: Decision | None) -> list[str]:
    """Rules whose pattern the result called present."""
    return [one.rule for one in decision.patterns if one.status is Status.PRESENT] if decision else []


def _with_result(session: Session, given: Sequence[Assessment]) -> Iterator[Assessed]:
    for one in given:
        job = session.scalars(select(Job).where(Job.job_id == one.job_id)).one()
        report = session.scalars(
            select(Report).where(Report.job_id == one.job_id, Report.kind == ReportKind.SR.value).limit(1)
        ).first()
        account = session.get(Account, one.user_name)
        yield Assessed(one, account.full_name if account else one.user_name, job, _decision(job), report)


def _decision(job: Job) -> Decision | None:
    try:
        decision: Decision = from_plain(Decision, (job.triaged or {}).get("decision"))
    except MessageError:
        return None
    return decision
