"""The report as one HTML file: own style sheet, pictures inside, nothing fetched from anywhere."""

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from math import inf
from pathlib import Path

from PIL import Image

from workers.evaluation.outcome import Outcome
from workers.evaluation.report import Report
from workers.evaluation.statistics import Estimate
from workers.evaluation.tables import Cell, Table

SHOWN_FAILURES = 12
"""The worst cases that get pictures; all are listed."""
SHOWN_PICTURES = ("FLAIR.png", "DWI.png", "SWI.png", "T1C.png")
THUMBNAIL_WIDTH = 900
_JPEG_QUALITY = 70
_MARKS = {"reached": "reached", "not reached": "not"}


def page_of(report: Report, home: Path) -> str:
    """The page; `home` is the evaluation's folder, which the pictures lie in."""
    style = files("workers.evaluation").joinpath("page.css").read_text(encoding="utf-8")
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<title>Cartriage evaluation</title><style>{style}</style></head><body>",
        *_head(report),
        *(part for table in report.tables for part in _table(table)),
        *_failures(report.failures, home),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _head(report: Report) -> Iterator[str]:
    yield f"<h1>Cartriage evaluation: {escape(report.suite)}</h1>"
    yield f"<p>{report.studies} studies, {escape(report.made_at)}. Research use only.</p>"
    named = " · ".join(f"{escape(name)} {escape(text)}" for name, text in report.versions.items())
    yield f"<p class=dim>policy {escape(report.policy)} ({report.policy_digest[:12]}) · {named}</p>"
    yield "<p class=dim>Numbers in brackets are 95 % intervals: Wilson for shares, DeLong for AUC, binomial ranks for medians.</p>"
    links = "".join(f"<a href='#{table.key}'>{escape(table.title)}</a>" for table in report.tables)
    yield f"<nav>{links}<a href='#failures'>Failures</a></nav>"


def _table(table: Table) -> Iterator[str]:
    yield f"<h2 id={table.key}>{escape(table.title)}</h2><p class=dim>{escape(table.note)}</p>"
    if not table.rows:
        yield "<p>Nothing in this suite.</p>"
        return
    heads = "".join(f"<th>{escape(column.strip())}</th>" for column in table.columns)
    yield f"<div class=wide><table><thead><tr>{heads}</tr></thead><tbody>"
    for row in table.rows:
        yield "<tr>" + "".join(_cell(cell) for cell in row) + "</tr>"
    yield "</tbody></table></div>"


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return f'<td class="words {_MARKS.get(cell, "")}">{escape(cell)}</td>'
    return f"<td>{cell_words(cell)}</td>"


def cell_words(cell: Cell) -> str:
    """A number as it is printed; a dash for nothing.

    >>> cell_words(Estimate(0.9, 0.5964, 0.9821, 10))
    '0.90 <small>(0.60-0.98)</small>'
    """
    match cell:
        case None | Estimate(None):
            return "-"
        case Estimate(float() | int() as value, low, high):
            within = (
                "" if low is None or high is None else f" <small>({_rounded(low)}-{_rounded(high)})</small>"
            )
            return f"{_rounded(value)}{within}"
        case float():
            return _rounded(cell)
        case _:
            return escape(str(cell))


def _rounded(value: float) -> str:
    if abs(value) == inf:
        return "-"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"


def _failures(failures: Sequence[Outcome], home: Path) -> Iterator[str]:
    yield f"<h2 id=failures>Failures ({len(failures)})</h2>"
    yield "<p class=dim>-R: missed, +R: given without need. The worst first; the others below without pictures.</p>"
    for outcome in failures[:SHOWN_FAILURES]:
        yield f"<figure><figcaption>{_story(outcome)}</figcaption>{''.join(_pictures(outcome, home))}</figure>"
    rest = "".join(f"<li>{_story(outcome)}</li>" for outcome in failures[SHOWN_FAILURES:])
    yield f"<ul>{rest}</ul>" if rest else ""


def _story(outcome: Outcome) -> str:
    wrong = ", ".join(outcome.wrong_rules) or "rules right"
    masks = "; ".join(
        f"{one.kind}: Dice {one.dice or 0:.2f}, {one.found_ml:.1f} of {one.true_ml:.1f} mL"
        for one in outcome.overlaps
        if one.true_ml or one.found_ml
    )
    detail = f" {outcome.ending}: {outcome.detail}." if outcome.detail else ""
    priority = f" {outcome.imaging_priority}." if outcome.imaging_priority else ""
    return f"<b>{escape(outcome.name)}</b>{escape(detail)} {escape(wrong)}.{priority} {escape(masks)}"


def _pictures(outcome: Outcome, home: Path) -> Iterator[str]:
    for name in outcome.pictures:
        path = home / name
        if path.name in SHOWN_PICTURES and path.exists():
            yield f"<img alt='{escape(path.stem)} of {escape(outcome.name)}' src='{_thumbnail(path)}'>"


def _thumbnail(path: Path) -> str:
    """A picture as a data URI, small enough for a mail."""
    with Image.open(path) as image:
        small = image.convert("RGB")
        small.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
