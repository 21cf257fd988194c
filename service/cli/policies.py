"""What the commands on rules share: a policy from `--policy` and `--site`, and complaints about it as one line for the user."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from rules.policy import Policy, PolicyError
from rules.site import load_policy

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def policy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--policy` and `--site`."""
    option = click.option("--policy", type=FOLDER, help="Folder of a policy [default: the installed one].")
    return option(site_option(command))


def site_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--site`."""
    option = click.option(
        "--site",
        type=FOLDER,
        envvar="CARTRIAGE_SITE_POLICY",
        help="Folder of the site's overlay [default: CARTRIAGE_SITE_POLICY].",
    )
    return option(command)


@contextmanager
def complaints() -> Iterator[None]:
    """A policy or case file that must not be used becomes one line: file, line and why."""
    try:
        yield
    except PolicyError as error:
        raise click.ClickException(str(error)) from error


def loaded(folder: Path | None, site: Path | None = None) -> Policy:
    """The policy in a folder, or the installed one, with the site's overlay."""
    with complaints():
        return load_policy(folder, site)
