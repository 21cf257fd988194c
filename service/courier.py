"""The courier: brings the workers' results home, into rows, outbox and trail, in one transaction."""

import socket
import threading
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import structlog
from celery import Celery, Task
from celery.signals import setup_logging
from celery.worker import state
from kombu import Queue
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.codec import MessageError, from_plain, to_plain
from rules.decision import Status
from rules.identity import digest_of
from rules.messages import (
    COURIER_QUEUE,
    SERIES_RECOGNISED,
    STUDY_TRIAGED,
    ReportFile,
    SeriesRecognised,
    StudyTriaged,
)
from service.audit import record
from service.errors import StoreUnavailableError
from service.routing import owe_result
from service.settings import Settings
from service.store.session import Store, open_store
from service.store.tables import Job, Report
from service.warming import recognise

ACTOR = "courier"

_PUBLISH_TIMEOUT_S = 5
"""A broker that does not answer within this is down; the bell backs off."""
_RETRY_S = 5
"""Wait before a result is taken up again when the database did not answer."""
_OWN_KEYS = {
    # kombu keeps the unacknowledged messages of a whole Redis in one hash, and each consumer restores all of it after
    # its own visibility timeout: ours would hand the workers' long tasks out a second time.
    "unacked_key": "cartriage.courier.unacked",
    "unacked_index_key": "cartriage.courier.unacked_index",
    "unacked_mutex_key": "cartriage.courier.unacked_mutex",
    "visibility_timeout": 120,
}

_log = structlog.get_logger()


class Taken(StrEnum):
    """What became of a result."""

    STORED = "study_triaged"
    IMPROVED = "study_triaged_after_failure"
    """The job had only a `not assessed` from failed analyses; now an analysis came through after all."""
    REPEATED = "result_repeated"
    """The job has its result; this one changes nothing."""
    UNKNOWN = "result_unknown"
    """No such job, or one that was never handed over."""


def make_app(settings: Settings) -> Celery:
    """The service's Celery application; it knows the workers' task by name only. Nothing is connected yet."""
    app = Celery("cartriage.service", broker=settings.broker, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_queues=[Queue(COURIER_QUEUE)],
        task_default_queue=COURIER_QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            **_OWN_KEYS,
            "socket_timeout": _PUBLISH_TIMEOUT_S,
            "socket_connect_timeout": _PUBLISH_TIMEOUT_S,
            "retry_on_timeout": False,
            # Of a single look or ring: the bell has its own patience.
            "max_retries": 1,
            "interval_start": 0,
        },
        timezone="UTC",
    )
    return app


