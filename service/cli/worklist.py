"""`cartriage worklist`: the studies of flagged patients, most urgent first."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from rules.codec import to_plain
from rules.urgency import Priority
from service.cli.options import data_option, opened, settings_of
from service.cli.policies import complaints
from service.gate import policy_in_force
from service.worklist import Row, Status
from service.worklist import worklist as studies

_WIDE = 140
"""Columns of a terminal from which on every fact has a column of its own."""
_STYLES = {
    Priority.P1: "bold white on red",
    Priority.P2: "bold black on yellow",
    Priority.P3: "bold black on cyan",
    Priority.P4: "",
    None: "dim",
}
_NOTE = "In parallel to the standard of care; only ever raises a study. Not for diagnosis."


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--all", "with_all", is_flag=True, help="Also the studies of patients who are not flagged.")
@click.option("--days", default=14, show_default=True, type=click.IntRange(min=1), help="How far back.")
@data_option
def worklist(data: Path | None, days: int, *, as_json: bool, with_all: bool) -> None:
    """Show the studies of flagged patients, most urgent first."""
    now = datetime.now(UTC)
    settings = settings_of(data)
    with complaints():
        policy = policy_in_force(settings.site_policy)
    with opened(settings) as store, store.reading() as session:
        rows = studies(session, policy, now, days=days, with_unflagged=with_all)
    if as_json:
        click.echo(json.dumps([to_plain(row) for row in rows], indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if not rows:
        console.print(f"No study of a flagged patient in the last {days} days.")
        return
    console.print(_wide(rows) if console.width >= _WIDE else _narrow(rows))
    console.print(Text(_NOTE, style="dim"))


def _wide(rows: list[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("What and why", ratio=1)
    table.add_column("Patient", overflow="fold")
    table.add_column("Accession", overflow="fold")
    table.add_column("Day", justify="right", no_wrap=True)
    table.add_column("ICANS", justify="center")
    table.add_column("Status", no_wrap=True)
    table.add_column("Stored", justify="center", no_wrap=True)
    table.add_column("Received", no_wrap=True)
    for row in rows:
        table.add_row(
            _badge(row),
            _headline(row),
            row.patient_id,
            row.accession_number,
            _number(row.day_after_infusion),
            _number(row.icans_grade),
            row.status.value,
            _sent(row),
            _moment(row.received_at),
        )
    return table


def _narrow(rows: list[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("Study", ratio=1)
    table.add_column("Received", no_wrap=True)
    for row in rows:
        study = Group(_headline(row), Text(" · ".join(_facts(row)), style="dim"))
        table.add_row(_badge(row), study, _moment(row.received_at))
    return table


def _facts(row: Row) -> list[str]:
    facts = [row.patient_id]
    if row.accession_number:
        facts.append(f"accession {row.accession_number}")
    if row.status is not Status.NOT_FLAGGED:
        facts += [f"day {_number(row.day_after_infusion)}", f"ICANS {_number(row.icans_grade)}"]
    facts.append(row.status.value)
    if row.deliveries:
        facts.append(f"stored {_sent(row)}")
    return facts


def _badge(row: Row) -> Text:
    """As the list is ordered; an arrow marks what only its age put there."""
    if row.shown is None:
        return Text(" --  ", style=_STYLES[None])
    mark = "↑" if row.shown.is_raised else " "
    return Text(f" {row.shown.priority.value}{mark} ", style=_STYLES[row.shown.priority])


def _headline(row: Row) -> Text:
    is_quiet = row.status is Status.NOT_FLAGGED
    text = Text(row.headline, style="dim" if is_quiet else "")
    if row.could_be:
        text.append(f" (could be as high as {row.could_be.value})", style="italic")
    if row.shown and row.shown.why:
        text.append(f" ({row.shown.why})", style="italic")
    return text


def _number(value: int | None) -> str:
    """A question mark is unknown, never zero."""
    return "?" if value is None else str(value)


def _sent(row: Row) -> str:
    return f"{row.deliveries_stored} of {row.deliveries}" if row.deliveries else "-"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%d %b %H:%M}"
