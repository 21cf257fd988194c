"""`python -m workers`: one Celery worker with the settings of the environment."""

import sys

from rules.policy import PolicyError
from rules.site import load_policy
from workers.app import make_app
from workers.checks.registry import checks, unmeasured
from workers.logs import configure
from workers.models.card import ModelRefused
from workers.settings import WorkerSettings
from workers.tasks import register


def main() -> None:
    """Run until stopped."""
    settings = WorkerSettings()
    configure(settings.log_format)
    _refuse_what_cannot_work(settings)
    app = make_app(settings)
    register(app, settings)
    app.worker_main(
        [
            "worker",
            "--pool=prefork",
            "--concurrency=1",
            "--loglevel=INFO",
            "--without-gossip",
            "--without-mingle",
        ]
    )


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
