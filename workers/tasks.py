"""The task of a worker: one study in, its result out, whatever happens in between."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

from rules.codec import from_plain, to_plain
from rules.findings import Why
from rules.messages import COURIER_QUEUE, STUDY_TRIAGED, TRIAGE_STUDY, StudyReady, StudyTriaged
from rules.policy import Policy
from rules.site import load_policy
from workers.cache import Cache
from workers.errors import PolicyMismatchError
from workers.pipeline import Places, triage
from workers.settings import WorkerSettings

_log = structlog.get_logger()


def register(app: Celery, settings: WorkerSettings) -> None:
    """Give the application its one task."""

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


def _answer(app: Celery, settings: WorkerSettings, ready: StudyReady) -> None:
    with _only_one(settings.files / "locks", ready.job_id) as is_mine:
        if not is_mine:
            # The same job is at work in another process, which will answer; if it dies, the courier rings again.
            _log.info("triage_already_running")
            return
        triaged = run(ready, settings, _policy(settings.site_policy))
    app.send_task(STUDY_TRIAGED, args=[to_plain(triaged)], queue=COURIER_QUEUE)
    _log.info("triage_done", priority=triaged.decision.priority.value, failure=triaged.failure)


@cache
def _policy(site: Path | None) -> Policy:
    """Read once, as the service does: another one holds from the next start on."""
    return load_policy(site=site)


def run(ready: StudyReady, settings: WorkerSettings, policy: Policy) -> StudyTriaged:
    """The result of one job; a crash or a time-out of the analysis becomes a visible `not assessed`.

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
        return triage(ready, places, policy, cache)
    except SoftTimeLimitExceeded:
        _log.error("triage_timed_out")
        return triage(ready, places, policy, cache, failure=(Why.TIMEOUT, "SoftTimeLimitExceeded"))
    except Exception as error:
        if ready.earlier:
            _log.exception("comparison_failed", error=type(error).__name__)
            words = f"the comparison failed ({type(error).__name__})"
            return run(replace(ready, earlier=None, not_compared=words), settings, policy)
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
