"""`cartriage audit`: the trail of a study, for people and for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.audit import find_studies, trail
from service.cli.options import data_option, opened, settings_of
from service.store.tables import AuditEvent, Study

_SENTENCES = {
    "association_rejected": "{reason}",
    "clock_went_back": "the clock went back; quiet time starts again",
    "delivery_dropped": "{cargo} to {destination} given up by {user}: {reason}",
    "delivery_retried": "{cargo} to {destination} tried again by {user}",
    "delivery_stuck": "{destination} does not take {sop_instance_uid}, {tries} tries so far: {outcome}",
    "delivery_unproven": "ALARM: urgent {cargo} is not proven at {destination} in time ({state}; {outcome})",
    "identity_conflict": "the objects name more than one patient ({differs} differs)",
    "instance_refused": "status {status}: {reason}",
    "job_failed": "no result after {rings} rings: a person has to look",
    "proof_not_given": "{destination} does not prove that it has {sop_instance_uid}: {outcome}",
    "report_lost": "{destination} has not kept {sop_instance_uid}: {outcome}; sent again",
    "report_proven": "{cargo} is at {destination}, by {proof}, {seconds:g} s after it was owed",
    "report_stored": "{sop_instance_uid} at {destination}",
    "report_stored_with_warning": "{sop_instance_uid} at {destination}: {outcome}",
    "study_admitted": "{reason}",
    "study_declined": "{reason}",
    "study_handed_over": "to the workers",
    "study_rung_again": "no result yet; handed over again, {rings} rings so far",
    "study_settled": "snapshot {snapshot}: {instances} objects in {series} series; nothing new for {quiet_time_s:g} s",
}
"""Event to its line; an event without one shows its details."""
_OBJECTS = {
    "instance_conflict": "kept beside: same UID, other bytes",
    "instance_repeated": "sent again, nothing changed",
    "instance_stored": "stored",
    "own_report_received": "of our own came back",
}
"""Events of single objects, told together as long as nothing else happens between them."""
_NOT_SHOWN = frozenset({"context_digest", "input_digest", "job_id", "policy", "sha256", "versions"})
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class _Line:
    at: str
    event: str
    actor: str
    text: str


@click.command()
@click.argument("study")
@click.option("--json", "as_json", is_flag=True, help="For programs: every event with all its details.")
@data_option
def audit(study: str, data: Path | None, *, as_json: bool) -> None:
    """Show the trail of a STUDY: its UID, the start of its UID, or its accession number."""
    with opened(settings_of(data)) as store, store.reading() as session:
        found = _one(find_studies(session, study), study)
        events = trail(session, found.study_instance_uid)
    if as_json:
        click.echo(json.dumps([_plain(event) for event in events], indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    console.print(Text(f"Study {found.study_instance_uid}", style="bold"))
    console.print(_table(list(_lines(events))))


def _one(found: Sequence[Study], asked: str) -> Study:
    if not found:
        raise click.ClickException(f"No study has the UID or accession number {asked}.")
    if len(found) > 1:
        uids = "\n".join(study.study_instance_uid for study in found)
        raise click.ClickException(f"Several studies match {asked}:\n{uids}")
    return found[0]


def _plain(event: AuditEvent) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "event": event.event,
        "study_instance_uid": event.study_instance_uid,
        "actor": event.actor,
        "detail": event.detail,
    }


def _lines(events: Sequence[AuditEvent]) -> Iterator[_Line]:
    for (name, actor), group in groupby(events, key=lambda event: (event.event, event.actor)):
        same = list(group)
        if name in _OBJECTS:
            yield _Line(_moment(same[0]), name, actor, _counted(same))
        else:
            yield from (_Line(_moment(event), name, actor, _told(event)) for event in same)


def _counted(events: list[AuditEvent]) -> str:
    series = len({event.detail.get("series_instance_uid") for event in events})
    objects = "object" if len(events) == 1 else "objects"
    seconds = (events[-1].at - events[0].at).total_seconds()
    during = f" within {seconds:.0f} s" if seconds >= 1 else ""
    return f"{len(events)} {objects} in {series} series {_OBJECTS[events[0].event]}{during}"


def _told(event: AuditEvent) -> str:
    detail = event.detail
    if event.event in _SENTENCES:
        try:
            return _SENTENCES[event.event].format(**detail)
        except (KeyError, ValueError):  # written by an older version
            return _details(detail)
    if sentences := detail.get("sentences"):
        return "\n".join([f"{detail.get('priority', '')} {sentences[0]}".strip(), *sentences[1:]])
    return _details(detail)


def _details(detail: dict[str, Any]) -> str:
    shown = {
        key: value for key, value in detail.items() if key not in _NOT_SHOWN and value not in ("", None, [])
    }
    return ", ".join(f"{key.replace('_', ' ')} {_short(value)}" for key, value in shown.items())


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _moment(event: AuditEvent) -> str:
    return f"{event.at.astimezone():%Y-%m-%d %H:%M:%S}"


def _table(lines: list[_Line]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("When", no_wrap=True)
    table.add_column("Who", overflow="fold")
    table.add_column("What", ratio=1, overflow="fold")
    for line in lines:
        what = Text(line.event.replace("_", " "), style="bold")
        if line.text:
            what.append(f"\n{line.text}", style="not bold")
        table.add_row(Text(line.at, style="dim"), line.actor, what)
    return table
