"""The report of one study's trail as PDF: the same facts, events and digests as its HTML page."""

import json
import logging
from pathlib import Path

from fpdf import FPDF
from fpdf.fonts import TTFFont

from service.audit_export import NATURE, StudyReport
from service.audit_words import told
from service.store.chain import moment_text
from service.store.tables import AuditEvent

_FONTS = Path(__file__).parent / "fonts"
_FAMILY = "DejaVu"
_LINE = 0.48
"""Height of a line in mm for each point of its letters."""


def study_pdf(report: StudyReport) -> bytes:
    """A4 pages with their numbers; a letter that the font lacks stands as its code point."""
    for name in ("fpdf", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)  # they log letters of what they draw
    pages = _Pages()
    pages.set_creation_date(report.written_at)
    pages.set_title(f"Audit report of study {report.study.study_instance_uid}")
    pages.set_lang("en")
    pages.add_page()
    pages.line_of(f"Audit report of study {report.study.study_instance_uid}", 13, bold=True)
    pages.line_of(NATURE, 9)
    pages.ln(2)
    for name, value in report.facts.items():
        pages.line_of(f"{name}: {value}", 9)
    pages.ln(2)
    pages.line_of(report.state, 9, bold=not report.verdict.is_whole)
    pages.ln(2)
    for event in report.events:
        pages.event(event)
    return bytes(pages.output())


class _Pages(FPDF):
    """With our font, and the page's number below."""

    def __init__(self) -> None:
        super().__init__(format="A4")
        self.add_font(_FAMILY, "", _FONTS / "DejaVuSans.ttf")
        self.add_font(_FAMILY, "B", _FONTS / "DejaVuSans-Bold.ttf")
        self.set_font(_FAMILY, size=9)
        font = self.current_font
        self._known = font.cmap if isinstance(font, TTFFont) else {}

    def line_of(self, text: str, size: int, *, bold: bool = False) -> None:
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.multi_cell(0, _LINE * size, self.drawable(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def event(self, event: AuditEvent) -> None:
        """As on the page, one below the other: an event may be longer than a page."""
        self.set_draw_color(200)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(1)
        what = event.event.replace("_", " ")
        self.line_of(f"{event.sequence}   {moment_text(event.at)}   {event.actor}   {what}", 8, bold=True)
        if words := told(event):
            self.line_of(words, 8)
        self.line_of(json.dumps(event.detail, ensure_ascii=False, sort_keys=True), 6)
        self.line_of(event.hash, 6)
        self.ln(1.5)

    def drawable(self, text: str) -> str:
        return "".join(one if one == "\n" or ord(one) in self._known else f"U+{ord(one):04X}" for one in text)

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(_FAMILY, size=7)
        self.cell(0, text=f"page {self.page_no()} of {{nb}}", align="C")
