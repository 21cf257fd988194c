"""What a case asks for: lesions as planned in template mm, before one seed gives them place, size and edge."""

from dataclasses import dataclass
from enum import StrEnum

from rules.anatomy import Region
from workers.simulation.space import Ellipsoid, Point
from workers.simulation.tissues import Tissue


class Target(StrEnum):
    """Which tissue a lesion takes."""

    CORTEX_AND_SUBCORTEX = "cortex and subcortex"
    GREY = "grey"
    WHITE = "white"
    ANY = "any"
    ALL = "all"
    """Brain with the fluid and veins in it: what destroys or displaces everything, as blood and cavities do."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A part of a lesion, of the same centre and another size: the blood in its oedema, the cavity in its scar."""

    kind: Tissue
    size: float
    """Radius relative to that of the whole lesion."""
    strength: float = 1.0
    target: Target = Target.ALL


@dataclass(frozen=True, slots=True)
class LesionPlan:
    """One lesion, in template mm on the right side where `bilateral`; the other side is drawn independently."""

    region: Region
    centre: Point
    radii: Point
    kind: Tissue
    strength: float
    """Share of the tissue that is changed in the middle of the lesion, 0..1."""
    target: Target = Target.ANY
    bilateral: bool = False
    other_side: float = 1.0
    """Size of the left lesion relative to the right one."""
    roughness: float = 0.35
    """Irregularity of the edge relative to the radius."""
    jitter_mm: float = 3.0
    layers: tuple[Layer, ...] = ()
    """Parts within it, from the outside inwards."""


@dataclass(frozen=True, slots=True)
class FociPlan:
    """Scattered small lesions, placed at random in a tissue within a region of template space."""

    region: Region
    within: Ellipsoid
    count: tuple[int, int]
    radius_mm: tuple[float, float]
    kind: Tissue
    strength: float
    target: Target = Target.WHITE
    elongation: float = 1.0
    """Length over width, along the direction away from the ventricles (as in ovoid demyelination)."""
    apart_mm: float = 0.0
    """Least distance between two centres, so that foci which are counted do not merge."""


@dataclass(frozen=True, slots=True)
class RimPlan:
    """A rim of tissue around the fluid of a ventricle."""

    region: Region
    around: Ellipsoid
    """Where the fluid counts as that ventricle's."""
    reach_mm: float
    kind: Tissue
    strength: float
    target: Target = Target.ANY


@dataclass(frozen=True, slots=True)
class PiaPlan:
    """Fluid and the outermost cortex along the brain's surface: the leptomeninges."""

    region: Region
    within: Ellipsoid
    kind: Tissue
    strength: float


Plan = LesionPlan | FociPlan | RimPlan | PiaPlan
