"""`cartriage up`: the whole service, until stopped."""

import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from service.errors import ServiceError
from service.processes import log_of
from service.settings import Settings
from service.supervisor import Supervisor

_ROUND_S = 0.2


@click.command()
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="Folder of files, database and broker."
)
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--ae-title", help="Our AE title.")
@click.option("--web-port", type=click.IntRange(0, 65535), help="Port of the web pages; 0 takes a free one.")
@click.option("--no-worker", is_flag=True, help="Start no worker here; they run on other machines.")
def up(
    data: Path | None,
    host: str | None,
    port: int | None,
    ae_title: str | None,
    web_port: int | None,
    *,
    no_worker: bool,
) -> None:
    """Run the whole service until stopped.

    Settings come from the environment (CARTRIAGE_..., see deploy/env.example); options override them.
    """
    given: dict[str, Any] = {
        "data": data,
        "host": host,
        "port": port,
        "ae_title": ae_title,
        "web_port": web_port,
    }
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise click.ClickException(_setting_errors(error)) from error
    console = Console(highlight=False, soft_wrap=True)
    supervisor = Supervisor(settings, lambda line: _say(console, line))
    if no_worker:
        supervisor.has_worker = False
    signals: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        supervisor.is_stopping = True
        supervisor.is_hurried = len(signals) > 1

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    _run(supervisor, console, signals, wants_worker=not no_worker)


def _run(supervisor: Supervisor, console: Console, signals: list[int], *, wants_worker: bool) -> None:
    try:
        supervisor.start()
        console.print(_summary(supervisor, wants_worker=wants_worker))
        while not signals:
            supervisor.tend()
            time.sleep(_ROUND_S)
        console.print("Stopping ... (Ctrl-C again: at once)")
    except ServiceError as error:
        raise click.ClickException(str(error)) from error
    finally:
        supervisor.stop()
    console.print("Stopped.")


def _say(console: Console, line: str) -> None:
    console.print(f"{time.strftime('%H:%M:%S')} {line}", markup=False)


def _summary(supervisor: Supervisor, *, wants_worker: bool) -> Table:
    settings = supervisor.settings
    host, port = supervisor.address
    table = Table.grid(padding=(0, 2))
    table.add_row("Cartriage", "is running. Ctrl-C stops it. Not for diagnosis.")
    table.add_row("receives", f"{settings.ae_title} at {host}:{port} (C-STORE, C-ECHO)")
    table.add_row("from", _senders(settings))
    table.add_row("sends to", _destinations(settings))
    if settings.context_hl7:
        table.add_row("context", f"HL7 v2 (MLLP) at {settings.context_hl7.host}:{settings.context_hl7.port}")
    if settings.context_fhir:
        table.add_row(
            "context", f"asked of {settings.context_fhir.url} every {settings.context_fhir.every_s:g} s"
        )
    table.add_row("pages", supervisor.web_address)
    if supervisor.first_password:
        table.add_row("", f"first sign-in: admin, {supervisor.first_password} (works once, shown only now)")
    table.add_row("settles", f"a study after {settings.quiet_time_s:g} s without a new image")
    table.add_row("worker", _worker(supervisor, wants_worker=wants_worker))
    table.add_row("data", str(settings.data))
    table.add_row("logs", str(log_of(settings, "*")))
    return table


def _senders(settings: Settings) -> str:
    if settings.peers:
        return ", ".join(settings.peers)
    if settings.host in ("127.0.0.1", "::1", "localhost"):
        return "any caller on this machine"
    return "nobody: name the AE titles of the senders in CARTRIAGE_PEERS"


def _destinations(settings: Settings) -> str:
    if not settings.destinations:
        return "nobody: set CARTRIAGE_DESTINATIONS, or results stay here"
    return ", ".join(f"{one.name} ({one.address})" for one in settings.destinations)


def _worker(supervisor: Supervisor, *, wants_worker: bool) -> str:
    if supervisor.has_worker:
        at_once = supervisor.settings.workers
        return f"here, {at_once} studies at a time" if at_once > 1 else "here, one study at a time"
    if wants_worker:
        return "none here: pip install 'cartriage[workers]'; studies wait until one connects"
    return "none here; studies wait until one connects"


def _setting_errors(error: ValidationError) -> str:
    """Which settings are wrong and why, without their values: a URL holds a password."""
    lines = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
    return "Settings:\n" + "\n".join(lines)
