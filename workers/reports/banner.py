"""The page that every viewer shows: the priority at a glance, the reasons, and what was not assessed.

No name or identifier of the patient is drawn: the page may end on a screen that others see.
"""

from collections.abc import Iterable
from dataclasses import replace

from PIL import Image, ImageDraw

from rules.decision import Decision
from rules.messages import ResultState
from rules.urgency import Priority
from workers.reports.content import ReportContent
from workers.reports.page_design import (
    BANDS,
    INK,
    PAGE,
    PANEL,
    RULE,
    SOFT_INK,
    WARNING_INK,
    hatching,
    sign,
)
from workers.reports.page_text import Column, Section, flow
from workers.reports.study_attributes import anchor_header, local_time
from workers.reports.typesetting import Line, Style, font, largest, shorten, wrap

SIZE = 1024
"""Width and height of the page in pixels."""
NOT_FOR_DIAGNOSIS = "Triage aid. Not for diagnosis. Investigational, research use only."

_MARGIN = 48
_BAND_BOTTOM = 208
_STRIP_BOTTOM = 354
_FOOTER_TOP = 852
_SIGN_TOP = 24
_EDGE = 16
_TEXT_LEFT = 216
_STRIP_LEFT = 216
_STRIPES = ((24, 29, 37), (96, 106, 120))
_SMALLEST = 0.8
"""How small the one-line texts may get before they are shortened."""
_IN_TWO_LINES = 0.7
_NOT_ASSESSED = "IMAGES NOT ASSESSED"
_SAID_BELOW = "Not assessed"
"""How the sentences begin that stand in a section of their own."""
_SAID_ABOVE = "Flagged for earlier reading"
"""How the sentence begins that band and strip have said already."""
_STATES = {
    ResultState.PROVISIONAL: "PROVISIONAL",
    ResultState.CONFIRMED: "",
    ResultState.CORRECTED: "CORRECTED",
}
_DIGEST_DIGITS = 16


def render_banner(content: ReportContent) -> Image.Image:
    """The page of a decision, (1024, 1024) RGB."""
    page = Image.new("RGB", (SIZE, SIZE), PAGE)
    _draw_band(page, content.decision)
    _draw_strip(page, content)
    draw = ImageDraw.Draw(page)
    draw.line((_MARGIN, _FOOTER_TOP, SIZE - _MARGIN, _FOOTER_TOP), fill=RULE, width=2)
    for line in page_lines(content):
        typeface = font(line.style.size, is_bold=line.style.is_bold)
        draw.text((line.x, line.y), line.text, font=typeface, fill=line.style.colour)
    return page


def page_lines(content: ReportContent) -> list[Line]:
    """Every line of text on the page, at its place."""
    return [
        *_band_lines(content),
        *_strip_lines(content),
        *flow(_body(content), Column(_MARGIN, _STRIP_BOTTOM + 24, SIZE - _MARGIN, _FOOTER_TOP)),
        *flow(_footer(content), Column(_MARGIN, _FOOTER_TOP + 12, SIZE - _MARGIN, SIZE - 8)),
    ]


def _draw_band(page: Image.Image, decision: Decision) -> None:
    band = BANDS[decision.priority]
    page.paste(band.fill, (0, 0, SIZE, _BAND_BOTTOM))
    page.paste(sign((124, _BAND_BOTTOM - 2 * _SIGN_TOP), band), (_MARGIN, _SIGN_TOP))


def _band_lines(content: ReportContent) -> Iterable[Line]:
    decision = content.decision
    band = BANDS[decision.priority]
    style = Style(92, band.ink, band.fill, is_bold=True)
    title = f"{decision.priority.value} {decision.priority.words.upper()}"
    yield Line(title, _TEXT_LEFT, 32, largest(title, style, SIZE - _TEXT_LEFT - _MARGIN))
    note = " · ".join(part for part in (band.note, _target(content), _STATES[content.state]) if part)
    plain = Style(32, band.ink, band.fill)
    yield Line(note, _TEXT_LEFT + 4, 144, largest(note, plain, SIZE - _TEXT_LEFT - 4 - _MARGIN))


def _target(content: ReportContent) -> str:
    """Only where something is flagged: routine keeps the site's own times."""
    if content.target_minutes is None or content.decision.priority is Priority.P4:
        return ""
    hours, minutes = divmod(content.target_minutes, 60)
    return f"start within {f'{hours:g} h' if hours and not minutes else f'{content.target_minutes:g} min'}"


