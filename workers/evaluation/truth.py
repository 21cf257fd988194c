"""What is true of a study, in one form for simulated, inserted and read studies."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rules.anatomy import Region, Role, Side
from rules.findings import Quantity

MASK_CHECKS: dict[str, tuple[Quantity, Role]] = {
    "flair": (Quantity.FLAIR_VOLUME, Role.FLAIR),
    "restricted": (Quantity.RESTRICTED_VOLUME, Role.DWI),
    "enhancing": (Quantity.ENHANCING_VOLUME, Role.T1C),
    "susceptibility": (Quantity.MICROBLEED_COUNT, Role.SWI),
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
    """Absolute."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that is known of a study."""

    present: tuple[str, ...]
    """Rules that must be present."""
    tolerated: tuple[str, ...] = ()
    """Rules that may be present or not: a reader could argue either way. All others must be absent."""
    values: tuple[TrueValue, ...] = ()
    masks: tuple[TrueMask, ...] = ()
    strata: tuple[tuple[str, str], ...] = ()
    """What the study is like, as (name, group), for the tables by group."""

    @property
    def is_negative(self) -> bool:
        """Whether nothing of the study asks for urgency: no rule has to be present and none is tolerated."""
        return not self.present and not self.tolerated


def read_simulated(folder: Path) -> Truth:
    """The truth that the simulator wrote beside a study (see workers/simulation/truth.py)."""
    plain: dict[str, Any] = yaml.safe_load((folder / "truth.yaml").read_text(encoding="utf-8"))
    kinds = {str(lesion["kind"]) for lesion in plain["lesions"]}
    is_flair_bright = bool(kinds) and "haemosiderin" not in kinds
    return Truth(
        present=tuple(plain["expected_rules"]),
        tolerated=tuple(plain.get("tolerated_rules", ())),
        values=_volumes(plain["lesion_volume_by_region_ml"]) if is_flair_bright else (),
        masks=(TrueMask("flair", str(folder / plain["lesion_mask"])),) if is_flair_bright or not kinds else (),
        strata=(("vendor", str(plain["vendor"])), ("case", str(plain["case"]))),
    )  # fmt: skip


def _volumes(rows: list[Mapping[str, Any]]) -> tuple[TrueValue, ...]:
    return tuple(
        TrueValue(Quantity.FLAIR_VOLUME, Region(row["region"]), Side(row["side"]), float(row["volume_ml"]))
        for row in rows
    )
