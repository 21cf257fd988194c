"""Brain swelling: what it displaces (fluid of sulci, cisterns and ventricles, midline, tonsils), and swollen white matter (sign M6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from workers.checks.check import Check, Inputs
from workers.checks.reported import uncovered
from workers.checks.result import CheckResult
from workers.checks.white_signal import white_grey_ratio
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.displacement import midline_shift, tonsil_descent
from workers.imaging.fluid import Fluid, fluid_of
from workers.imaging.regions import sides
from workers.imaging.scan import Scan

NAME = "oedema"
VERSION = "3"

ROLES = (Role.T2, Role.FLAIR, Role.T1)
"""Best first: in T2 fluid stands out most, and swollen white matter least resembles it."""
SPACES = (Region.SULCI, Region.CISTERNS, Region.VENTRICLES)
REPEATABLE = 0.10
"""Half width (95 %) of the volume between two scans of one patient, as a share: brain mask and slice position. [P]"""
TISSUE = (0.6, 1.45)
"""Signal of tonsils over that of the cerebellum's median; bone is darker, T2 fluid brighter. [P]"""

SWELLING = tuple((Region.CENTRUM_SEMIOVALE, side) for side in (Side.LEFT, Side.RIGHT))
"""Where the signal of white matter is told."""
_WHOLE_BRAIN = (Region.BRAIN, Side.WHOLE)
_PLACES = tuple((region, side) for region in SPACES for side in sides(region))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A scan and the fluid in it."""

    scan: Scan
    fluid: Fluid

    def volume_ml(self, region: Region, side: Side) -> tuple[float, float]:
        """Fluid of a space and the half width of its 95 % interval."""
        inside = self.scan.anatomy.region(region, Side.WHOLE if side is Side.MIDLINE else side)
        value, low, high = (
            float(one[inside].sum(dtype=np.float64)) * self.scan.volume.voxel_ml
            for one in (self.fluid.share, self.fluid.low, self.fluid.high)
        )
        return value, float(np.hypot((high - low) / 2, REPEATABLE * value))


def measure(inputs: Inputs) -> CheckResult:
    """Fluid volumes, their ratio and change, displacement of midline and tonsils, and the signal of white matter."""
    scan = _best(inputs.scans)
    seen = Seen(scan, fluid_of(scan))
    findings = [_volume(seen, region, side) for region, side in _PLACES]
    findings.append(_ratio(seen))
    findings += _changes(seen, inputs)
    findings += [_shift(scan), _descent(scan), *(_white(scan, place) for place in SWELLING)]
    return CheckResult(tuple(findings), seen.fluid.share > 0.5, scan.volume.role)


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    volumes = [NotAssessed(Quantity.CSF_VOLUME, *place, why, detail) for place in _PLACES]
    changes = [NotAssessed(Quantity.CSF_CHANGE, *place, why, detail) for place in _PLACES]
    return (
        *volumes,
        *changes,
        NotAssessed(Quantity.CSF_RATIO, Region.SULCI, Side.WHOLE, why, detail),
        NotAssessed(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE, why, detail),
        NotAssessed(Quantity.TONSIL_DESCENT, Region.BRAIN, Side.WHOLE, why, detail),
        *(NotAssessed(Quantity.WHITE_GREY_RATIO, *place, why, detail) for place in SWELLING),
    )


def _best(scans: Mapping[Role, Scan]) -> Scan:
    """The first of the wanted series that is there."""
    for role in ROLES:
        if role in scans:
            return scans[role]
    raise CannotAssess(Why.SERIES_MISSING, "no T2, FLAIR or T1 series")


def _volume(seen: Seen, region: Region, side: Side) -> Finding:
    covered = seen.scan.anatomy.covered[region]
    if covered < cut_of(Measure.FLUID_LEAST_COVER):
        detail = f"only {100 * covered:.0f} % of the space lies within the slices"
        return NotAssessed(Quantity.CSF_VOLUME, region, side, Why.COVERAGE, detail)
    value, margin = seen.volume_ml(region, side)
    return _measured(seen.scan, Quantity.CSF_VOLUME, (region, side), (value, margin))


def _ratio(seen: Seen) -> Finding:
    """Sulcal fluid of the poorer over that of the richer hemisphere."""
    place = (Region.SULCI, Side.WHOLE)
    if seen.scan.anatomy.covered[Region.SULCI] < cut_of(Measure.FLUID_LEAST_COVER):
        return NotAssessed(
            Quantity.CSF_RATIO, *place, Why.COVERAGE, "the sulci are not all within the slices"
        )
    both = [seen.volume_ml(Region.SULCI, side) for side in (Side.LEFT, Side.RIGHT)]
    (small, small_margin), (large, large_margin) = sorted(both)
    if large < cut_of(Measure.FLUID_RATIO_FROM):
        detail = "too little sulcal fluid on both sides to compare them"
        return NotAssessed(Quantity.CSF_RATIO, *place, Why.QUALITY, detail)
    # The levels are common to both sides and cancel; what is left is half of each side's own error.
    margin = 0.5 * (small + small_margin) / large * (large_margin / large)
    return _measured(seen.scan, Quantity.CSF_RATIO, place, (small / large, margin))


def _changes(seen: Seen, inputs: Inputs) -> list[Finding]:
    """Change of every space against the same series of the earlier study."""
    try:
        before = _earlier(seen, inputs.earlier)
    except CannotAssess as lack:
        return [NotAssessed(Quantity.CSF_CHANGE, *place, lack.why, lack.detail) for place in _PLACES]
    return [_change(seen, before, region, side) for region, side in _PLACES]


def _earlier(seen: Seen, scans: Mapping[Role, Scan]) -> Seen:
    role = seen.scan.volume.role
    if not scans:
        raise CannotAssess(Why.SERIES_MISSING, "no earlier study")
    if role not in scans:
        raise CannotAssess(Why.SERIES_MISSING, f"no {role.value} series in the earlier study")
    return Seen(scans[role], fluid_of(scans[role]))


def _change(seen: Seen, before: Seen, region: Region, side: Side) -> Finding:
    covered = min(one.scan.anatomy.covered[region] for one in (seen, before))
    (now, now_margin), (past, past_margin) = (one.volume_ml(region, side) for one in (seen, before))
    if covered < cut_of(Measure.FLUID_LEAST_COVER):
        detail = "the space does not lie within the slices of both studies"
        return NotAssessed(Quantity.CSF_CHANGE, region, side, Why.COVERAGE, detail)
    if past < cut_of(Measure.FLUID_CHANGE_FROM):
        detail = "too little fluid in the earlier study to tell a change"
        return NotAssessed(Quantity.CSF_CHANGE, region, side, Why.QUALITY, detail)
    margin = 100 / past * float(np.hypot(now_margin, past_margin * now / past))
    value = (100 * (now - past) / past, margin)
    return _measured(seen.scan, Quantity.CSF_CHANGE, (region, side), value)


def _shift(scan: Scan) -> Finding:
    return _one_of(scan, Quantity.MIDLINE_SHIFT, _WHOLE_BRAIN, midline_shift)


def _descent(scan: Scan) -> Finding:
    return _one_of(scan, Quantity.TONSIL_DESCENT, _WHOLE_BRAIN, _tonsils)


def _white(scan: Scan, place: tuple[Region, Side]) -> Finding:
    if detail := uncovered(scan.anatomy.covered[place[0]]):
        return NotAssessed(Quantity.WHITE_GREY_RATIO, *place, Why.COVERAGE, detail)
    return _one_of(scan, Quantity.WHITE_GREY_RATIO, place, lambda one: white_grey_ratio(one, *place))


def _tonsils(scan: Scan) -> tuple[float, float]:
    """Descent and half a section; raises CannotAssess where sections are too thick to tell."""
    columns = scan.volume.affine[:3, :3]
    step = float(np.abs(columns[2]).max())
    if step > cut_of(Measure.TONSIL_SECTION):
        raise CannotAssess(
            Why.GEOMETRY, f"sections {step:.0f} mm apart cannot show how low the tonsils stand"
        )
    return tonsil_descent(scan, _tissue(scan)), step


def _tissue(scan: Scan) -> NDArray[np.bool_]:
    """Voxels with the signal of cerebellum, inside the brain or below it."""
    hind = scan.volume.array[scan.anatomy.region(Region.CEREBELLUM)]
    if not hind.size:
        raise CannotAssess(Why.COVERAGE, "the cerebellum is not within the slices")
    middle = float(np.median(hind))
    low, high = (middle * bound for bound in TISSUE)
    tissue: NDArray[np.bool_] = (scan.volume.array > low) & (scan.volume.array < high)
    return tissue


def _one_of(
    scan: Scan,
    quantity: Quantity,
    place: tuple[Region, Side],
    found: Callable[[Scan], tuple[float, float]],
) -> Finding:
    """A measurement with its margin, or why it stays unknown."""
    try:
        value = found(scan)
    except CannotAssess as lack:
        return NotAssessed(quantity, *place, lack.why, lack.detail)
    return _measured(scan, quantity, place, value)


def _measured(
    scan: Scan, quantity: Quantity, place: tuple[Region, Side], value: tuple[float, float]
) -> Finding:
    evidence = Evidence(CHECK.label, scan.volume.series_instance_uid)
    return Measured(quantity, *place, value[0], UNITS[quantity], evidence, value[1])


CHECK = Check(NAME, VERSION, ROLES, measure, silence, uses_earlier=True)
