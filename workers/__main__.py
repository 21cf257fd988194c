"""`python -m workers`: one Celery worker with the settings of the environment."""

import sys

from workers.app import make_app
from workers.checks.registry import checks
from workers.logs import configure
from workers.models.card import ModelRefused
from workers.settings import WorkerSettings
from workers.tasks import register


def main() -> None:
    """Run until stopped."""
    settings = WorkerSettings()
    configure(settings.log_format)
    try:
        checks(settings.models)  # better not to start than to measure with something else than was asked for
    except ModelRefused as refused:
        sys.exit(f"CARTRIAGE_MODELS: {refused}")
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


if __name__ == "__main__":
    main()
