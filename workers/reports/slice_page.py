"""A key slice as a page: the picture as large as it goes, what it is, and no mark unless the site asked for contours."""

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from workers.reports.banner import NOT_FOR_DIAGNOSIS, SIZE
from workers.reports.content import KeySlice, ReportContent
from workers.reports.page_design import BANDS, INK, PAGE, SOFT_INK, WARNING_INK, sign
from workers.reports.typesetting import Line, Style, font, largest, width_of

_MARGIN = 40
_BAND_BOTTOM = 84
_FOOTER_TOP = 908
_SIGN = (124, 160)
"""Size at which the sign is drawn, before it is made smaller as a whole."""
_CONTOUR = (255, 190, 60)
_CONTOUR_PIXELS = 2


def render_slice(content: ReportContent, number: int) -> Image.Image:
    """The page of key slice `number`, from 0; (1024, 1024) RGB."""
    key = content.key_slices[number]
    page = Image.new("RGB", (SIZE, SIZE), PAGE)
    band = BANDS[content.decision.priority]
    page.paste(band.fill, (0, 0, SIZE, _BAND_BOTTOM))
    whole = sign(_SIGN, band)
    page.paste(whole.resize((_SIGN[0] * 72 // _SIGN[1], 72), Image.Resampling.LANCZOS), (_MARGIN, 6))
    picture = _picture(key, has_contour=content.has_contours)
    top = _BAND_BOTTOM + (_FOOTER_TOP - _BAND_BOTTOM - picture.height) // 2
    page.paste(picture, ((SIZE - picture.width) // 2, top))
    draw = ImageDraw.Draw(page)
    for line in slice_lines(content, number):
        typeface = font(line.style.size, is_bold=line.style.is_bold)
        draw.text((line.x, line.y), line.text, font=typeface, fill=line.style.colour)
    return page


def slice_lines(content: ReportContent, number: int) -> Iterable[Line]:
    """Every line of text on the page, at its place."""
    key, decision = content.key_slices[number], content.decision
    band = BANDS[decision.priority]
    title = f"{decision.priority.value} {decision.priority.words.upper()}"
    yield Line(title, 124, 16, Style(40, band.ink, band.fill, is_bold=True))
    count = f"key slice {number + 1} of {len(content.key_slices)}"
    small = Style(28, band.ink, band.fill)
    yield Line(count, SIZE - _MARGIN - round(width_of(count, small)), 24, small)
    letter = Style(34, SOFT_INK, PAGE, is_bold=True)
    middle = (_BAND_BOTTOM + _FOOTER_TOP) // 2 - 20
    yield Line(key.letters[0], _MARGIN, middle, letter)
    yield Line(key.letters[1], SIZE - _MARGIN - 24, middle, letter)
    width = SIZE - 2 * _MARGIN
    about = (
        f"{key.series}, {key.place}. Measured here: {key.check.replace('_', ' ').replace('flair', 'FLAIR')}."
    )
    yield Line(about, _MARGIN, _FOOTER_TOP, largest(about, Style(28, INK, PAGE, is_bold=True), width))
    marks = (
        "Contour: where the software measured; it may be wrong."
        if content.has_contours
        else "Nothing is marked. Interpret the full images."
    )
    yield Line(marks, _MARGIN, _FOOTER_TOP + 40, Style(24, INK, PAGE))
    yield Line(NOT_FOR_DIAGNOSIS, _MARGIN, _FOOTER_TOP + 74, Style(24, WARNING_INK, PAGE, is_bold=True))


def _picture(key: KeySlice, *, has_contour: bool) -> Image.Image:
    colours = np.repeat(key.picture[:, :, None], 3, axis=2)
    if has_contour:
        # Around the area, so that nothing of it is covered.
        grown = ndimage.binary_dilation(key.marked, iterations=_CONTOUR_PIXELS)
        colours[grown & ~key.marked] = _CONTOUR
    return Image.fromarray(colours)
