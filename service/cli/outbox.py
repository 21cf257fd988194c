"""`cartriage outbox`: what is owed to which destination, with its proof; retry, and drop with a reason."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.cli.options import data_option, opened, settings_of, user_name
from service.cli.outbox_lines import AT_MOST, NEWS, UNFINISHED, lines, table
from service.outbox import tell
from service.store.tables import Delivery, DestinationHealth
from service.workitems import untold as news
from service.workitems.untold import UNTOLD, Untold


@click.group()
def outbox() -> None:
    """Look at deliveries and at news to those who watch our worklist, try them again, or give one up."""


@outbox.command("list")
@click.option("--all", "with_all", is_flag=True, help="Also what is proven, told or dropped.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@data_option
def list_deliveries(data: Path | None, *, with_all: bool, as_json: bool) -> None:
    """Show deliveries and news (N12), most urgent first, and how the destinations are."""
    with opened(settings_of(data), is_only_read=True) as store, store.reading() as session:
        shown = lines(session, with_all=with_all)
        ill = session.scalars(select(DestinationHealth).where(DestinationHealth.failures > 0)).all()
    if as_json:
        click.echo(json.dumps([line.plain() for line in shown], indent=2))
        return
    console = Console(highlight=False)
    for one in ill:
        console.print(
            Text(f"{one.destination}: {one.last_error} since {one.failures} tries", style="bold red")
        )
    if not shown:
        console.print("Nothing is owed." if not with_all else "No delivery yet.")
        return
    console.print(table(shown))


@outbox.command()
@click.argument("number", required=False)
@click.option("--destination", help="All that is owed to this destination, or to this subscriber.")
@data_option
def retry(number: str | None, destination: str | None, data: Path | None) -> None:
    """Try the delivery NUMBER, or all of a destination, again at once; one that was dropped or proven is owed anew."""
    if (number is None) == (destination is None):
        raise click.UsageError("name one delivery by its number, or a destination with --destination")
    now = datetime.now(UTC)
    with opened(settings_of(data)) as store, store.session() as session:
        if number is not None:
            rows, events = _numbered(session, number)
        else:
            rows = _owed_to(session, destination or "")
            events = news.untold(session, AT_MOST, destination or "")
        for row in rows:
            row.state, row.try_at = "owed", now
            row.transaction_uid = row.proven_at = row.stored_at = None
            row.proof, row.asks = "", 0
            tell(session, "delivery_retried", row, now, user=user_name())
        for health in session.scalars(select(DestinationHealth)):
            if health.destination in {row.destination for row in rows}:
                health.try_at = health.try_urgent_at = now
        news.tell_again(session, events, user_name(), now)
    click.echo(f"{len(rows) + len(events)} to be sent again")


@outbox.command()
@click.argument("number", required=False)
@click.option("--destination", help="All news to this subscriber; deliveries are dropped one by one.")
@click.option(
    "--reason", required=True, help="Why nobody needs it there; stands in the trail with your name."
)
@data_option
def drop(number: str | None, destination: str | None, reason: str, data: Path | None) -> None:
    """Give up the delivery NUMBER, or all news to a subscriber: it is not tried again."""
    if (number is None) == (destination is None):
        raise click.UsageError("name one delivery by its number, or a subscriber with --destination")
    words = " ".join(reason.split())
    if len(words) < 5:
        raise click.UsageError("a reason that a colleague will understand, please")
    now = datetime.now(UTC)
    with opened(settings_of(data)) as store, store.session() as session:
        rows, events = _numbered(session, number) if number is not None else ([], [])
        if destination:
            events = news.untold(session, AT_MOST, destination)
        _refuse_ended(rows, events)
        for row in rows:
            was, row.state, row.transaction_uid = row.state, "dropped", None
            tell(session, "delivery_dropped", row, now, user=user_name(), reason=words, was=was)
            click.echo(f"delivery {row.id} to {row.destination} is dropped")
        news.drop(session, events, user_name(), words, now)
        if not rows:
            click.echo(f"{len(events)} events for {', '.join({one.receiver for one, _ in events})} dropped")


def _numbered(session: Session, number: str) -> tuple[list[Delivery], list[Untold]]:
    """The delivery or the news of a number as the list shows it."""
    digits = number.removeprefix(NEWS)
    if not digits.isdecimal():
        raise click.UsageError(f"{number} is no number of the list, such as 17 or {NEWS}12")
    if number.startswith(NEWS):
        event = news.news_numbered(session, int(digits))
        if event is None:
            raise click.ClickException(f"there is no news {number}")
        return [], [event]
    row = session.get(Delivery, int(digits))
    if row is None:
        raise click.ClickException(f"there is no delivery {number}")
    return [row], []


def _refuse_ended(rows: Sequence[Delivery], events: Sequence[Untold]) -> None:
    if not rows and not events:
        raise click.ClickException("there is no news to drop")
    for row in rows:
        if row.state not in UNFINISHED:
            raise click.ClickException(f"delivery {row.id} is {row.state}; there is nothing to drop")
    for event, _ in events:
        if event.state not in UNTOLD:
            raise click.ClickException(f"news {NEWS}{event.id} is {event.state}; there is nothing to drop")


def _owed_to(session: Session, destination: str) -> list[Delivery]:
    found = select(Delivery).where(Delivery.destination == destination, Delivery.state == "owed")
    return list(session.scalars(found.order_by(Delivery.id)))
