"""`cartriage audit`: the trail shown, searched, checked, anchored and written out."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from service import audit as trail_of
from service.audit_anchor import AnchorError, read_anchors, take_anchor, write_to_file, write_to_syslog
from service.audit_check import Verdict, verify, verify_exported
from service.audit_export import (
    ExportError,
    StudyReport,
    csv_lines,
    json_lines,
    plain,
    read_json_lines,
    study_page,
)
from service.audit_pdf import study_pdf
from service.audit_words import Line, lines
from service.cli.options import data_option, opened, settings_of, user_name
from service.settings import Settings
from service.signing import key_of, public_text, signed, signer_of
from service.store.tables import AuditEvent, Study

_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


class _Group(click.Group):
    """`cartriage audit STUDY` is `cartriage audit show STUDY`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def audit() -> None:
    """Show, search, check and write out the trail. `cartriage audit STUDY` shows the trail of a study."""


@audit.command()
@click.argument("study")
@click.option("--json", "as_json", is_flag=True, help="For programs: every event with all its details.")
@data_option
def show(study: str, data: Path | None, *, as_json: bool) -> None:
    """Show the trail of a STUDY: its UID, the start of its UID, or its accession number."""
    with opened(settings_of(data)) as store, store.reading() as session:
        found = _one(trail_of.find_studies(session, study), study)
        events = trail_of.trail(session, found.study_instance_uid)
    if as_json:
        click.echo(json.dumps([plain(event) for event in events], indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(Text(f"Study {found.study_instance_uid}", style="bold"))
    console.print(_table(lines(events)))


@audit.command()
@click.option("--study", default="", help="Study Instance UID.")
@click.option("--event", default="", help="As in study_declined.")
@click.option("--actor", default="", help="Process, AE title or user.")
@click.option("--since", type=_MOMENT, help="UTC, as in 2026-05-31 or 2026-05-31T14:30.")
@click.option("--until", type=_MOMENT, help="UTC; before this.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@data_option
def search(
    study: str,
    event: str,
    actor: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Find events, newest first."""
    asked = trail_of.Asked(study, event, actor, _utc(since), _utc(until))
    with opened(settings_of(data)) as store, store.reading() as session:
        events = trail_of.search(session, asked, limit)
    if as_json:
        click.echo(json.dumps([plain(event) for event in events], indent=2, ensure_ascii=False))
    elif events:
        Console(highlight=False).print(_table(lines(events)))
    else:
        click.echo("No event fits.")


@audit.command(name="verify")
@click.option(
    "--anchors",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of anchors, to compare with.",
)
@click.option(
    "--export",
    "exported",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check an export of JSON Lines instead of the database.",
)
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check the signature of a study's report instead.",
)
@data_option
def verify_(anchors: Path | None, exported: Path | None, report: Path | None, data: Path | None) -> None:
    """Find every event that was changed, removed, reordered or cut off; ends with status 1 if there is one."""
    if report:
        _verify_report(report, settings_of(data))
        return
    try:
        known = read_anchors(anchors) if anchors else ()
        if exported:
            with exported.open(encoding="utf-8") as file:
                verdict = verify_exported(read_json_lines(file), known)
        else:
            with opened(settings_of(data), is_only_read=True) as store, store.reading() as session:
                verdict = verify(session, known)
    except (AnchorError, ExportError) as error:
        raise click.ClickException(str(error)) from error
    _say(verdict, len(known))


@audit.command()
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), help="Add a line to this file.")
@click.option("--syslog", help="Send to a syslog receiver over UDP, as in 10.0.0.9:514.")
@data_option
def anchor(file: Path | None, syslog: str | None, data: Path | None) -> None:
    """Write the present end of the trail down outside the database."""
    with opened(settings_of(data)) as store, store.reading() as session:
        taken = take_anchor(session, datetime.now(UTC))
        if taken is None:
            raise click.ClickException("There is no event yet.")
        if file:
            write_to_file(taken, file)
        if syslog:
            write_to_syslog(taken, *_address(syslog))
    click.echo(f"event {taken.sequence}: {taken.hash}")


@audit.command()
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "csv", "html", "pdf"]), default="jsonl", show_default=True
)
@click.option("--study", default="", help="UID or accession number of one study; needed for html and pdf.")
@click.option("--since", type=_MOMENT, help="UTC.")
@click.option("--until", type=_MOMENT, help="UTC; before this.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@data_option
def export(
    form: str, study: str, since: datetime | None, until: datetime | None, out: Path, data: Path | None
) -> None:
    """Write the trail out: JSON Lines, CSV, or the signed report of a study (HTML, PDF). The export itself is audited."""
    if form in _REPORTS and not study:
        raise click.UsageError(f"--format {form} needs --study")
    settings, now = settings_of(data), datetime.now(UTC)
    with opened(settings) as store, store.session() as session:
        found = _one(trail_of.find_studies(session, study), study) if study else None
        uid = found.study_instance_uid if found else ""
        asked = trail_of.Asked(study_instance_uid=uid, since=_utc(since), until=_utc(until))
        count = _write(session, form, found, asked, out, settings, now)
        trail_of.record(session, "audit_exported", uid or None, user_name(), now, format=form, events=count)
    click.echo(f"{count} events in {out}")


def _write(
    session: Session,
    form: str,
    study: Study | None,
    asked: trail_of.Asked,
    out: Path,
    settings: Settings,
    now: datetime,
) -> int:
    found = trail_of.matching(asked).order_by(AuditEvent.sequence)
    if form in _REPORTS and study:
        key, events = key_of(settings.data), session.scalars(found).all()
        report = StudyReport(study, events, verify(session), now, user_name(), public_text(key))
        out.write_bytes(signed(_REPORTS[form](report), key))
        return len(events)
    counted = _Counted(session.scalars(found.execution_options(yield_per=1000)))
    with out.open("w", encoding="utf-8", newline="") as file:
        file.writelines((csv_lines if form == "csv" else json_lines)(counted))
    return counted.count


_REPORTS: dict[str, Callable[[StudyReport], bytes]] = {"html": study_page, "pdf": study_pdf}
"""Kinds of the report of one study."""


class _Counted:
    """Counts what is taken from it."""

    def __init__(self, events: Iterable[AuditEvent]) -> None:
        self.events, self.count = iter(events), 0

    def __iter__(self) -> "_Counted":
        return self

    def __next__(self) -> AuditEvent:
        event = next(self.events)
        self.count += 1
        return event


def _verify_report(report: Path, settings: Settings) -> None:
    signer = signer_of(report.read_bytes())
    if signer is None:
        raise click.ClickException(f"{report.name} is unsigned, or was changed after it was signed.")
    ours = " (the key of this data folder)" if signer == public_text(key_of(settings.data)) else ""
    click.echo(f"{report.name} is unchanged; signed with {signer}{ours}")


def _say(verdict: Verdict, anchors: int) -> None:
    compared = f", {anchors} anchors compared" if anchors else ""
    click.echo(f"{verdict.events} events{compared}; last digest {verdict.last_hash or 'none'}")
    for fault in verdict.faults:
        click.echo(f"event {fault.sequence}: {fault.words}", err=True)
    if not verdict.is_whole:
        raise click.ClickException(f"The trail is not as it was written: {len(verdict.faults)} faults.")
    click.echo("Unchanged.")


def _one(found: Sequence[Study], asked: str) -> Study:
    if not found:
        raise click.ClickException(f"No study has the UID or accession number {asked}.")
    if len(found) > 1:
        uids = "\n".join(study.study_instance_uid for study in found)
        raise click.ClickException(f"Several studies match {asked}:\n{uids}")
    return found[0]


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise click.BadParameter("needs HOST:PORT", param_hint="--syslog")
    return host.strip("[]"), int(port)


def _table(told: Iterable[Line]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("When", no_wrap=True)
    table.add_column("Who", overflow="fold")
    table.add_column("What", ratio=1, overflow="fold")
    for line in told:
        what = Text(line.event.replace("_", " "), style="bold")
        if line.text:
            what.append(f"\n{line.text}", style="not bold")
        table.add_row(Text(f"{line.at.astimezone():%Y-%m-%d %H:%M:%S}", style="dim"), line.actor, what)
    return table
