"""What a case of the simulator is."""

from dataclasses import dataclass
from enum import StrEnum

from rules.anatomy import Role
from rules.urgency import Priority
from workers.simulation.plans import Plan


class Body(StrEnum):
    """What lies in the scanner."""

    HEAD = "head"
    LIMB = "limb"


@dataclass(frozen=True, slots=True)
class Swelling:
    """How the brain fills the skull, besides the fluid of sulci and ventricles."""

    cisterns: float = 1.0
    """Share of the basal cisterns that is open."""
    shift_mm: float = 0.0
    """How far a mass on the right pushes the septum to the left, in template mm."""
    right_csf: float = 1.0
    """Weight of the sulcal fluid of the right hemisphere relative to the left."""
    tonsils_mm: float = 0.0
    """How far the cerebellar tonsils stand below the foramen magnum, in template mm."""


CALM = Swelling()


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
    lesions: tuple[Plan, ...] = ()
    without: frozenset[Role] = frozenset()
    """Roles that the study lacks."""
    csf_gain: float = 1.0
    """Weight of sulcal CSF: below 1 sulci are tight."""
    ventricles: float = 1.0
    """Width of the ventricles relative to the person's own."""
    ghosting: float = 0.0
    """Motion: share of the signal that lands in ghosts."""
    body: Body = Body.HEAD
    rules: tuple[str, ...] = ()
    """Rules of the policy that must be present, such as R03; the count of microbleeds may still take R07 away."""
    tolerated: tuple[str, ...] = ()
    """Rules that may be present: a reader could argue either way. All others must be absent."""
    swelling: Swelling = CALM
    cord: float = 0.0
    """Share of the upper cord's middle that is oedema."""
    bright_fluid: float = 0.0
    """Share of the sulcal fluid that FLAIR does not null (high inspired oxygen, or contrast agent given before)."""
    contrast_before_flair: bool = False
    distortion: float = 0.0
    """Echo-planar distortion and pile-up at the skull base, relative to a usual scan; 0 leaves it to the options."""
