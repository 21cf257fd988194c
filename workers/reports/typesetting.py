"""Lines of text on a page: fonts, wrapping and ellipsis, measured with the font that draws them."""

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Colour = tuple[int, int, int]
"""RGB, 0-255."""

LEADING = 1.3
"""Line distance over font size."""
ELLIPSIS = " … (see SR)"
_FONTS = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}
"""Bundled with matplotlib, so every installation draws the same page."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a line looks; `size` in pixels."""

    size: int
    colour: Colour
    background: Colour
    """What the line stands on, for its contrast."""
    is_bold: bool = False

    @property
    def leading(self) -> int:
        """Height that one line takes, in pixels."""
        return round(self.size * LEADING)

    def scaled(self, factor: float) -> "Style":
        return replace(self, size=round(self.size * factor))


@dataclass(frozen=True, slots=True)
class Line:
    """One line at its place; x and y of its left ascender, in pixels."""

    text: str
    x: int
    y: int
    style: Style

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the ink, in pixels."""
        left, top, right, bottom = font(self.style.size, is_bold=self.style.is_bold).getbbox(self.text)
        return self.x + left, self.y + top, self.x + right, self.y + bottom


@cache
def font(size: int, *, is_bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans of `size` pixels."""
    # Found without importing the package: a quarter of a second, which a report without pictures need not pay.
    spec = find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("matplotlib, which carries the fonts, is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
    # The basic layout needs no libraqm, whose presence differs between installations.
    return ImageFont.truetype(str(folder / _FONTS[is_bold]), size, layout_engine=ImageFont.Layout.BASIC)


def width_of(text: str, style: Style) -> float:
    """Advance width in pixels."""
    words = text.split(" ")
    spaces = (len(words) - 1) * _word_width(" ", style.size, style.is_bold)
    return spaces + sum(_word_width(word, style.size, style.is_bold) for word in words)


@lru_cache(maxsize=1 << 14)
def _word_width(word: str, size: int, is_bold: bool) -> float:  # noqa: FBT001 - positional for the cache's sake
    return font(size, is_bold=is_bold).getlength(
        word
    )  # rasterises each glyph: a third of a millisecond for a line


def wrap(text: str, style: Style, width: int, at_most: int) -> list[str]:
    """Lines of `text` no wider than `width` pixels; beyond `at_most` lines the last one ends in an ellipsis."""
    lines: list[str] = []
    for piece in (piece for word in text.split() for piece in _pieces(word, style, width)):
        joined = f"{lines[-1]} {piece}" if lines else piece
        if lines and width_of(joined, style) <= width:
            lines[-1] = joined
        elif len(lines) == at_most:
            return [*lines[:-1], shorten(lines[-1], style, width)]
        else:
            lines.append(piece)
    return lines


def shorten(text: str, style: Style, width: int) -> str:
    """`text` cut, between words if it has any, so that it ends in the ellipsis within `width` pixels."""
    while text and width_of(text + ELLIPSIS, style) > width:
        text = text.rpartition(" ")[0] or text[:-1]
    return text.rstrip(" ,;:") + ELLIPSIS


def largest(text: str, style: Style, width: int) -> Style:
    """`style`, made smaller until `text` fits on one line of `width` pixels."""
    while style.size > 1 and width_of(text, style) > width:
        style = replace(style, size=style.size - 1)
    return style


def _pieces(word: str, style: Style, width: int) -> list[str]:
    """A word, broken where it is wider than a line."""
    if width_of(word, style) <= width:
        return [word]
    pieces = [""]
    for character in word:
        if pieces[-1] and width_of(pieces[-1] + character, style) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces
