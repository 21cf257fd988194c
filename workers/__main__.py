"""`python -m workers`: one Celery worker with the settings of the environment."""

from workers.app import make_app
from workers.logs import configure
from workers.settings import WorkerSettings
from workers.tasks import register


def main() -> None:
    """Run until stopped."""
    settings = WorkerSettings()
    configure(settings.log_format)
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
