"""The bell: hands owed jobs over to the workers, and rings again until each has its result.

The queue is only a doorbell, the rows are the truth. A ring counts against a job unless its message still waits, untouched,
in the queue: a long queue must never make a study `not assessed`. A message that a worker took (it may run, hang or be dead) or
that is gone (the broker lost it) counts, after a wait that doubles with each ring.
"""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import from_plain, to_plain
from rules.messages import TRIAGE_STUDY, WORKER_QUEUE, ResultState, StudyReady
from service.audit import record
from service.broker import BROKER_ERRORS, BrokerDownError, task_id, waiting_jobs
from service.courier import make_app
from service.errors import StoreUnavailableError
from service.gate import beside_earlier
from service.rounds import go_round
from service.settings import Settings
from service.store.session import Store, open_store
from service.store.tables import Job
from service.warming import warm_due

ACTOR = "courier"

_POLL_S = 0.5
"""How soon a newly owed job is noticed."""
_BATCH = 50
_LONGEST_WAIT_S = 3600.0
_PROVISIONAL_PATIENCE = timedelta(seconds=20)
"""Longest time that a study's result waits for its provisional one."""
_BACK_OFF_MAX_S = 10.0
"""Longest wait for a broker or a database that is down: when it returns, work goes on within this."""

_log = structlog.get_logger()


def ring_due(store: Store, app: Celery, settings: Settings, now: datetime) -> int:
    """Hand over every job that is due at `now`; returns how many were sent.

    A job that was never answered is sent without analysis after `maximum_rings`, and marked failed after
    `maximum_unanalysed_rings` more.

    Raises BrokerDownError if the broker does not answer (nothing is counted against the jobs that were not sent), or
    StoreUnavailableError.
    """
    due = _due(store, now)
    # Only a job that was rung before can wait in the queue; looking costs a read of the whole queue.
    waiting = waiting_jobs(app, WORKER_QUEUE) if any(job.rings for job in due) else set()
    return sum(_serve(store, app, settings, job, now=now, is_waiting=job.job_id in waiting) for job in due)


def run_bell(settings: Settings, stop: threading.Event) -> None:
    """Ring for owed jobs until `stop` is set; outlives a broker or a database that is down."""
    app, store = make_app(settings), open_store(settings)

    def ring(now: datetime) -> None:
        ring_due(store, app, settings, now)
        warm_due(store, app, settings, now)

    troubles = (BrokerDownError, StoreUnavailableError)
    go_round(ring, stop, "ringing_postponed", every_s=_POLL_S, longest_s=_BACK_OFF_MAX_S, troubles=troubles)
    store.close()


def _due(store: Store, now: datetime) -> Sequence[Job]:
    """Owed jobs whose time has come, new ones first: a job that crashes its workers must not starve the others."""
    with store.reading() as session:
        owed = select(Job).where(Job.state == "owed", Job.ring_at <= now)
        return session.scalars(owed.order_by(Job.rings, Job.ring_at, Job.id).limit(_BATCH)).all()


def _serve(
    store: Store, app: Celery, settings: Settings, job: Job, *, now: datetime, is_waiting: bool
) -> bool:
    if is_waiting:
        _note(store, job, {"ring_at": now + _wait(settings, job.rings - 1)})
        return False
    if job.rings >= settings.maximum_rings + settings.maximum_unanalysed_rings or job.ready is None:
        _give_up(store, job, now)
        return False
    if _is_overtaken(store, job):
        changes = {"state": "declined", "decline_code": "overtaken", "ring_at": None}
        _note(store, job, changes, event="provisional_overtaken", now=now)
        return False
    is_analysis_allowed = job.rings < settings.maximum_rings
    ready = job.ready
    if job.rings == 0:
        if _is_provisional_coming(store, job, now):
            return False
        ready = _beside_earlier(store, job)
    # No transaction is open while the broker is asked: it may take its time.
    _send(app, job, {**ready, "is_analysis_allowed": is_analysis_allowed})
    _note(
        store,
        job,
        {"rings": job.rings + 1, "ring_at": now + _wait(settings, job.rings)},
        event="study_handed_over" if job.rings == 0 else "study_rung_again",
        now=now,
        is_analysis_allowed=is_analysis_allowed,
    )
    return True


def _is_provisional_coming(store: Store, job: Job, now: datetime) -> bool:
    """Whether a provisional result of the study is still being made, which this one has to name as its predecessor.

    It is before this one in the queue, and makes what this one needs: waiting for it, within limits, costs next to nothing.
    """
    if now - job.created_at > _PROVISIONAL_PATIENCE or _is_provisional(job):
        return False
    before = select(Job).where(
        Job.study_instance_uid == job.study_instance_uid, Job.state == "owed", Job.id < job.id
    )
    with store.reading() as session:
        return any(_is_provisional(one) for one in session.scalars(before))


def _is_overtaken(store: Store, job: Job) -> bool:
    """Whether a provisional result is asked for of a study that has its result as a whole: it would come after it, and say less."""
    if not _is_provisional(job):
        return False
    done = select(Job).where(
        Job.study_instance_uid == job.study_instance_uid, Job.state == "done", Job.id > job.id
    )
    with store.reading() as session:
        return any(not _is_provisional(one) for one in session.scalars(done))


def _is_provisional(job: Job) -> bool:
    return (job.ready or {}).get("state") == ResultState.PROVISIONAL


def _beside_earlier(store: Store, job: Job) -> dict[str, Any]:
    """The job's message, beside the results that its study has by now; kept, so that every ring is the same."""
    with store.session() as session:
        row = _still_owed(session, job)
        if row is None:
            return job.ready or {}
        row.ready = to_plain(beside_earlier(session, from_plain(StudyReady, row.ready)))
        return row.ready or {}


def _wait(settings: Settings, rings: int) -> timedelta:
    return timedelta(seconds=min(settings.ring_again_s * 2**rings, _LONGEST_WAIT_S))


def _send(app: Celery, job: Job, ready: dict[str, Any]) -> None:
    try:
        app.send_task(
            TRIAGE_STUDY,
            args=[ready],
            queue=WORKER_QUEUE,
            task_id=task_id(job.job_id, job.rings + 1),
            retry=False,
        )
    except BROKER_ERRORS as error:
        raise BrokerDownError(type(error).__name__) from error


def _give_up(store: Store, job: Job, now: datetime) -> None:
    _note(store, job, {"state": "failed", "ring_at": None}, event="job_failed", now=now)
    _log.error("job_failed", study_instance_uid=job.study_instance_uid, job_id=job.job_id, rings=job.rings)


def _note(
    store: Store,
    job: Job,
    changes: dict[str, Any],
    event: str = "",
    now: datetime | None = None,
    **detail: Any,
) -> None:
    """Change the job's row, unless its result came in the meantime."""
    with store.session() as session:
        row = _still_owed(session, job)
        if row is None:
            return
        for name, value in changes.items():
            setattr(row, name, value)
        if event and now is not None:
            record(
                session,
                event,
                row.study_instance_uid,
                ACTOR,
                now,
                job_id=row.job_id,
                rings=row.rings,
                **detail,
            )


def _still_owed(session: Session, job: Job) -> Job | None:
    return session.scalar(select(Job).where(Job.id == job.id, Job.state == "owed").with_for_update())
