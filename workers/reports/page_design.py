"""How the page looks: colours with enough contrast on a dark reading-room screen, and a sign that needs no colour.

The number of chevrons tells the priority; every priority is also written out. Contrast of text is at least 4.5 : 1
(WCAG 2.2, success criterion 1.4.3); a test measures it on every line.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw

from rules.urgency import Priority
from workers.reports.typesetting import Colour

PAGE = (11, 14, 19)
PANEL = (24, 29, 37)
INK = (240, 243, 246)
SOFT_INK = (176, 186, 198)
RULE = (70, 80, 94)
WARNING_INK = (255, 214, 102)
_WHITE = (255, 255, 255)
_BLACK = (16, 16, 16)


@dataclass(frozen=True, slots=True)
class BandDesign:
    """The priority band: its fill, the ink on it, and how many chevrons it shows."""

    fill: Colour
    ink: Colour
    chevrons: int
    note: str
    """What the priority asks of the reader; no times, which are the site's."""


BANDS = {
    Priority.P1: BandDesign((190, 24, 24), _WHITE, 3, "Flagged for reading now"),
    Priority.P2: BandDesign((245, 166, 35), _BLACK, 2, "Flagged for earlier reading"),
    Priority.P3: BandDesign((24, 104, 190), _WHITE, 1, "Flagged for reading ahead of routine"),
    Priority.P4: BandDesign((44, 51, 61), INK, 0, "Place in the worklist unchanged"),
}

_STROKE = 28
_RISE = 42
_STEP = 46
"""Thickness, height and distance of the chevrons, in pixels."""

_FINE = 4
"""Signs are drawn this much larger and reduced, for smooth edges."""


def sign(size: tuple[int, int], band: BandDesign) -> Image.Image:
    """Chevrons that point upwards, one for each step above routine; a level bar for routine."""
    width, height = size
    image = Image.new("RGB", (width * _FINE, height * _FINE), band.fill)
    draw = ImageDraw.Draw(image)
    for outline in _outlines(width, height, band.chevrons):
        draw.polygon([(x * _FINE, y * _FINE) for x, y in outline], fill=band.ink)
    return image.resize(size, Image.Resampling.LANCZOS)


def hatching(size: tuple[int, int], colours: tuple[Colour, Colour], pitch: int = 22) -> Image.Image:
    """Diagonal stripes of two colours: the sign of what was not assessed, on no other page."""
    width, height = (side * _FINE for side in size)
    stripes = Image.new("RGB", (width, height), colours[0])
    draw = ImageDraw.Draw(stripes)
    for x in range(-height, width, 2 * pitch * _FINE):
        right = x + pitch * _FINE
        draw.polygon([(x, height), (x + height, 0), (right + height, 0), (right, height)], fill=colours[1])
    return stripes.resize(size, Image.Resampling.LANCZOS)


def _outlines(width: int, height: int, chevrons: int) -> Iterator[list[tuple[int, int]]]:
    if not chevrons:
        top = (height - _STROKE) // 2
        yield [(0, top), (width, top), (width, top + _STROKE), (0, top + _STROKE)]
    first = (height - _STEP * (chevrons - 1) - _RISE - _STROKE) // 2
    for y in range(first, first + _STEP * chevrons, _STEP):
        outer = [(0, y + _RISE), (width // 2, y), (width, y + _RISE)]
        yield [*outer, *((x, edge + _STROKE) for x, edge in reversed(outer))]
