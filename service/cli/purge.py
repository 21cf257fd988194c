"""`cartriage purge`: delete by age, as the process `retention` does each hour, or show what would be deleted."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from service.audit_check import start_of
from service.audit_purge import last_due, purge_events
from service.cli.options import data_option, opened, settings_of, user_name
from service.retention import Due, due, purge_rest, purge_study, sweep
from service.settings import Settings
from service.store.session import Store

_MOST = 100_000


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@data_option
def purge(data: Path | None, *, dry_run: bool) -> None:
    """Delete the images of finished studies, and write out and remove old events, by the ages in the settings.

    Never what is still arriving, not decided, not delivered, or an urgent alert that nobody acknowledged.
    """
    settings, now = settings_of(data), datetime.now(UTC)
    if not (settings.retention_days or settings.retention_event_days):
        raise click.ClickException(
            "nothing is purged: set CARTRIAGE_RETENTION_DAYS or CARTRIAGE_RETENTION_EVENT_DAYS"
        )
    with opened(settings) as store:
        with store.reading() as session:
            found = due(session, settings, now, _MOST)
            events = (
                last_due(session, settings, now) - start_of(session).sequence
                if settings.retention_event_days
                else 0
            )
        if dry_run:
            _show(found)
            click.echo(f"Would go: {_counted(found)}, {max(events, 0)} events. Nothing was deleted.")
            return
        click.echo(f"Gone: {_purged(store, settings, found, now)}.")


def _purged(store: Store, settings: Settings, found: Sequence[Due], now: datetime) -> str:
    gone = [one for one in found if purge_study(store, settings, one.study_instance_uid, now, user_name())]
    if settings.retention_days:
        purge_rest(store, settings, now)
    sweep(store, settings, now)
    made = purge_events(store, settings, user_name(), now) if settings.retention_event_days else None
    return f"{_counted(gone)}, {made.events if made else 0} events"


def _counted(found: Sequence[Due]) -> str:
    megabytes = sum(one.bytes for one in found) / 1e6
    return f"images of {len(found)} studies ({sum(one.objects for one in found)} objects, {megabytes:.1f} MB)"


def _show(found: Sequence[Due]) -> None:
    table = Table("Study", "Last received", "Objects", "MB", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in found[:200]:
        table.add_row(
            one.study_instance_uid,
            f"{one.last_received_at:%Y-%m-%d}",
            str(one.objects),
            f"{one.bytes / 1e6:.1f}",
        )
    if found:
        Console(highlight=False).print(table)