def register(app: Celery, store: Store, settings: Settings) -> None:
    """Give the application its tasks: take a result, and note what series a study has that still arrives."""

    # Not shared: Celery would give the task to every other application in the process too.
    @app.task(name=STUDY_TRIAGED, bind=True, max_retries=None, shared=False)
    def study_triaged(task: Task, message: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        try:
            triaged = _parsed(message, store, now)
            if triaged is not None:
                taken = take(store, triaged, settings, now)
                _log.info(taken.value, study_instance_uid=triaged.study_instance_uid, job_id=triaged.job_id)
        except StoreUnavailableError as error:
            _log.warning("result_postponed", error=error.detail)
            raise task.retry(countdown=_RETRY_S) from error

    @app.task(name=SERIES_RECOGNISED, shared=False)
    def series_recognised(message: dict[str, Any]) -> None:
        try:
            told: SeriesRecognised = from_plain(SeriesRecognised, message)
            recognise(store, told)
        except (MessageError, StoreUnavailableError) as error:
            # It only hastens a result: the study is answered without it.
            _log.warning("series_not_recognised", error=type(error).__name__)
        else:
            _log.info("series_recognised", study_instance_uid=told.study_instance_uid, series=len(told.roles))


def take(store: Store, triaged: StudyTriaged, settings: Settings, now: datetime) -> Taken:
    """Turn a result into rows, outbox and trail, in one transaction. The same result twice changes nothing.

    Raises StoreUnavailableError if the database does not answer.
    """
    with store.session() as session:
        job = session.scalar(select(Job).where(Job.job_id == triaged.job_id).with_for_update())
        taken = _judge(job, triaged)
        if job is not None and taken in (Taken.STORED, Taken.IMPROVED):
            _close(job, triaged, now)
            session.flush()
            for report in triaged.reports:
                _keep(session, report, triaged)
            owe_result(session, triaged, settings, now)
        if taken is not Taken.REPEATED or (job is not None and job.triaged != to_plain(triaged)):
            _tell(session, taken, triaged, now)
    return taken


def run_courier(settings: Settings, stop: threading.Event) -> None:
    """Take results until `stop` is set; Celery's own handlers of SIGTERM and SIGINT end it too."""
    app, store = make_app(settings), open_store(settings)
    register(app, store, settings)
    # With a receiver, Celery leaves logging as service.logs set it up.
    setup_logging.connect(_leave_logging, weak=False)
    threading.Thread(target=_end_worker, args=(stop,), daemon=True).start()
    arguments = {
        "pool": "solo",
        "loglevel": "INFO",
        "quiet": True,
        "hostname": f"{ACTOR}@{socket.gethostname()}",
    }
    worker = app.Worker(without_gossip=True, without_mingle=True, without_heartbeat=True, **arguments)
    worker.start()
    store.close()
    if worker.exitcode:
        raise SystemExit(worker.exitcode)


def _parsed(message: dict[str, Any], store: Store, now: datetime) -> StudyTriaged | None:
    """The result in a message; one that cannot be read is told in log and trail, and never comes again.

    Its job stays owed, so the bell asks the workers anew and a person sees it in the end.
    """
    try:
        parsed: StudyTriaged = from_plain(StudyTriaged, message)
    except MessageError:
        # The error's text may quote a value of the message, so only its shape is told.
        fields = sorted(message) if isinstance(message, dict) else [type(message).__name__]
        _log.error("result_unreadable", fields=fields[:30])
        with store.session() as session:
            record(session, "result_unreadable", None, ACTOR, now, fields=fields[:30])
        return None
    return parsed


def _judge(job: Job | None, triaged: StudyTriaged) -> Taken:
    if job is None or job.state == "declined" or job.study_instance_uid != triaged.study_instance_uid:
        return Taken.UNKNOWN
    if job.state != "done":
        return Taken.STORED
    had_failed = bool((job.triaged or {}).get("failure"))
    return Taken.IMPROVED if had_failed and not triaged.failure else Taken.REPEATED


def _close(job: Job, triaged: StudyTriaged, now: datetime) -> None:
    job.state = "done"
    job.triaged = to_plain(triaged)
    job.priority = triaged.decision.priority.value
    job.ring_at = None
    job.done_at = now


def _keep(session: Session, file: ReportFile, triaged: StudyTriaged) -> None:
    report = session.get(Report, file.sop_instance_uid) or Report(sop_instance_uid=file.sop_instance_uid)
    report.job_id = triaged.job_id
    report.kind = file.kind.value
    report.sop_class_uid = file.sop_class_uid
    report.series_instance_uid = file.series_instance_uid
    report.transfer_syntax_uid = file.transfer_syntax_uid
    report.path = file.path
    report.sha256 = file.sha256
    session.add(report)


def _tell(session: Session, taken: Taken, triaged: StudyTriaged, now: datetime) -> None:
    decision = triaged.decision
    record(
        session,
        taken.value,
        triaged.study_instance_uid,
        ACTOR,
        now,
        job_id=triaged.job_id,
        snapshot=triaged.snapshot,
        priority=decision.priority,
        is_assessed=decision.is_assessed,
        sentences=decision.sentences,
        present=[pattern.rule for pattern in decision.patterns if pattern.status is Status.PRESENT],
        open=[pattern.rule for pattern in decision.patterns if pattern.status is Status.OPEN],
        absent=[pattern.rule for pattern in decision.patterns if pattern.status is Status.ABSENT],
        policy=decision.policy,
        reports=[report.sop_instance_uid for report in triaged.reports],
        versions=triaged.versions,
        result_digest=digest_of(triaged),
        failure=triaged.failure,
    )


def _end_worker(stop: threading.Event) -> None:
    stop.wait()
    state.should_stop = 0


def _leave_logging(**_: Any) -> None:
    """Receive Celery's signal, so that it does not set up logging itself."""
