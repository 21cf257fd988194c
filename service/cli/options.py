"""What the commands share: the settings with `--data`, the opened store, the user's name."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from rules.context_file import ContextError
from service.cohort_file import RowError
from service.errors import ServiceError
from service.settings import Settings
from service.store.session import Store, open_store, upgrade


def data_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--data`."""
    option = click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data folder of the service [default: CARTRIAGE_DATA, else ./data].",
    )
    return option(command)


def settings_of(data: Path | None) -> Settings:
    """Settings from the environment, with the data folder of the command line in front."""
    try:
        return Settings(data=data) if data else Settings()
    except ValidationError as error:
        # Values are left out: a URL holds a password.
        lines = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        raise click.ClickException("Settings:\n" + "\n".join(lines)) from error


@contextmanager
def opened(settings: Settings, *, is_only_read: bool = False) -> Iterator[Store]:
    """The store with its schema up to date; errors that have a name become one line for the user.

    is_only_read : the schema is taken as it is, and a database that is not there is not made
    """
    if is_only_read and not settings.database_url and not settings.database_file.exists():
        raise click.ClickException(
            f"there is no database at {settings.database_file}; name its folder with --data"
        )
    store = open_store(settings)
    try:
        if not is_only_read:
            upgrade(store)
        yield store
    except (ServiceError, ContextError, RowError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        store.close()


def user_name() -> str:
    """Who runs the command, for the trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user entry
        return "unknown"
