"""`cartriage tokens`: what lets other systems use the REST interface."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from service.accounts import Role
from service.cli.options import data_option, opened, settings_of, user_name
from service.tokens import DEFAULT_DAYS, MAX_DAYS, issue, issued, revoke


@click.group()
def tokens() -> None:
    """What lets other systems use the REST interface."""


@tokens.command()
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="May be repeated. No token may acknowledge or assess.",
)
@click.option(
    "--days", default=DEFAULT_DAYS, show_default=True, type=click.IntRange(1, MAX_DAYS), help="Until it ends."
)
@data_option
def add(name: str, roles: tuple[str, ...], days: int, data: Path | None) -> None:
    """Make a token; prints its secret, which is shown only now."""
    with opened(settings_of(data)) as store, store.session() as session:
        chosen = [Role(role) for role in roles]
        secret = issue(session, name, chosen, days, user_name(), datetime.now(UTC))
    click.echo(secret)


@tokens.command(name="revoke")
@click.argument("name")
@data_option
def revoke_(name: str, data: Path | None) -> None:
    """Let nobody in with a token any more."""
    with opened(settings_of(data)) as store, store.session() as session:
        revoke(session, name, user_name(), datetime.now(UTC))
    click.echo("Revoked.")


@tokens.command(name="list")
@data_option
def list_(data: Path | None) -> None:
    """Show all tokens, never their secrets."""
    table = Table("Name", "Roles", "State", "Last used", box=box.SIMPLE_HEAD, pad_edge=False)
    now = datetime.now(UTC)
    with opened(settings_of(data)) as store, store.reading() as session:
        for one in issued(session):
            state = f"until {one.expires_at:%Y-%m-%d}" if one.expires_at > now else "ended"
            used = f"{one.used_at:%Y-%m-%d %H:%M}" if one.used_at else "never"
            table.add_row(one.name, ", ".join(one.roles), "revoked" if one.revoked_at else state, used)
    Console(highlight=False).print(table)
