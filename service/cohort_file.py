"""Entries of the registry from text: one patient typed in, or a CSV file that is taken whole or not at all."""

import csv
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import StringIO

from rules.context import PatientContext
from rules.context_file import ContextError, context_from_mapping

MAX_ROWS = 100_000
"""More rows are no registry of CAR-T recipients but the wrong file."""

_FIELDS = frozenset(field.name for field in dataclasses.fields(PatientContext))


class RowError(ValueError):
    """A row that cannot be taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody entered of one patient."""

    context: PatientContext
    fields: frozenset[str]
    """Names of the fields that were entered; the others are unknown, not empty."""
    entered_at: datetime
    is_observation: bool
    """A person states it now; a file may only repeat what was known."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of a file that cannot be taken."""

    line: int
    """As an editor counts, from 1."""
    text: str


@dataclass(frozen=True, slots=True)
class CohortFile:
    """A file that was read; nothing is entered while it has problems."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]


def entry_of(values: Mapping[str, str], *, source: str, now: datetime, is_observation: bool) -> Entry:
    """An entry from field names (docs/context.md) and texts; empty ones are left out.

    Raises ContextError if a value is not allowed, RowError if it is no CAR-T recipient with a patient ID.
    """
    context = context_from_mapping(values, source=source, recorded_at=now)
    if not context.patient_id:
        raise RowError("patient_id is empty")
    if not context.is_cart_recipient:
        raise RowError(
            "is_cart_recipient is false; `cartriage cohort remove` takes a patient off the registry"
        )
    entered = frozenset(name for name, value in values.items() if value and value.strip())
    return Entry(context, entered & _FIELDS, now, is_observation)


def read_cohort_file(text: str, *, source: str, now: datetime) -> CohortFile:
    """The entries of a CSV file whose header row names fields; comma, semicolon or tab separate."""
    text = text.removeprefix("\ufeff")
    lines = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    problems: list[Problem] = []
    entries: dict[tuple[str, str], Entry] = {}
    try:
        for line, header, cells in _rows(lines):
            try:
                entry = entry_of(_values(header, cells), source=source, now=now, is_observation=False)
                if entries.setdefault((entry.context.patient_id, entry.context.issuer), entry) is not entry:
                    problems.append(Problem(line, "the same patient stands on an earlier line"))
            except (ContextError, RowError) as error:
                problems.append(Problem(line, str(error)))
    except (csv.Error, RowError) as error:
        problems.append(Problem(lines.line_num, str(error)))
    return CohortFile(tuple(entries.values()), tuple(problems))


def _rows(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str], list[str]]]:
    """Number, header and cells of each row that is not blank."""
    header = [name.strip() for name in next(lines, [])]
    if "patient_id" not in header:
        raise RowError("the header row has no column `patient_id`")
    if len(set(header)) < len(header):
        raise RowError("a column stands twice in the header row")
    for number, cells in enumerate(lines, start=2):
        if number > MAX_ROWS:
            raise RowError(f"more than {MAX_ROWS} rows")
        if any(cell.strip() for cell in cells):
            yield number, header, cells


def _values(header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) > len(header):
        raise RowError("more cells than the header row has columns")
    return dict(zip(header, cells, strict=False))


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)
