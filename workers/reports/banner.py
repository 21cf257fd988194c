"""The page that every viewer shows: the priority at a glance, the reasons, and what was not assessed.

No name or identifier of the patient is drawn: the page may end on a screen that others see.
"""

from collections.abc import Iterable
from dataclasses import replace

from PIL import Image, ImageDraw

from rules.decision import Decision, Status
from workers.reports.content import ReportContent
from workers.reports.page_design import (
    BANDS,
    INK,
    PAGE,
    PANEL,
    RULE,
    SOFT_INK,
    WARNING_INK,
    draw_sign,
    hatching,
)
from workers.reports.page_text import Column, Section, flow
from workers.reports.study_attributes import anchor_header, local_time
from workers.reports.typesetting import Line, Style, font, largest, shorten

SIZE = 1024
"""Width and height of the page in pixels."""
NOT_FOR_DIAGNOSIS = "Triage aid. Not for diagnosis. Investigational, research use only."

_MARGIN = 48
_BAND_BOTTOM = 224
_STRIP_BOTTOM = 344
_FOOTER_TOP = 846
_TEXT_LEFT = 216
_STRIP_LEFT = 216
_STRIPES = ((24, 29, 37), (96, 106, 120))
_DIGEST_DIGITS = 16


def render_banner(content: ReportContent) -> Image.Image:
    """The page of a decision, (1024, 1024) RGB."""
    page = Image.new("RGB", (SIZE, SIZE), PAGE)
    draw = ImageDraw.Draw(page)
    _draw_band(draw, content.decision)
    _draw_strip(page, content.decision)
    draw.line((_MARGIN, _FOOTER_TOP, SIZE - _MARGIN, _FOOTER_TOP), fill=RULE, width=2)
    for line in page_lines(content):
        typeface = font(line.style.size, is_bold=line.style.is_bold)
        draw.text((line.x, line.y), line.text, font=typeface, fill=line.style.colour)
    return page


def page_lines(content: ReportContent) -> list[Line]:
    """Every line of text on the page, at its place."""
    return [
        *_band_lines(content.decision),
        *_strip_lines(content.decision),
        *flow(_body(content), Column(_MARGIN, _STRIP_BOTTOM + 24, SIZE - _MARGIN, _FOOTER_TOP)),
        *flow(_footer(content), Column(_MARGIN, _FOOTER_TOP + 16, SIZE - _MARGIN, SIZE - 8)),
    ]


def _draw_band(draw: ImageDraw.ImageDraw, decision: Decision) -> None:
    band = BANDS[decision.priority]
    draw.rectangle((0, 0, SIZE, _BAND_BOTTOM), fill=band.fill)
    draw_sign(draw, (_MARGIN, 40, _MARGIN + 120, _BAND_BOTTOM - 40), band)


def _band_lines(decision: Decision) -> Iterable[Line]:
    band = BANDS[decision.priority]
    style = Style(92, band.ink, band.fill, is_bold=True)
    title = f"{decision.priority.value} {decision.priority.words.upper()}"
    yield Line(title, _TEXT_LEFT, 40, largest(title, style, SIZE - _TEXT_LEFT - _MARGIN))
    yield Line(band.note, _TEXT_LEFT + 4, 154, Style(32, band.ink, band.fill))


def _draw_strip(page: Image.Image, decision: Decision) -> None:
    draw = ImageDraw.Draw(page)
    height = _STRIP_BOTTOM - _BAND_BOTTOM
    draw.rectangle((0, _BAND_BOTTOM, SIZE, _STRIP_BOTTOM), fill=PANEL)
    if not decision.is_assessed:
        page.paste(hatching((_STRIP_LEFT - 24, height), _STRIPES), (0, _BAND_BOTTOM))
    elif _present(decision):
        draw.rectangle((0, _BAND_BOTTOM, 16, _STRIP_BOTTOM), fill=BANDS[decision.priority].fill)


def _strip_lines(decision: Decision) -> Iterable[Line]:
    if not decision.is_assessed:
        title, note, left = "IMAGES NOT ASSESSED", "No conclusion in either direction.", _STRIP_LEFT
    elif names := _present(decision):
        title, note, left = f"Suspected: {'; '.join(names)}", _open_note(decision), _MARGIN
    else:
        title, left = "No prespecified pattern detected", _MARGIN
        note = "In what could be assessed. This does not exclude disease. Interpret the full images."
    style = Style(40, INK, PANEL, is_bold=True)
    note_style = Style(24, SOFT_INK, PANEL)
    yield Line(*_fitted(title, left, _BAND_BOTTOM + 20, style))
    yield Line(*_fitted(note, left, _BAND_BOTTOM + 74, note_style))


def _fitted(text: str, x: int, y: int, style: Style, smallest: float = 0.6) -> tuple[str, int, int, Style]:
    """One line made smaller, then shortened, until it fits between `x` and the margin."""
    width = SIZE - x - _MARGIN
    fitting = largest(text, style, width)
    if fitting.size >= style.size * smallest:
        return text, x, y, fitting
    small = style.scaled(smallest)
    return shorten(text, small, width), x, y, small


def _open_note(decision: Decision) -> str:
    if decision.could_be is None:
        return "Not for diagnosis; may be wrong."
    return f"Not for diagnosis; may be wrong. Open questions could raise this to {decision.could_be.value}."


def _present(decision: Decision) -> list[str]:
    return [pattern.name for pattern in decision.patterns if pattern.status is Status.PRESENT]


def _body(content: ReportContent) -> list[Section]:
    decision = content.decision
    text = Style(23, INK, PAGE)
    soft = replace(text, colour=SOFT_INK)
    title = Style(22, SOFT_INK, PAGE, is_bold=True)
    reasons = tuple(r for p in decision.patterns if p.status is Status.PRESENT for r in p.reasons)
    return [
        Section((decision.headline,), Style(30, INK, PAGE, is_bold=True)),
        Section(
            ("   ·   ".join(content.context_lines),) if content.context_lines else (), replace(text, size=25)
        ),
        Section(decision.sentences, text, "WHY", title),
        Section(reasons, soft, "MEASURED", title, keep=0),
        Section(_gaps(decision), text, "NOT ASSESSED", replace(title, colour=WARNING_INK)),
    ]


def _gaps(decision: Decision) -> tuple[str, ...]:
    open_patterns = [p for p in decision.patterns if p.status is Status.OPEN and p.missing]
    open_lines = [f"{p.name}: open, needs {', '.join(p.missing)}" for p in open_patterns]
    return (*decision.not_assessed, *open_lines)


def _footer(content: ReportContent) -> list[Section]:
    decision, policy = content.decision, content.decision.policy
    small = Style(18, SOFT_INK, PAGE)
    others = " ".join(text for text in decision.disclaimers if text != NOT_FOR_DIAGNOSIS)
    moment = local_time(content, anchor_header(content)).isoformat(sep=" ", timespec="seconds")
    identity = (
        f"{content.device.name} {content.device.version} · policy {policy.name} {policy.version} "
        f"sha256 {policy.digest[:_DIGEST_DIGITS]} · snapshot {content.snapshot} · {moment}"
    )
    return [
        Section((NOT_FOR_DIAGNOSIS,), Style(25, WARNING_INK, PAGE, is_bold=True)),
        Section(tuple(filter(None, (others, content.completeness, identity))), small, keep=3),
    ]
