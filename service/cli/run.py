"""`cartriage run NAME`: one process in the foreground, for systemd, containers, and the supervisor."""

import signal
import threading
from importlib import import_module
from types import FrameType

import click

from service.logs import configure_logs
from service.runners import RUNNERS
from service.settings import Settings
from service.store.session import open_store, upgrade

_MIGRATE = "migrate"


@click.command(hidden=True)
@click.argument("name", type=click.Choice([*RUNNERS, _MIGRATE]))
def run(name: str) -> None:
    """Run one process of the service until stopped, or bring the database's schema up to date."""
    settings = Settings()
    configure_logs(settings.log_format, name)
    if name == _MIGRATE:
        store = open_store(settings)
        upgrade(store)
        store.close()
        return
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    module, function = RUNNERS[name].split(":")
    getattr(import_module(module), function)(settings, stop)
