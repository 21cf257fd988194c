"""One PNG: a title, a mosaic of slices with the patient's sides marked, a legend."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workers.figures.mosaic import COLUMNS, Colour, Picture, mosaic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100
_TITLE = 46
"""Pixels from the top to the legend's first line."""
_LINE = 18
_WIDE = 190
"""Characters of a line that fit on a text sheet."""
_TEXT_SHEET = (1480, 120)
"""Pixels of a sheet without pictures."""

_COMPRESSION = 3
"""Of zlib: 0.33 s instead of 0.55 s a sheet, and no larger."""

Writer = Callable[[float, float, str, float, str | tuple[float, ...]], None]
"""Puts text at pixels from the left and the top: x, y, words, size in points, colour."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on one sheet."""

    title: str
    pictures: Sequence[Picture] = ()
    """Of one size; COLUMNS in each row."""
    letters: tuple[str, str] = ("", "")
    """Patient's side at the left and right edge of each picture."""
    legend: Sequence[tuple[str, Colour]] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    """Sentences under the title, as the reason why nothing is drawn."""


def draw(sheet: Sheet, path: Path) -> Path:
    """Write a sheet; the same sheet gives the same bytes."""
    notes = [line for note in sheet.notes for line in textwrap.wrap(note, _WIDE)]
    whole = mosaic(sheet.pictures) if sheet.pictures else np.zeros((*_TEXT_SHEET[::-1], 3), np.uint8)
    legend = _placed(sheet.legend, whole.shape[1])
    head = int(legend[-1][3] if legend else _TITLE) + _LINE
    top = head + _LINE * len(notes)
    height, width = whole.shape[0] + top, whole.shape[1]
    figure = blank(width, height, "black")
    figure.figimage(np.ascontiguousarray(whole), 0, 0, origin="upper")

    def write(x: float, y: float, words: str, size: float, colour: str | tuple[float, ...]) -> None:
        """Text at pixels from the left and the top."""
        figure.text(x / width, 1 - y / height, words, size=size, color=colour, va="center")

    write(10, 18, sheet.title, 12, "white")
    _write_legend(write, legend)
    for n, line in enumerate(notes):
        write(10, head + _LINE * (n + 0.5), line, 10, "#ffd37f")
    if sheet.pictures and any(sheet.letters):
        _write_letters(write, sheet, top)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"compress_level": _COMPRESSION})
    return path


def blank(width: int, height: int, colour: str) -> "Figure":
    """An empty figure of so many pixels."""
    # Half a second, which a run that draws nothing need not pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=colour)
    FigureCanvasAgg(figure)
    return figure


def _write_legend(write: Writer, entries: Sequence[tuple[str, Colour, float, float]]) -> None:
    for name, colour, x, y in entries:
        write(x, y, f"■ {name}", 9.5, tuple(part / 255 for part in colour))


def _placed(legend: Sequence[tuple[str, Colour]], width: int) -> list[tuple[str, Colour, float, float]]:
    """Legend entries with their pixels from the left and the top, in as many lines as they need."""
    entries, x, y = [], 10.0, float(_TITLE)
    for name, colour in legend:
        needed = 30 + 7.2 * len(name)
        if x + needed > width and x > 10:
            x, y = 10.0, y + _LINE
        entries.append((name, colour, x, y))
        x += needed
    return entries


def _write_letters(write: Writer, sheet: Sheet, top: int) -> None:
    height, width = sheet.pictures[0].shape[:2]
    for n in range(len(sheet.pictures)):
        x, y = n % COLUMNS * width, top + n // COLUMNS * height + height / 2
        write(x + 4, y, sheet.letters[0], 9, "#9fd0ff")
        write(x + width - 16, y, sheet.letters[1], 9, "#9fd0ff")
