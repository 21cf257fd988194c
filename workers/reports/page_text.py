"""The running text of the page: sections that shrink, then shorten, until they fit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workers.reports.typesetting import Line, Style, wrap

_SCALES = (1.2, 1.1, 1.0, 0.94, 0.88)
"""Sizes tried before anything is left out; a smaller page is no longer read at a glance."""
_BULLET = "•"
_INDENT = 28


@dataclass(frozen=True, slots=True)
class Section:
    """Items under a title; one alone, or without a title, stands without bullets."""

    items: tuple[str, ...]
    style: Style
    title: str = ""
    title_style: Style | None = None
    lines_at_most: int = 3
    """Lines of one item; the SR has it whole."""
    keep: int = 1
    """How many items may never be left out."""
    gap: int = 14
    """Space after the section, in pixels."""
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """Where the text goes, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left


def flow(sections: Sequence[Section], column: Column) -> list[Line]:
    """Lines of all sections, inside the column.

    What does not fit even at the smallest size is left out from the end of the longest section that can spare it, and
    the section says how much is missing; in the end the items themselves are shortened.
    """
    sections = [section for section in sections if section.items]
    for scale in _SCALES:
        lines, bottom = _set(sections, column, scale)
        if bottom <= column.bottom:
            return lines
    while bottom > column.bottom and (shorter := _shorter(sections)) != sections:
        sections = shorter
        lines, bottom = _set(sections, column, _SCALES[-1])
    return lines


def _shorter(sections: list[Section]) -> list[Section]:
    """The sections with one item less, or with shorter items if none can be spared."""
    if not any(len(section.items) > section.keep for section in sections):
        return [replace(section, lines_at_most=max(1, section.lines_at_most - 1)) for section in sections]
    spare = max(range(len(sections)), key=lambda i: (len(sections[i].items) - sections[i].keep, i))
    section = sections[spare]
    less = replace(section, items=section.items[:-1], hidden=section.hidden + 1)
    return [*sections[:spare], less, *sections[spare + 1 :]]


def _set(sections: Sequence[Section], column: Column, scale: float) -> tuple[list[Line], int]:
    lines: list[Line] = []
    y = column.top
    for section in sections:
        placed, y = _set_section(section, replace(column, top=y), scale)
        lines += placed
    return lines, y


def _set_section(section: Section, column: Column, scale: float) -> tuple[list[Line], int]:
    style = section.style.scaled(scale)
    has_bullets = bool(section.title) and len(section.items) + section.hidden > 1
    indent = round(_INDENT * scale) if has_bullets else 0
    lines: list[Line] = []
    y = column.top
    if section.title:
        title_style = (section.title_style or section.style).scaled(scale)
        lines.append(Line(section.title, column.left, y, title_style))
        y += title_style.leading
    for item in _items(section):
        if has_bullets:
            lines.append(Line(_BULLET, column.left, y, style))
        for text in wrap(item, style, column.width - indent, section.lines_at_most):
            lines.append(Line(text, column.left + indent, y, style))
            y += style.leading
    return lines, y + round(section.gap * scale)


def _items(section: Section) -> tuple[str, ...]:
    return (*section.items, f"{section.hidden} more: see SR") if section.hidden else section.items
