"""`python -m workers`: a Celery worker with the settings of the environment, and as many processes as they say."""

import sys

import structlog
from celery.signals import worker_process_init
from pydantic import ValidationError

from rules.policy import PolicyError
from rules.site import load_policy
from workers.app import make_app
from workers.checks.registry import checks, unmeasured
from workers.logs import configure
from workers.models.card import ModelRefused
from workers.settings import WorkerSettings
from workers.tasks import register
from workers.threads import limit_threads, threads_for, threads_in_force

_log = structlog.get_logger()


def main() -> None:
    """Run until stopped."""
    settings = _settings()
    configure(settings.log_format)
    _refuse_what_cannot_work(settings)
    app = make_app(settings)
    register(app, settings)

    @worker_process_init.connect(weak=False)
    def start(**_: object) -> None:
        limit_threads(threads_for(settings.worker_threads, settings.workers))
        _log.info("worker_process_started", **threads_in_force())

    app.worker_main(
        [
            "worker",
            "--pool=prefork",
            f"--concurrency={settings.workers}",
            "--loglevel=INFO",
            "--without-gossip",
            "--without-mingle",
        ]
    )


def _settings() -> WorkerSettings:
    """What the environment says; without the wrong values themselves, for a URL holds a password."""
    try:
        return WorkerSettings()
    except ValidationError as wrong:
        sys.exit("\n".join(f"CARTRIAGE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in wrong.errors()))


def _refuse_what_cannot_work(settings: WorkerSettings) -> None:
    """Better not to start than to measure with something else than was asked for, or to leave a rule open for ever."""
    try:
        lacking = unmeasured(load_policy(site=settings.site_policy), checks(settings.models))
    except ModelRefused as refused:
        sys.exit(f"CARTRIAGE_MODELS: {refused}")
    except PolicyError as refused:
        sys.exit(f"policy: {refused}")
    if lacking:
        asked = ", ".join(f"{one.quantity} of {one.side} {one.region}" for one in lacking)
        sys.exit(f"policy: no installed check measures {asked}")


if __name__ == "__main__":
    main()
