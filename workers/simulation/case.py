"""What a case of the simulator is."""

from dataclasses import dataclass
from enum import StrEnum

from rules.anatomy import Role
from rules.urgency import Priority
from workers.simulation.lesions import FociPlan, LesionPlan


class Body(StrEnum):
    """What lies in the scanner."""

    HEAD = "head"
    LIMB = "limb"


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of study, as a reader would describe it; all geometry is in template mm."""

    name: str
    sentence: str
    patterns: tuple[str, ...] = ()
    """Patterns that a reader of the whole study expects; empty for none."""
    priority: Priority | None = Priority.P4
    """Priority the images alone would earn; None where nothing can be assessed."""
    ages: tuple[int, int] = (30, 66)
    lesions: tuple[LesionPlan | FociPlan, ...] = ()
    without: frozenset[Role] = frozenset()
    """Roles that the study lacks."""
    csf_gain: float = 1.0
    """Weight of sulcal CSF: below 1 sulci are tight."""
    ventricles: float = 1.0
    """Width of the ventricles relative to the person's own."""
    ghosting: float = 0.0
    """Motion: share of the signal that lands in ghosts."""
    body: Body = Body.HEAD
