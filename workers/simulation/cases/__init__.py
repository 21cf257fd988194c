"""The cases that can be simulated, as data; positions are ICBM152 mm (x right, y front, z up)."""

from workers.simulation.case import Case
from workers.simulation.cases.bleeding import BLEEDING
from workers.simulation.cases.deep import DEEP
from workers.simulation.cases.diffusion import DIFFUSION
from workers.simulation.cases.enhancement import ENHANCEMENT
from workers.simulation.cases.harmless import HARMLESS
from workers.simulation.cases.posterior import POSTERIOR
from workers.simulation.cases.swelling import SWELLING
from workers.simulation.cases.unreadable import UNREADABLE
from workers.simulation.cases.white_matter import WHITE_MATTER

THEMES: tuple[tuple[Case, ...], ...] = (
    POSTERIOR,
    HARMLESS,
    DEEP,
    DIFFUSION,
    BLEEDING,
    ENHANCEMENT,
    SWELLING,
    WHITE_MATTER,
    UNREADABLE,
)
CASES: tuple[Case, ...] = tuple(case for theme in THEMES for case in theme)
"""In the order of `cartriage simulate --list`."""


def cases() -> tuple[Case, ...]:
    """All cases."""
    return CASES


def case_named(name: str) -> Case:
    """The case of that name; raises KeyError."""
    return {case.name: case for case in CASES}[name]
