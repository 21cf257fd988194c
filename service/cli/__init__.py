"""The command `cartriage`. Commands load when they are called, so that the light image works without the heavy half."""

from importlib import import_module
from importlib.metadata import entry_points, version
from typing import Any

import click

_COMMANDS = {
    "accounts": ("service.cli.accounts:accounts", "Who may sign in to the web pages."),
    "assessments": (
        "service.cli.assessments:assessments_",
        "Radiologists' assessments, as JSON and DICOM SR.",
    ),
    "audit": ("service.cli.audit:audit", "Show, search, check and write out the trail."),
    "bench-list": ("service.cli.bench_list:bench_list", "Time the reading list with very many studies."),
    "cohort": ("service.cli.cohort:cohort", "Flag patients as CAR-T recipients, with their context."),
    "context": ("service.cli.context:context", "Feeds of the context: mapping, messages set aside."),
    "demo": ("service.cli.demo:demo", "Run the main job on a simulated patient, on this machine."),
    "outbox": ("service.cli.outbox:outbox", "Deliveries: what is owed, what is proven, retry, drop."),
    "purge": ("service.cli.purge:purge", "Delete by age, or show what would be deleted."),
    "replay": ("service.cli.replay:replay", "Make the decisions of a study again, and compare."),
    "route": ("service.cli.route:route", "Where the objects of a study go, and why."),
    "rules": ("service.cli.rules:rules", "Look at the rules, try them on cases, compare them with others."),
    "run": ("service.cli.run:run", "Run one process of the service in the foreground."),
    "tokens": ("service.cli.tokens:tokens", "What lets other systems use the REST interface."),
    "up": ("service.cli.up:up", "Run the whole service until stopped."),
    "worklist": ("service.cli.worklist:worklist", "Show the studies of flagged patients, most urgent first."),
}
"""Name to (where it lives, its sentence in `--help`)."""

_HIDDEN = frozenset({"run"})
"""For systemd, containers and the supervisor; not shown in `--help`."""

_PLUGINS = "cartriage.commands"


class _LazyGroup(click.Group):
    """Finds a command among ours, then among those that other packages announce by entry point."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS.keys() | {entry.name for entry in entry_points(group=_PLUGINS)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name in _COMMANDS:
            module, name = _COMMANDS[cmd_name][0].split(":")
            return _command(getattr(import_module(module), name))
        for entry in entry_points(group=_PLUGINS, name=cmd_name):
            try:
                return _command(entry.load())
            except ModuleNotFoundError as error:
                raise click.ClickException(
                    f"'{cmd_name}' needs the workers' extra ({error.name} is missing): "
                    "pip install 'cartriage[workers]'"
                ) from error
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, _COMMANDS[name][1] if name in _COMMANDS else self._help(ctx, name))
            for name in self.list_commands(ctx)
            if name not in _HIDDEN
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _help(self, ctx: click.Context, name: str) -> str:
        try:
            command = self.get_command(ctx, name)
        except click.ClickException:
            return "(needs the workers' extra)"
        return command.get_short_help_str(100) if command else ""


def _command(found: Any) -> click.Command:
    if not isinstance(found, click.Command):
        raise TypeError(f"{found!r} is not a command")
    return found


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("cartriage"), prog_name="cartriage")
def main() -> None:
    """Triage of brain MRI for the imaging signs of CAR-T neurotoxicity. Not for diagnosis."""
