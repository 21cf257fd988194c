"""`cartriage outbox`: what is owed to which destination, with its proof; retry, and drop with a reason."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.cli.options import data_option, opened, settings_of, user_name
from service.outbox import tell
from service.store.tables import Delivery, DestinationHealth

_UNFINISHED = ("owed", "stored")
_ROWS_AT_MOST = 200


@click.group()
def outbox() -> None:
    """Look at deliveries, try them again, or give one up."""


@outbox.command("list")
@click.option("--all", "with_all", is_flag=True, help="Also what is proven or dropped.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@data_option
def list_deliveries(data: Path | None, *, with_all: bool, as_json: bool) -> None:
    """Show deliveries, most urgent first, and how the destinations are."""
    with opened(settings_of(data), is_only_read=True) as store, store.reading() as session:
        rows = _rows(session, with_all=with_all)
        ill = session.scalars(select(DestinationHealth).where(DestinationHealth.failures > 0)).all()
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], indent=2))
        return
    console = Console(highlight=False)
    for one in ill:
        console.print(
            Text(f"{one.destination}: {one.last_error} since {one.failures} tries", style="bold red")
        )
    if not rows:
        console.print("Nothing is owed." if not with_all else "No delivery yet.")
        return
    console.print(_table(rows))


@outbox.command()
@click.argument("number", type=int, required=False)
@click.option("--destination", help="All that is owed to this destination.")
@data_option
def retry(number: int | None, destination: str | None, data: Path | None) -> None:
    """Try the delivery NUMBER, or all of a destination, again at once; one that was dropped or proven is owed anew."""
    if (number is None) == (destination is None):
        raise click.UsageError("name one delivery by its number, or a destination with --destination")
    now = datetime.now(UTC)
    with opened(settings_of(data)) as store, store.session() as session:
        rows = [_one(session, number)] if number is not None else _owed_to(session, destination or "")
        for row in rows:
            row.state, row.try_at = "owed", now
            row.transaction_uid = row.proven_at = row.stored_at = None
            row.proof, row.asks = "", 0
            tell(session, "delivery_retried", row, now, user=user_name())
        for health in session.scalars(select(DestinationHealth)):
            if health.destination in {row.destination for row in rows}:
                health.try_at = health.try_urgent_at = now
    click.echo(f"{len(rows)} to be sent again")


@outbox.command()
@click.argument("number", type=int)
@click.option(
    "--reason", required=True, help="Why nobody needs it there; stands in the trail with your name."
)
@data_option
def drop(number: int, reason: str, data: Path | None) -> None:
    """Give up the delivery NUMBER: it is not tried again."""
    words = " ".join(reason.split())
    if len(words) < 5:
        raise click.UsageError("a reason that a colleague will understand, please")
    now = datetime.now(UTC)
    with opened(settings_of(data)) as store, store.session() as session:
        row = _one(session, number)
        if row.state not in _UNFINISHED:
            raise click.ClickException(f"delivery {number} is {row.state}; there is nothing to drop")
        was, row.state, row.transaction_uid = row.state, "dropped", None
        tell(session, "delivery_dropped", row, now, user=user_name(), reason=words, was=was)
    click.echo(f"delivery {number} to {row.destination} is dropped")


def _one(session: Session, number: int) -> Delivery:
    row = session.get(Delivery, number)
    if row is None:
        raise click.ClickException(f"there is no delivery {number}")
    return row


def _owed_to(session: Session, destination: str) -> Sequence[Delivery]:
    found = select(Delivery).where(Delivery.destination == destination, Delivery.state == "owed")
    return session.scalars(found.order_by(Delivery.id)).all()


def _rows(session: Session, *, with_all: bool) -> Sequence[Delivery]:
    found = select(Delivery).order_by(Delivery.priority, Delivery.id).limit(_ROWS_AT_MOST)
    return session.scalars(found if with_all else found.where(Delivery.state.in_(_UNFINISHED))).all()


def _plain(row: Delivery) -> dict[str, object]:
    moments = ("created_at", "try_at", "stored_at", "proven_at", "alarmed_at")
    names = ("id", "study_instance_uid", "sop_instance_uid", "cargo", "destination", "priority", "state")
    return {
        **{name: getattr(row, name) for name in (*names, "tries", "last_error", "proof")},
        **{name: one.isoformat() if (one := getattr(row, name)) else None for name in moments},
    }


def _table(rows: Sequence[Delivery]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("No.", "", "What", "To", "State", "Tries", "Next", "Trouble"):
        table.add_column(name, overflow="fold")
    for row in rows:
        state = Text(f"{row.state} {row.proof}".strip(), style="bold red" if row.alarmed_at else "")
        if row.alarmed_at and row.state in _UNFINISHED:
            state.append(" LATE")
        is_open = row.state in _UNFINISHED
        table.add_row(
            str(row.id),
            row.priority,
            row.cargo,
            row.destination,
            state,
            str(row.tries),
            f"{row.try_at.astimezone():%H:%M:%S}" if is_open else "",
            row.last_error,
        )
    return table
