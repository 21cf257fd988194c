"""What is true of a study, in one form for simulated, inserted and read studies."""

from dataclasses import dataclass, replace

from rules.anatomy import Region, Role, Side
from rules.findings import Quantity

MASK_CHECKS: dict[str, tuple[Quantity, Role]] = {
    "flair": (Quantity.FLAIR_VOLUME, Role.FLAIR),
    "restricted": (Quantity.RESTRICTED_VOLUME, Role.DWI),
    "enhancing": (Quantity.ENHANCING_VOLUME, Role.T1C),
}
"""Kind of a true mask to the quantity by which the check that makes the found mask is known, and to its series."""


@dataclass(frozen=True, slots=True)
class TrueValue:
    """What a perfect check would measure."""

    quantity: Quantity
    region: Region
    side: Side
    value: float


@dataclass(frozen=True, slots=True)
class TrueMask:
    """A lesion mask as NIfTI, RAS mm."""

    kind: str
    """One of MASK_CHECKS."""
    path: str
    """Absolute; empty where it is known that there is none."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that is known of a study."""

    present: tuple[str, ...]
    """Rules that must be present."""
    tolerated: tuple[str, ...] = ()
    """Rules that may be present or not: a reader could argue either way. All others must be absent."""
    values: tuple[TrueValue, ...] = ()
    masks: tuple[TrueMask, ...] = ()
    brain: str = ""
    """Mask of the brain as NIfTI on the grid of the FLAIR, absolute; empty where it is not known."""
    strata: tuple[tuple[str, str], ...] = ()
    """What the study is like, as (name, group), for the tables by group."""

    def renewed(self, fresh: "Truth") -> "Truth":
        """A truth that was read anew, with the values and groups that only this one knows."""
        told = {(one.quantity, one.region, one.side) for one in fresh.values}
        groups = {name for name, _ in fresh.strata}
        values = [one for one in self.values if (one.quantity, one.region, one.side) not in told]
        strata = [one for one in self.strata if one[0] not in groups]
        return replace(fresh, values=(*fresh.values, *values), strata=(*fresh.strata, *strata))

    @property
    def without_files(self) -> "Truth":
        """The same without paths, which lead nowhere once the case is done."""
        return replace(self, masks=(), brain="")

    @property
    def is_unremarkable(self) -> bool:
        """Whether no reader would find a pattern: no rule has to be present and none is tolerated."""
        return not self.present and not self.tolerated
