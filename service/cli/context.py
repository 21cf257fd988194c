"""`cartriage context`: the mapping of the context feeds, and the messages that wait for a person."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from rules.context_map import Coding, load_context_map
from rules.policy_reading import PolicyError
from service.cli.options import data_option, opened, settings_of, user_name
from service.context_feed import quarantine as aside
from service.context_feed.news import FeedError
from service.context_feed.taking import Registry, map_in_force
from service.settings import Settings
from service.store.session import Store


@click.group()
def context() -> None:
    """Feeds of the clinical context: mapping, and messages that were set aside."""


@context.command(name="map")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def map_(file: Path | None) -> None:
    """Check a site's mapping FILE, and show which code means what."""
    try:
        known = load_context_map(file)
    except PolicyError as error:
        raise click.ClickException(str(error)) from error
    table = Table("Code", "Means", "In", box=box.SIMPLE_HEAD, pad_edge=False)
    for rule in known.observations:
        for one in rule.codes:
            table.add_row(_words(one), rule.field, ", ".join(rule.units))
    for infusion in known.infusions:
        for one in infusion.codes:
            table.add_row(_words(one), f"infusion of {infusion.product or 'CAR-T cells'}", "")
    for one in known.cohorts:
        table.add_row(_words(one), "flag or group of CAR-T recipients", "")
    Console(highlight=False).print(table)


@context.group()
def quarantine() -> None:
    """Messages that could not be taken."""


@quarantine.command(name="list")
@data_option
def list_(data: Path | None) -> None:
    """Show what waits for a person, oldest first; nothing of a patient."""
    table = Table("No.", "Came", "From", "What", "Why", box=box.SIMPLE_HEAD, pad_edge=False)
    with opened(settings_of(data)) as store, store.reading() as session:
        rows = aside.set_aside(session)
    for row in rows:
        table.add_row(str(row.id), f"{row.received_at:%Y-%m-%d %H:%M}", row.sender, row.kind, row.reason)
    Console(highlight=False).print(table if rows else "No message is set aside.")


@quarantine.command()
@click.argument("number", type=int)
@data_option
def show(number: int, data: Path | None) -> None:
    """Show a message as it came. It holds a patient's data; that you looked stands in the trail."""
    settings = settings_of(data)
    with opened(settings) as store, store.session() as session:
        content = aside.content_of(session, number, settings, user_name(), datetime.now(UTC))
    click.echo(content.decode("utf-8", "replace").replace("\r", "\n"))


@quarantine.command()
@click.argument("number", type=int, required=False)
@click.option("--all", "takes_all", is_flag=True, help="Every message, in the order in which they came.")
@data_option
def retry(number: int | None, data: Path | None, *, takes_all: bool) -> None:
    """Try a message again, with mapping and registry as they are now."""
    if (number is None) is not takes_all:
        raise click.UsageError("name one message by its number, or --all")
    settings = settings_of(data)
    with opened(settings) as store:
        where = _where(store, settings)
        with store.reading() as session:
            numbers = [row.id for row in aside.set_aside(session, aside.MOST)] if number is None else [number]
        for one in numbers:
            try:
                click.echo(f"{one}: {aside.retry(where, one, user_name(), datetime.now(UTC)).value}")
            except FeedError as error:
                click.echo(f"{one}: still set aside, {error.detail}")


@quarantine.command()
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why nobody needs it; stands in the trail with your name.")
@data_option
def drop(number: int, reason: str, data: Path | None) -> None:
    """Give a message up; what it held is deleted."""
    settings = settings_of(data)
    with opened(settings) as store:
        aside.drop(_where(store, settings), number, user_name(), reason, datetime.now(UTC))
    click.echo("Dropped.")


def _where(store: Store, settings: Settings) -> Registry:
    try:
        return Registry(store, settings, map_in_force(settings.context_map))
    except PolicyError as error:
        raise click.ClickException(str(error)) from error


def _words(coding: Coding) -> str:
    return f"{coding.system} {coding.code}"
