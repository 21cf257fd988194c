"""The tasks of a worker: one study in, its result out, whatever happens in between; and work ahead of a study that still arrives."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import SoftTimeLimitExceeded

from rules.codec import from_plain, to_plain
from rules.findings import Why
from rules.messages import (
    COURIER_QUEUE,
    SERIES_RECOGNISED,
    STUDY_TRIAGED,
    TRIAGE_STUDY,
    WARM_QUEUE,
    WARM_SERIES,
    WORKER_QUEUE,
    SeriesReady,
    SeriesRecognised,
    StudyReady,
    StudyTriaged,
)
from rules.policy import Policy
from rules.site import load_policy
from workers.analysis import Analysis
from workers.cache import Cache
from workers.errors import GaveWay, PolicyMismatchError
from workers.images import Images
from workers.imaging.volume import Volume
from workers.pipeline import Places, triage
from workers.settings import WorkerSettings
from workers.showing import Room, readable, write_volumes
from workers.warming import warm

_log = structlog.get_logger()


def register(app: Celery, settings: WorkerSettings) -> None:
    """Give the application its tasks: triage a study, and warm the cache for one that still arrives."""

    @app.task(name=TRIAGE_STUDY, shared=False)
    def triage_study(message: dict[str, Any]) -> None:
        try:
            ready = from_plain(StudyReady, message)
            with structlog.contextvars.bound_contextvars(
                study_instance_uid=ready.study_instance_uid, job_id=ready.job_id
            ):
                _answer(app, settings, ready)
        except Exception:
            # Celery's own line would quote the message; the courier rings again, and a person sees where it ends.
            _log.exception("triage_not_answered")
            raise

    # Taken from the queue only when it ends, so that no study waits in the hands of a busy worker; but never handed out again: what
    # kills its process must not come back.
    @app.task(
        name=WARM_SERIES,
        bind=True,
        shared=False,
        reject_on_worker_lost=False,
        soft_time_limit=settings.task_soft_limit_s,
    )
    def warm_series(task: Task, message: dict[str, Any]) -> None:
        if task.request.delivery_info.get("redelivered"):
            return
        try:
            ready = from_plain(SeriesReady, message)
            with structlog.contextvars.bound_contextvars(study_instance_uid=ready.study_instance_uid):
                _warm(app, settings, ready)
        except Exception as error:
            _log.warning("warming_failed", error=type(error).__name__)


def _warm(app: Celery, settings: WorkerSettings, ready: SeriesReady) -> None:
    def tell(told: SeriesRecognised) -> None:
        app.send_task(SERIES_RECOGNISED, args=[to_plain(told)], queue=COURIER_QUEUE)

    try:
        stages = warm(ready, settings, _policy(settings.site_policy), tell, partial(_give_way, app))
    except GaveWay:
        # What is in the cache stays; the rest is tried again when no study waits.
        app.send_task(WARM_SERIES, args=[to_plain(ready)], queue=WARM_QUEUE, expires=ready.until)
        _log.info("warming_gave_way")
    else:
        _log.info("warmed", seconds=round(sum(one.seconds for one in stages.times), 1))


def _give_way(app: Celery) -> None:
    """Raises GaveWay if a study waits for a worker."""
    with app.connection_for_read() as connection:
        if connection.default_channel.client.llen(WORKER_QUEUE):
            raise GaveWay


def _answer(app: Celery, settings: WorkerSettings, ready: StudyReady) -> None:
    with _only_one(settings.files / "locks", ready.job_id) as is_mine:
        if not is_mine:
            # The same job is at work in another process, which will answer; if it dies, the courier rings again.
            _log.info("triage_already_running")
            return
        seen: list[tuple[Images, Analysis]] = []
        triaged = run(ready, settings, _policy(settings.site_policy), lambda *found: seen.append(found))
    app.send_task(STUDY_TRIAGED, args=[to_plain(triaged)], queue=COURIER_QUEUE)
    _log.info("triage_done", priority=triaged.decision.priority.value, failure=triaged.failure)
    if seen and settings.volumes_limit_mb:
        _leave_volumes(ready, settings, seen[-1], partial(_give_way, app))


def _leave_volumes(
    ready: StudyReady,
    settings: WorkerSettings,
    seen: tuple[Images, Analysis],
    give_way: Callable[[], None],
) -> None:
    """For the study page, after the answer: nobody waits for them, and what goes wrong costs the page its volumes, not the result."""
    begun, (images, analysis) = time.monotonic(), seen
    try:
        room = Room(settings.volumes_limit_mb << 20, settings.disk_watermark_mb * 1_000_000)
        job = (ready.study_instance_uid, ready.job_id)
        volumes = _while_none_waits(readable(images.series), give_way)
        count = write_volumes(volumes, analysis.results, settings.files, job, room)
    except Exception as error:
        _log.warning("volumes_not_left", error=type(error).__name__)
    else:
        _log.info("volumes_left", volumes=count, seconds=round(time.monotonic() - begun, 1))


def _while_none_waits(volumes: Iterator[Volume], give_way: Callable[[], None]) -> Iterator[Volume]:
    """Volumes until a study waits for the worker: the page then has those that are done, and key slices of the rest."""
    try:
        give_way()
        for volume in volumes:
            yield volume
            give_way()
    except GaveWay:
        _log.info("volumes_gave_way")


@cache
def _policy(site: Path | None) -> Policy:
    """Read once, as the service does: another one holds from the next start on."""
    return load_policy(site=site)


def run(
    ready: StudyReady,
    settings: WorkerSettings,
    policy: Policy,
    show: Callable[[Images, Analysis], None] | None = None,
) -> StudyTriaged:
    """The result of one job; a crash or a time-out of the analysis becomes a visible `not assessed`.

    show : is handed the images and what was found in them, if they were analysed

    Raises PolicyMismatchError if the service decided on another policy than the one installed here.
    """
    if policy.digest != ready.policy_digest:
        raise PolicyMismatchError(ready.policy_digest[:12], policy.digest[:12])
    # Job identities are hexadecimal digests made by the service, never received UIDs.
    places = Places(
        settings.files,
        settings.files / "reports" / ready.job_id[:2] / ready.job_id,
        settings.models,
        has_contours=settings.overlay == "contour",
        has_segmentation=settings.segmentation,
    )
    cache = Cache(settings.cache, settings.cache_limit_mb << 20)
    if not ready.is_analysis_allowed:
        return triage(ready, places, policy, cache, failure=(Why.CRASH, "the workers died repeatedly"))
    try:
        return triage(ready, places, policy, cache, show=show)
    except SoftTimeLimitExceeded:
        _log.error("triage_timed_out")
        return triage(ready, places, policy, cache, failure=(Why.TIMEOUT, "SoftTimeLimitExceeded"))
    except Exception as error:
        if ready.earlier:
            _log.exception("comparison_failed", error=type(error).__name__)
            words = f"the comparison failed ({type(error).__name__})"
            return run(replace(ready, earlier=None, not_compared=words), settings, policy, show)
        # A bug must not hide a study: it is reported as not assessed, with the clinical floor, and the log has the stack.
        _log.exception("triage_failed", error=type(error).__name__)
        return triage(ready, places, policy, cache, failure=(Why.CRASH, type(error).__name__))


@contextmanager
def _only_one(folder: Path, job_id: str) -> Iterator[bool]:
    """Whether this process is the only one at this job. The lock dies with its process, so it is never stale."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{job_id}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
