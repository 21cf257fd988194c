"""A control chart as the coordinates of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.drift import Chart

WIDTH, HEIGHT = 560, 130
_MARGIN = 10


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    is_outside: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """In units of the picture's view box."""

    dots: tuple[Dot, ...]
    line: str
    """Of a polyline."""
    centre: float
    limits: tuple[float, float] | None
    width: int = WIDTH
    height: int = HEIGHT


def drawn(chart: Chart) -> Drawn:
    """Where the points of a chart lie: time to the right, larger values up."""
    values = [point.value for point in chart.points]
    low, high = _range([*values, chart.centre, *(chart.limits or ())])
    start = chart.points[0].at
    length = max((chart.points[-1].at - start).total_seconds(), 1.0)

    def height_of(value: float) -> float:
        return round(HEIGHT - _MARGIN - (value - low) / (high - low) * (HEIGHT - 2 * _MARGIN), 1)

    dots = tuple(
        Dot(
            round(_MARGIN + (point.at - start).total_seconds() / length * (WIDTH - 2 * _MARGIN), 1),
            height_of(point.value),
            point.is_outside,
        )
        for point in chart.points
    )
    limits = (height_of(chart.limits[0]), height_of(chart.limits[1])) if chart.limits else None
    return Drawn(dots, " ".join(f"{dot.x},{dot.y}" for dot in dots), height_of(chart.centre), limits)


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    spare = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return low - spare, high + spare
