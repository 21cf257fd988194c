"""The ageing guard at work: what each study of the list is shown as, and an event in the trail when its age raises it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.ageing import Shown, aged
from rules.policy import Policy
from rules.urgency import Priority, most_urgent
from service import audit
from service.store.session import Store
from service.store.tables import Job
from service.verdicts import read_at

ACTOR = "ageing guard"
_BATCH = 100

_log = structlog.get_logger(__name__)


def shown(jobs: Sequence[Job], policy: Policy, until: datetime) -> Shown | None:
    """Where a study with these jobs stands in the list; None without any result.

    jobs : all of one study; until : now, or when the study was read, which ends its wait.
    """
    given = [(Priority(job.priority), job.created_at) for job in jobs if job.priority]
    if not given:
        return None
    # A result that was overtaken while a later one was made still counts: the study never sinks.
    decided = most_urgent(*(priority for priority, _ in given))
    # Counted from the snapshot, not from the result: a slow analysis is part of the wait.
    since = min(at for priority, at in given if priority is decided)
    return aged(policy.targets, decided, since, until)


def note_aged(store: Store, policy: Policy, now: datetime) -> int:
    """Tell the trail of every study that its age has raised since the last call; returns how many.

    Each job is looked at once, when its limit has passed: called again, it tells nothing twice.

    Raises StoreUnavailableError.
    """
    return sum(_note(store, policy, job_id, now) for job_id in _late(store, policy, now))


def _late(store: Store, policy: Policy, now: datetime) -> list[str]:
    """Jobs whose limit has passed and that were not looked at since."""
    found: list[str] = []
    with store.reading() as session:
        for priority, limit in policy.targets.items():
            late = select(Job.job_id).where(
                Job.late_noted_at.is_(None),
                Job.priority == priority.value,
                Job.created_at < now - timedelta(minutes=limit.value),
            )
            found += session.scalars(late.order_by(Job.created_at).limit(_BATCH))
    return found


def _note(store: Store, policy: Policy, job_id: str, now: datetime) -> bool:
    with store.session() as session:
        job = session.scalars(
            select(Job).where(Job.job_id == job_id, Job.late_noted_at.is_(None)).with_for_update()
        ).first()
        if job is None:
            return False
        job.late_noted_at = now
        jobs = _of_study(session, job.study_instance_uid)
        place = shown(jobs, policy, read_at(session, jobs) or now)
        # The study rose meanwhile, or another job gave it this priority before: then that one tells it.
        if place is None or not place.is_raised or job is not _giver(jobs, place.decided):
            return False
        _tell(session, job, place, policy, now)
        return True


def _of_study(session: Session, study_instance_uid: str) -> Sequence[Job]:
    return session.scalars(
        select(Job).where(Job.study_instance_uid == study_instance_uid).order_by(Job.created_at, Job.id)
    ).all()


def _giver(jobs: Sequence[Job], priority: Priority) -> Job | None:
    """The first job whose result asked for this priority."""
    return next((job for job in jobs if job.priority == priority.value), None)


def _tell(session: Session, job: Job, place: Shown, policy: Policy, now: datetime) -> None:
    audit.record(
        session,
        "study_raised_by_age",
        job.study_instance_uid,
        ACTOR,
        now,
        job_id=job.job_id,
        decided=place.decided,
        shown=place.priority,
        waits_since=job.created_at,
        late_since=place.late_since,
        why=place.why,
        policy=policy.identity,
    )
    _log.info(
        "study_raised_by_age",
        study_instance_uid=job.study_instance_uid,
        decided=place.decided.value,
        shown=place.priority.value,
    )
