"""How the page looks: colours with enough contrast on a dark reading-room screen, and a sign that needs no colour.

The number of chevrons tells the priority; every priority is also written out. Contrast of text is at least 4.5 : 1
(WCAG 2.2, success criterion 1.4.3); a test measures it on every line.
"""

from dataclasses import dataclass
from itertools import pairwise

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

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""


def draw_sign(draw: ImageDraw.ImageDraw, box: Box, band: BandDesign) -> None:
    """Chevrons that point upwards, one for each step above routine; a level bar for routine."""
    left, top, right, bottom = box
    middle, width = (left + right) // 2, 22
    if not band.chevrons:
        y = (top + bottom) // 2
        draw.rectangle((left, y - width // 2, right, y + width // 2), fill=band.ink)
        return
    rise, step = 44, 46
    first = (top + bottom) // 2 - (step * (band.chevrons - 1) + rise) // 2
    for number in range(band.chevrons):
        y = first + number * step
        points = ((left, y + rise), (middle, y), (right, y + rise))
        for start, end in pairwise(points):
            draw.line((start, end), fill=band.ink, width=width)


def hatching(size: tuple[int, int], colours: tuple[Colour, Colour], pitch: int = 22) -> Image.Image:
    """Diagonal stripes of two colours: the sign of what was not assessed, on no other page."""
    width, height = size
    stripes = Image.new("RGB", size, colours[0])
    draw = ImageDraw.Draw(stripes)
    for x in range(-height, width, 2 * pitch):
        corners = [(x, height), (x + height, 0), (x + height + pitch, 0), (x + pitch, height)]
        draw.polygon(corners, fill=colours[1])
    return stripes
