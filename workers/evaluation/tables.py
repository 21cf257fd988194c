"""A table of the report, as data for JSON and HTML alike."""

from dataclasses import dataclass

from workers.evaluation.statistics import Estimate

Cell = str | int | float | Estimate | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns."""

    key: str
    """Stable name in report.json."""
    title: str
    note: str
    """What the numbers mean; how they were made."""
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def column(table: Table, name: str) -> tuple[Cell, ...]:
    """The cells of a column, from above."""
    at = table.columns.index(name)
    return tuple(row[at] for row in table.rows)
