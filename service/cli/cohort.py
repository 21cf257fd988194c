"""`cartriage cohort`: flag patients as CAR-T recipients, with their context."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from rules.codec import to_plain
from rules.context import PatientContext, Recorded
from rules.context_file import ALLOWED, FIELDS
from service import cohort as registry
from service.cli.options import data_option, opened, settings_of, user_name
from service.cohort_file import CohortFile, entry_of, read_cohort_file
from service.settings import Settings
from service.store.session import Store

_SOURCE = "cartriage cohort add"
_NO_OPTION = ("patient_id", "is_cart_recipient")
"""The one is the argument, the other is what adding somebody says."""
_FLAGS = {"ice_score": "--ice", "capd_score": "--capd", "recorded_at": "--at"}
_MEANS = {
    "issuer": "Issuer of the patient ID (0010,0021)",
    "birth_date": "With it, two identifiers have to agree",
    "infusion_date": "Of the CAR-T cells",
    "product": "As in axi-cel",
    "has_neuro_indication": "Whether the order names a neurological reason",
    "order_text": "What the order says",
    "blood_pressure": "Highest of 24 hours",
    "raised_icp_signs": "Posturing, sixth-nerve palsy, papilloedema or Cushing's triad",
    "consciousness": "What the patient wakes to",
    "cord_signs": "A sensory level, or a new disturbance of bladder or bowel",
    "steroid_taper": "Within the last 72 h",
    "ventilation": "At the scan",
    "recorded_at": "When the clinical values were taken [default: now]",
}
"""What a field is, where its name does not say it."""
_COLUMNS = {
    "patient_id": "Patient",
    "issuer": "Issuer",
    "birth_date": "Born",
    "infusion_date": "Infusion",
    "product": "Product",
    "icans_grade": "ICANS",
    "ice_score": "ICE",
    "capd_score": "CAPD",
    "crs_grade": "CRS",
}
_ALWAYS = ("patient_id", "infusion_date", "icans_grade")


@click.group()
def cohort() -> None:
    """Flag patients as CAR-T recipients, with their context."""


def _context_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each field of docs/context.md; the parser of context files checks what is given."""
    for name in reversed(FIELDS):
        if name not in _NO_OPTION:
            flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
            told = f"{_MEANS[name]}: {ALLOWED[name]}." if name in _MEANS else f"{ALLOWED[name]}."
            command = click.option(flag, name, metavar="VALUE", help=told)(command)
    return command


@cohort.command()
@click.argument("patient_id")
@_context_options
@data_option
def add(patient_id: str, data: Path | None, **values: str | None) -> None:
    """Flag a patient, or add to what is known of one."""
    settings, now = settings_of(data), datetime.now(UTC)
    given = {name: value for name, value in values.items() if value}
    with opened(settings) as store, store.session() as session:
        entry = entry_of(
            {"patient_id": patient_id, **given},
            source=f"{_SOURCE} ({user_name()})",
            now=now,
            is_observation=True,
        )
        change = registry.add(session, entry, settings, user_name(), now)
    click.echo(_told(change))


@cohort.command()
@click.argument("patient_id")
@click.option("--issuer", default="", help="Issuer of the patient ID.")
@data_option
def remove(patient_id: str, issuer: str, data: Path | None) -> None:
    """Take a patient off the registry; what was decided stays."""
    with opened(settings_of(data)) as store, store.session() as session:
        registry.remove(session, patient_id, issuer, user_name(), datetime.now(UTC))
    click.echo("Removed from the registry. Studies that come from now on are not analysed.")


@cohort.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@data_option
def list_(data: Path | None, *, as_json: bool) -> None:
    """Show the flagged patients."""
    with opened(settings_of(data)) as store, store.reading() as session:
        contexts = [registry.context_of(patient) for patient in registry.flagged(session)]
    if as_json:
        click.echo(json.dumps([to_plain(context) for context in contexts], indent=2))
    elif contexts:
        Console(highlight=False).print(_table(contexts))
    else:
        click.echo("No patient is flagged. `cartriage cohort add PATIENT_ID` flags one.")


@cohort.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the file and tell what would change.")
@data_option
def import_(file: Path, data: Path | None, *, dry_run: bool) -> None:
    """Flag the patients of a CSV FILE, all of them or (on any error) none.

    The header row names fields of docs/context.md; patient_id is required.
    """
    settings, now = settings_of(data), datetime.now(UTC)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name} is not UTF-8") from error
    read = read_cohort_file(text, source=file.name, now=now)
    if read.problems:
        for problem in read.problems:
            click.echo(f"line {problem.line}: {problem.text}", err=True)
        raise click.ClickException(f"Nothing was imported: {len(read.problems)} of the rows cannot be taken.")
    with opened(settings) as store:
        changes = _enter(store, read, settings, now, is_dry=dry_run)
    click.echo(_counted(changes, is_dry=dry_run))


def _enter(
    store: Store, read: CohortFile, settings: Settings, now: datetime, *, is_dry: bool
) -> list[registry.Change]:
    with store.session() as session:
        changes = [registry.add(session, entry, settings, user_name(), now) for entry in read.entries]
        if is_dry:
            session.rollback()
    return changes


def _told(change: registry.Change) -> str:
    if not change.is_changed:
        return "The registry held exactly this; nothing changed."
    said = "Flagged." if change.is_new else "Changed."
    owed = sum(one.state == "owed" for one in change.reopened)
    return (
        f"{said} {owed} recent {'study is' if owed == 1 else 'studies are'} decided again." if owed else said
    )


def _counted(changes: list[registry.Change], *, is_dry: bool) -> str:
    new = sum(change.is_new for change in changes)
    changed = sum(change.is_changed for change in changes) - new
    owed = sum(one.state == "owed" for change in changes for one in change.reopened)
    said = f"{new} new, {changed} changed, {len(changes) - new - changed} unchanged; {owed} recent studies decided again."
    return f"Dry run, nothing was imported: {said}" if is_dry else f"Imported: {said}"


def _table(contexts: list[PatientContext]) -> Table:
    """One row a patient; columns that nobody has a value for are left out."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown = [
        name
        for name in _COLUMNS
        if name in _ALWAYS or any(getattr(context, name) not in (None, "") for context in contexts)
    ]
    for name in shown:
        table.add_column(_COLUMNS[name], overflow="fold", no_wrap=name not in ("patient_id", "issuer"))
    for context in contexts:
        table.add_row(*(_cell(getattr(context, name)) for name in shown))
    return table


def _cell(value: object) -> str:
    """A value with its day; a question mark is unknown, never zero."""
    if isinstance(value, Recorded):
        return f"{value.value} on {value.at:%d %b}" if value.at else f"{value.value} undated"
    return "?" if value is None or value == "" else str(value)
