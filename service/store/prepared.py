"""Prepared statements: compiled by SQLAlchemy once for a dialect, run on the driver's own cursor.

Of a small statement most of the time is SQLAlchemy's own. The intake runs a handful for each object, so it is worth it there, and
only there. Values are parameters, converted by the columns' types, as ever.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Executable, Table, insert, update
from sqlalchemy.sql.compiler import SQLCompiler

Cursor = Any
"""Of a DB-API driver (PEP 249)."""


class Prepared:
    """A statement for one dialect."""

    def __init__(
        self, statement: Executable, dialect: Dialect, column_keys: Sequence[str] | None = None
    ) -> None:
        """Compile it; `column_keys` are the columns that an INSERT gives or an UPDATE sets."""
        compiled = statement.compile(dialect=dialect, column_keys=column_keys)  # type: ignore[attr-defined]
        if not isinstance(compiled, SQLCompiler):
            raise TypeError(type(compiled).__name__)
        self._sql = str(compiled)
        writers = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect)
            for bind, name in compiled.bind_names.items()
        }
        self._is_by_name = compiled.positiontup is None
        self._values = [(name, writers[name]) for name in compiled.positiontup or writers]

    def run(self, cursor: Cursor, values: Mapping[str, Any]) -> Cursor:
        """Execute it once."""
        cursor.execute(self._sql, self._row(values))
        return cursor

    def run_many(self, cursor: Cursor, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute it for each row."""
        cursor.executemany(self._sql, [self._row(values) for values in rows])

    def _row(self, values: Mapping[str, Any]) -> Any:
        written = [values[name] if write is None else write(values[name]) for name, write in self._values]
        if self._is_by_name:
            return {name: value for (name, _), value in zip(self._values, written, strict=True)}
        return written


def inserting(table: Table, columns: Sequence[str], dialect: Dialect) -> Prepared:
    """An INSERT of those columns."""
    return Prepared(insert(table).inline(), dialect, column_keys=columns)


def updating(table: Table, columns: Sequence[str], where: Any, dialect: Dialect) -> Prepared:
    """An UPDATE of those columns."""
    return Prepared(update(table).where(where), dialect, column_keys=columns)


def reader(column: Any, dialect: Dialect) -> Any:
    """What turns a driver's value of a column into ours; None if it is the same."""
    return column.type.dialect_impl(dialect).result_processor(dialect, None)
