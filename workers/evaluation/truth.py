"""What is true of a study, in one form for simulated, inserted and read studies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from rules.anatomy import Region, Role, Side
from rules.findings import Quantity

MASK_CHECKS: dict[str, tuple[Quantity, Role]] = {
    "flair": (Quantity.FLAIR_VOLUME, Role.FLAIR),
    "restricted": (Quantity.RESTRICTED_VOLUME, Role.DWI),
    "enhancing": (Quantity.ENHANCING_VOLUME, Role.T1C),
}
"""Kind of a true mask to the quantity by which the check that makes the found mask is known, and to its series."""

_SIMULATED_MASKS = {"flair": "lesion", "restricted": "restricted", "enhancing": "enhancing"}
"""Kind to the simulator's name of it."""


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

    @property
    def without_files(self) -> "Truth":
        """The same without paths, which lead nowhere once the case is done."""
        return replace(self, masks=(), brain="")

    @property
    def is_unremarkable(self) -> bool:
        """Whether no reader would find a pattern: no rule has to be present and none is tolerated."""
        return not self.present and not self.tolerated


def read_simulated(folder: Path) -> Truth:
    """The truth that the simulator wrote beside a study (see workers/simulation/truth_file.py)."""
    plain: dict[str, Any] = yaml.safe_load((folder / "truth.yaml").read_text(encoding="utf-8"))
    # No brain, no truth about one: masks and volumes of a limb would say that nothing was found where nothing was sought.
    is_head = plain["body"] == "head"
    return Truth(
        present=tuple(plain["expected_rules"]),
        tolerated=tuple(plain["tolerated_rules"]),
        values=_values(plain) if is_head else (),
        masks=tuple(_masks(plain, folder)) if is_head else (),
        brain=str((folder / plain["brain_mask"]).resolve()) if is_head else "",
        strata=_strata(plain),
    )


def _masks(plain: Mapping[str, Any], folder: Path) -> Iterator[TrueMask]:
    """What is known to be empty has no file; a FLAIR mask that lies on a T2, because there is no FLAIR, is none."""
    for kind, name in _SIMULATED_MASKS.items():
        mask = plain["masks"].get(name)
        if mask is None or not mask["volume_ml"]:
            yield TrueMask(kind, "")
        elif mask["role"] == MASK_CHECKS[kind][1].value:
            yield TrueMask(kind, str((folder / mask["file"]).resolve()))


def _values(plain: Mapping[str, Any]) -> tuple[TrueValue, ...]:
    """What is not read from a mask. The shift has no sign: the check tells its size."""
    if "SWI" in plain["missing_roles"]:
        return ()
    count = float(plain["microbleed_count"])
    return (TrueValue(Quantity.MICROBLEED_COUNT, Region.BRAIN, Side.WHOLE, count),)


def _strata(plain: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    conditions = plain["conditions"]
    return (
        ("case", str(plain["case"])),
        ("vendor", str(plain["vendor"])),
        ("signal to noise set to", f"{conditions['snr']:g} of usual"),
        (
            "slice thickness set to",
            f"{conditions['thickness_mm']} mm" if conditions["thickness_mm"] else "usual",
        ),
        ("movement between series", f"up to {conditions['movement']:g} mm"),
    )