def _draw_strip(page: Image.Image, content: ReportContent) -> None:
    decision = content.decision
    height = _STRIP_BOTTOM - _BAND_BOTTOM
    page.paste(PANEL, (0, _BAND_BOTTOM, SIZE, _STRIP_BOTTOM))
    if _is_silent(content):
        page.paste(hatching((_STRIP_LEFT - 24, height), _STRIPES), (0, _BAND_BOTTOM))
    elif _is_suspected(decision):
        page.paste(BANDS[decision.priority].fill, (0, _BAND_BOTTOM, _EDGE, _STRIP_BOTTOM))
    elif decision.could_be:
        page.paste(hatching((_EDGE, height), _STRIPES), (0, _BAND_BOTTOM))


def _is_silent(content: ReportContent) -> bool:
    """Whether the images allowed no conclusion; of a study that still arrives nobody knows that yet."""
    return not content.decision.is_assessed and content.state is not ResultState.PROVISIONAL


def _strip_lines(content: ReportContent) -> Iterable[Line]:
    """The headline in two: what was found or not, and what else holds; the band has said the priority already."""
    decision = content.decision
    outcome = decision.headline.removeprefix(f"{decision.priority.value} {decision.priority.words}: ")
    if not _is_silent(content):
        left = _MARGIN
        title, _, because = outcome.partition("; ")
    else:
        left = _STRIP_LEFT
        title, because = _NOT_ASSESSED, outcome.removeprefix("NOT ASSESSED").strip(" :,;")
    soft = Style(23, SOFT_INK, PANEL)
    large = Style(40, INK, PANEL, is_bold=True)
    if largest(_capital(title), large, SIZE - left - _MARGIN).size >= large.scaled(_SMALLEST).size:
        top = _BAND_BOTTOM + (14 if because else 30)
        yield _fitted(_capital(title), left, top, large)
        below = top + 54
    else:  # several patterns: each is named before any is left out
        style = large.scaled(_IN_TWO_LINES)
        below = _BAND_BOTTOM + 10
        for text in wrap(_capital(title), style, SIZE - left - _MARGIN, 2):
            yield Line(text, left, below, style)
            below += style.leading
    yield _fitted(_caution(decision), left, below, replace(soft, colour=INK))
    if because:
        yield _fitted(_capital(because), left, below + 34, soft)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fitted(text: str, x: int, y: int, style: Style) -> Line:
    """One line made smaller, then shortened, until it fits between `x` and the margin."""
    width = SIZE - x - _MARGIN
    fitting = largest(text, style, width)
    smallest = style.scaled(_SMALLEST)
    if fitting.size >= smallest.size:
        return Line(text, x, y + (style.leading - fitting.leading) // 2, fitting)
    return Line(shorten(text, smallest, width), x, y + (style.leading - smallest.leading) // 2, smallest)


def _caution(decision: Decision) -> str:
    """What the clause above it must not be taken for."""
    if not decision.is_assessed:
        return "No conclusion in either direction. Interpret the full images."
    open_note = f" Open questions could make it {decision.could_be.value}." if decision.could_be else ""
    if _is_suspected(decision):
        return f"May be wrong; not for diagnosis.{open_note}"
    return f"This does not exclude disease. Interpret the full images.{open_note}"


def _is_suspected(decision: Decision) -> bool:
    """Whether the images themselves ask for earlier reading."""
    return decision.imaging_priority.is_above(Priority.P4)


def _body(content: ReportContent) -> list[Section]:
    decision = content.decision
    text = Style(24, INK, PAGE)
    title = Style(21, SOFT_INK, PAGE, is_bold=True)
    context = _capital("  ·  ".join(content.context_lines))
    why = tuple(text for text in decision.sentences if not text.startswith((_SAID_BELOW, _SAID_ABOVE)))
    gaps = _capital("; ".join(decision.not_assessed))
    return [
        Section((context,) if context else (), replace(text, is_bold=True)),
        Section(why, text, "WHY", title, lines_at_most=5, keep=2),
        Section(
            (gaps,) if gaps else (), text, "NOT ASSESSED", replace(title, colour=WARNING_INK), lines_at_most=5
        ),
    ]


def _footer(content: ReportContent) -> list[Section]:
    decision, policy = content.decision, content.decision.policy
    small = Style(18, SOFT_INK, PAGE)
    others = " ".join(text for text in decision.disclaimers if text not in NOT_FOR_DIAGNOSIS)
    moment = local_time(content, anchor_header(content)).isoformat(sep=" ", timespec="seconds")
    identity = (
        f"{content.device.name} {content.device.version} · policy {policy.name} {policy.version} "
        f"sha256 {policy.digest[:_DIGEST_DIGITS]} · snapshot {content.snapshot}"
    )
    return [
        Section((NOT_FOR_DIAGNOSIS,), Style(25, WARNING_INK, PAGE, is_bold=True), gap=4),
        Section((others,), small, lines_at_most=2, gap=2),
        Section((f"Decided {moment} · {content.completeness}",), small, lines_at_most=2, gap=2),
        Section((identity,), small, lines_at_most=1, gap=0),
    ]
