"""`cartriage accounts`: who may sign in to the web pages."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from service.accounts import Role, create, deactivate, reset
from service.cli.options import data_option, opened, settings_of, user_name
from service.store.desk_tables import Account


@click.group()
def accounts() -> None:
    """Who may sign in to the web pages."""


@accounts.command()
@click.argument("name")
@click.option("--full-name", default="", help="As the pages show it.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="May be repeated.",
)
@data_option
def add(name: str, full_name: str, roles: tuple[str, ...], data: Path | None) -> None:
    """Make an account; prints its one-time password."""
    with opened(settings_of(data)) as store, store.session() as session:
        chosen = [Role(role) for role in roles]
        password = create(session, name, full_name, chosen, user_name(), datetime.now(UTC))
    click.echo(password)


@accounts.command(name="password")
@click.argument("name")
@data_option
def password_(name: str, data: Path | None) -> None:
    """Print a new one-time password; ends all sessions of the account."""
    with opened(settings_of(data)) as store, store.session() as session:
        password = reset(session, name, user_name(), datetime.now(UTC))
    click.echo(password)


@accounts.command()
@click.argument("name")
@data_option
def end(name: str, data: Path | None) -> None:
    """Let nobody sign in with an account any more."""
    with opened(settings_of(data)) as store, store.session() as session:
        deactivate(session, name, user_name(), datetime.now(UTC))
    click.echo("Ended.")


@accounts.command(name="list")
@data_option
def list_(data: Path | None) -> None:
    """Show all accounts."""
    table = Table("Name", "Full name", "Roles", "State", box=box.SIMPLE_HEAD, pad_edge=False)
    with opened(settings_of(data)) as store, store.reading() as session:
        for one in session.scalars(select(Account).order_by(Account.name)):
            first = "one-time password" if one.must_change else "active"
            table.add_row(one.name, one.full_name, ", ".join(one.roles), first if one.is_active else "ended")
    Console(highlight=False).print(table)
