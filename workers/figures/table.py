"""The findings as a table on one sheet."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rules.findings import Finding, Measured, NotAssessed, Unit
from rules.words import quantity_words, subject_words, unit_words, value_words
from workers.figures.sheet import blank

ROWS = 64
"""Lines of a column; what does not fit in COLUMNS is counted and stands in result.json."""
COLUMNS = 3
_SUBJECT, _CELL = 40, 16
"""Characters of the first and of every other column of a check's table."""
_CELLS = 5
"""Quantities side by side."""
_WIDE = _SUBJECT + _CELL * _CELLS
_WIDTH, _LINE, _TOP = 800, 15, 50
"""Pixels of a column's width, a line, and the title."""


def table_lines(findings: Sequence[Finding]) -> list[str]:
    """What was measured above zero, a table for each check; then what was zero, and what was not assessed and why."""
    measured = [one for one in findings if isinstance(one, Measured)]
    above = [one for one in measured if one.value]
    lines: list[str] = []
    for check in dict.fromkeys(one.evidence.check for one in above):
        lines += [f"# {check}", *_tables([one for one in above if one.evidence.check == check])]
    lines.append(f"# measured as zero: {len(measured) - len(above)}")
    reasons = Counter(
        f"{quantity_words(one.quantity)}: {one.detail}" for one in findings if isinstance(one, NotAssessed)
    )
    lines.append(f"# not assessed: {sum(reasons.values())}")
    return lines + [f"{reason} ({count})" for reason, count in reasons.most_common()]


def draw_table(findings: Sequence[Finding], path: Path) -> Path:
    """Write the table as PNG."""
    lines = table_lines(findings)
    room = ROWS * COLUMNS
    if len(lines) > room:
        lines = [*lines[: room - 1], f"and {len(lines) - room + 1} lines more, in result.json"]
    rows = min(max(len(lines), 1), ROWS)
    columns = max(-(-len(lines) // ROWS), 1)
    width, height = columns * _WIDTH, _TOP + rows * _LINE
    figure = blank(width, height, "white")
    figure.text(10 / width, 1 - 20 / height, "Findings (research use only)", size=12, va="center")
    for n, line in enumerate(lines):
        x, y = 10 + n // ROWS * _WIDTH, _TOP + (n % ROWS) * _LINE
        weight = "bold" if line.startswith("# ") else "normal"
        words = line.removeprefix("# ")[:_WIDE]
        figure.text(
            x / width, 1 - y / height, words, size=7.5, va="center", weight=weight, family="monospace"
        )
    figure.savefig(path, metadata={"Software": None})
    return path


def _tables(findings: Sequence[Measured]) -> list[str]:
    """Regions downwards, quantities sideways, _CELLS of them at a time."""
    quantities = list(dict.fromkeys(one.quantity for one in findings))
    lines = []
    for start in range(0, len(quantities), _CELLS):
        chosen = quantities[start : start + _CELLS]
        family = chosen[0].value.split("_", 1)[0]
        heads = [quantity.value.removeprefix(f"{family}_") for quantity in chosen]
        lines.append(family.ljust(_SUBJECT) + "".join(head[: _CELL - 1].rjust(_CELL) for head in heads))
        places = dict.fromkeys((one.region, one.side) for one in findings if one.quantity in chosen)
        for place in places:
            here = {one.quantity: _cell(one) for one in findings if (one.region, one.side) == place}
            cells = "".join(here.get(quantity, "").rjust(_CELL) for quantity in chosen)
            lines.append(subject_words(*place)[: _SUBJECT - 1].ljust(_SUBJECT) + cells)
    return lines


def _cell(finding: Measured) -> str:
    """The value and its half width; the unit of ADC would not fit."""
    value = value_words(finding.value, finding.unit)
    short = value.removesuffix(unit_words(finding.unit)) if finding.unit == Unit.ADC else value
    return short if finding.uncertainty is None else f"{short}±{finding.uncertainty:.2g}"
