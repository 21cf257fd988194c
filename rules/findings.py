"""What the checks measured: one quantity in one region on one side, or why it could not be measured."""

from dataclasses import dataclass
from enum import StrEnum

from rules.anatomy import Region, Side


class Unit(StrEnum):
    """Units of findings; the values are UCUM codes."""

    MILLILITRE = "mL"
    PERCENT = "%"
    ONE = "1"
    MILLIMETRE = "mm"
    ADC = "10*-6.mm2/s"
    COUNT = "{lesions}"


class Quantity(StrEnum):
    """What can be measured. The unit of each stands in `UNITS`."""

    FLAIR_VOLUME = "flair_volume"
    """Volume of FLAIR hyperintensity in the region; larger is worse."""
    FLAIR_FRACTION = "flair_fraction"
    """Share of the region that is FLAIR-hyperintense; larger is worse."""
    FLAIR_RATIO = "flair_ratio"
    """Mean signal of the hyperintense voxels over that of lesion-free tissue of the same class; larger is worse."""
    FLAIR_Z = "flair_z"
    """Mean robust z of the hyperintense voxels against lesion-free tissue of the same class; larger is worse."""
    FLAIR_LATERALITY = "flair_laterality"
    """(left - right) / (left + right) of FLAIR_VOLUME; 0 is symmetric, +1 all left, -1 all right."""
    FLAIR_CORTICAL_SHARE = "flair_cortical_share"
    """Share of all FLAIR hyperintensity that lies in cortex and subcortical white matter."""


UNITS: dict[Quantity, Unit] = {
    Quantity.FLAIR_VOLUME: Unit.MILLILITRE,
    Quantity.FLAIR_FRACTION: Unit.PERCENT,
    Quantity.FLAIR_RATIO: Unit.ONE,
    Quantity.FLAIR_Z: Unit.ONE,
    Quantity.FLAIR_LATERALITY: Unit.ONE,
    Quantity.FLAIR_CORTICAL_SHARE: Unit.PERCENT,
}
"""The one unit of each quantity; a policy that names another is refused on load."""


class Why(StrEnum):
    """Why something could not be assessed. The value is stable; the words are for people."""

    SERIES_MISSING = "series_missing"
    SERIES_UNREADABLE = "series_unreadable"
    GEOMETRY = "geometry"
    COVERAGE = "coverage"
    QUALITY = "quality"
    ANATOMY = "anatomy_failed"
    CRASH = "analysis_failed"
    TIMEOUT = "analysis_timed_out"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a finding was seen."""

    check: str
    """Name and version of the check, as in `flair_hyperintensity 1`."""
    series_instance_uid: str
    sop_instance_uids: tuple[str, ...] = ()
    """Key slices, most involved first, at most three."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its unit."""

    quantity: Quantity
    region: Region
    side: Side
    value: float
    unit: Unit
    evidence: Evidence
    uncertainty: float | None = None
    """Half width of a 95 % interval in the same unit, where the check can tell."""


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A quantity that could not be measured, and why. Never reads as negative."""

    quantity: Quantity
    region: Region
    side: Side
    why: Why
    detail: str
    """One clause for people, without identifiers, as in `no FLAIR series`."""


Finding = Measured | NotAssessed
