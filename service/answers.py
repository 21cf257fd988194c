"""What people answer: alerts taken note of, and results assessed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import from_plain
from rules.decision import Decision, Status
from rules.policy import Policy
from rules.urgency import Priority
from service import audit
from service.ageing import shown
from service.errors import ServiceError
from service.store.desk_tables import Acknowledgement, Assessment
from service.store.tables import Job, Study

MAX_TEXT = 2000
_NO_PATTERN = ("R13", "R14", "R19", "R20")
"""Rules that tell of no pattern in the images: motor signs, no pattern, not assessable, CT."""


class Verdict(StrEnum):
    """What a radiologist says of a result."""

    AGREE = "agree"
    DISAGREE = "disagree"
    OTHER = "other"
    """Something else was found."""


class AnswerError(ServiceError):
    """The answer cannot be taken."""


class NoResultError(AnswerError):
    """The study has no result yet."""


class NewerResultError(AnswerError):
    """A newer result came in the meantime: look at it before you answer."""


class TextNeededError(AnswerError):
    """Say in a few words what you saw."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A radiologist's assessment of the result that they saw."""

    study_instance_uid: str
    job_id: str
    verdict: Verdict
    text: str
    user_name: str


def acknowledge(
    session: Session, study_instance_uid: str, user_name: str, policy: Policy, now: datetime
) -> Acknowledgement:
    """Take note of a study's alert. Once acknowledged at this priority or a higher one, nothing changes.

    Raises NoResultError.
    """
    study = session.get(Study, study_instance_uid, with_for_update=True)
    place = shown(study.jobs, policy, now) if study else None
    if study is None or place is None:
        raise NoResultError
    held = select(Acknowledgement).where(
        Acknowledgement.study_instance_uid == study_instance_uid,
        Acknowledgement.priority <= place.decided.value,
    )
    known = session.scalars(held.order_by(Acknowledgement.id).limit(1)).first()
    if known is not None:
        return known
    alert = next(job for job in study.jobs if job.priority == place.decided.value)
    waited = (now - (alert.done_at or alert.created_at)).total_seconds()
    target = policy.target_minutes.get(place.decided)
    made = Acknowledgement(
        study_instance_uid=study_instance_uid,
        job_id=alert.job_id,
        priority=place.decided.value,
        user_name=user_name,
        at=now,
        seconds=waited,
        target_seconds=target * 60 if target else None,
    )
    session.add(made)
    audit.record(
        session,
        "alert_acknowledged",
        study_instance_uid,
        user_name,
        now,
        job_id=alert.job_id,
        priority=place.decided,
        seconds=round(waited, 1),
        target_seconds=made.target_seconds,
        after=f"after {waited / 60:.1f} min",
    )
    return made


def assess(session: Session, answer: Answer, policy: Policy, now: datetime) -> Assessment:
    """Keep a radiologist's assessment; it acknowledges the alert too. The result itself stays as it is.

    Raises NoResultError, NewerResultError if it is not the latest result, TextNeededError.
    """
    latest = session.scalars(
        select(Job)
        .where(Job.study_instance_uid == answer.study_instance_uid, Job.state == "done")
        .order_by(Job.id.desc())
        .limit(1)
    ).first()
    if latest is None:
        raise NoResultError
    if latest.job_id != answer.job_id:
        raise NewerResultError
    text = answer.text.strip()[:MAX_TEXT]
    if answer.verdict is not Verdict.AGREE and not text:
        raise TextNeededError
    acknowledge(session, answer.study_instance_uid, answer.user_name, policy, now)
    decision: Decision = from_plain(Decision, (latest.triaged or {})["decision"])
    made = Assessment(
        study_instance_uid=answer.study_instance_uid,
        job_id=latest.job_id,
        user_name=answer.user_name,
        at=now,
        verdict=answer.verdict.value,
        text=text,
        is_positive=is_positive(decision),
    )
    session.add(made)
    audit.record(
        session,
        "assessment_given",
        answer.study_instance_uid,
        answer.user_name,
        now,
        job_id=latest.job_id,
        verdict=answer.verdict,
        text=text,
        priority=decision.priority,
        present=[pattern.rule for pattern in decision.patterns if pattern.status is Status.PRESENT],
    )
    return made


def is_positive(decision: Decision) -> bool:
    """Whether the images showed a pattern that asks for an earlier reading."""
    return any(
        pattern.status is Status.PRESENT
        and pattern.rule not in _NO_PATTERN
        and pattern.priority in (Priority.P1, Priority.P2, Priority.P3)
        for pattern in decision.patterns
    )
