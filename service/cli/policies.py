"""What the commands on rules share: a policy from `--policy`, and complaints about it as one line for the user."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from rules.policy import Policy, PolicyError, load

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def policy_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--policy`."""
    option = click.option("--policy", type=FOLDER, help="Folder of a policy [default: the installed one].")
    return option(command)


@contextmanager
def complaints() -> Iterator[None]:
    """A policy or case file that must not be used becomes one line: file, line and why."""
    try:
        yield
    except PolicyError as error:
        raise click.ClickException(str(error)) from error


def loaded(folder: Path | None) -> Policy:
    """The policy in a folder, or the installed one."""
    with complaints():
        return load(folder)
