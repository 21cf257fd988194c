"""The trail for others: JSON Lines that can be checked without us, CSV for a spreadsheet, a signed page for one study."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from service.audit_check import Verdict, fields_of
from service.audit_words import told
from service.errors import ServiceError
from service.store.chain import HASHED, moment_text
from service.store.tables import AuditEvent, Study

_COLUMNS = (*HASHED, "hash")
NATURE = (
    "Cartriage, triage of brain MRI after CAR-T cells. Investigational, research use only; not for diagnosis."
)
"""What every report says of where it comes from."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula at the start of a cell."""
_STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#16202b}
h1{font-size:1.4rem;margin:0}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;
padding:.35rem .6rem;border-bottom:1px solid #d5dce4}th{border-bottom:2px solid #16202b}code{font-size:.8rem;
overflow-wrap:anywhere;color:#455}td:last-child{max-width:34rem}dl{display:grid;grid-template-columns:max-content 1fr;
gap:.2rem 1rem}dt{color:#455}dd{margin:0}.no{color:#a4001d;font-weight:600}@media print{body{margin:0;max-width:none}}"""


class ExportError(ServiceError):
    """An exported trail cannot be read."""


def plain(event: AuditEvent) -> dict[str, Any]:
    """An event as plain data, with all that its digest covers."""
    fields = fields_of(event)
    return fields | {"at": moment_text(fields["at"])}


def json_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """One JSON object a line."""
    for event in events:
        yield json.dumps(plain(event), ensure_ascii=False) + "\n"


def csv_lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Comma-separated lines with a header; details are JSON in one cell."""
    yield _csv_row(_COLUMNS)
    for event in events:
        fields = plain(event)
        fields["detail"] = json.dumps(fields["detail"], ensure_ascii=False)
        yield _csv_row(_safe(fields[name]) for name in _COLUMNS)


def read_json_lines(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Events that `json_lines` wrote.

    Raises ExportError with the number of the line that is none.
    """
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
        except ValueError as error:
            raise ExportError(f"line {number} is no event") from error
        if not isinstance(event, dict) or not set(_COLUMNS) <= event.keys():
            raise ExportError(f"line {number} is no event")
        yield event


@dataclass(frozen=True, slots=True)
class StudyReport:
    """Everything that a report of one study tells."""

    study: Study
    events: Sequence[AuditEvent]
    verdict: Verdict
    """Of the whole trail, at the moment of the report."""
    written_at: datetime
    written_by: str
    public_key: str

    @property
    def facts(self) -> dict[str, str]:
        """What stands above the events."""
        study = self.study
        return {
            "Study Instance UID": study.study_instance_uid,
            "Patient ID": study.patient_id,
            "Accession number": study.accession_number or "none",
            "Study date": study.study_date.isoformat() if study.study_date else "unknown",
            "Events": str(len(self.events)),
            "Written": f"{moment_text(self.written_at)} by {self.written_by}",
            "Signing key (Ed25519)": self.public_key,
        }

    @property
    def state(self) -> str:
        """Whether the trail is whole, in words."""
        verdict = self.verdict
        if verdict.is_whole:
            return f"The whole trail of {verdict.events} events is unchanged; its last digest is {verdict.last_hash}."
        faults = "; ".join(f"event {fault.sequence}: {fault.words}" for fault in verdict.faults[:20])
        return f"The trail has {len(verdict.faults)} faults: {faults}"


def study_page(report: StudyReport) -> bytes:
    """One HTML page without scripts or outside parts, for print and for signature."""
    title = f"Audit report of study {escape(report.study.study_instance_uid)}"
    facts = report.facts
    told_facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    rows = "".join(_row(event) for event in report.events)
    mark = "" if report.verdict.is_whole else ' class="no"'
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{NATURE}</p>"
        f"<dl>{told_facts}</dl><p{mark}>{escape(report.state)}</p>"
        "<table><thead><tr><th>No.</th><th>When (UTC)</th><th>Who</th><th>What</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></body></html>\n"
    ).encode()


def _row(event: AuditEvent) -> str:
    text = "<br>".join(escape(line) for line in told(event).splitlines())
    detail = escape(json.dumps(event.detail, ensure_ascii=False, sort_keys=True))
    return (
        f"<tr><td>{event.sequence}</td><td>{moment_text(event.at)}</td><td>{escape(event.actor)}</td>"
        f"<td><strong>{escape(event.event.replace('_', ' '))}</strong><br>{text}"
        f"<br><code>{detail}</code><br><code>{event.hash}</code></td></tr>"
    )


def _safe(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_row(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()
