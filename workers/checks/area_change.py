"""Restricted diffusion, enhancement and haemorrhage against an earlier study: new, gone and change by region (signs M2, M3, M5, M7).

What each study's own check saw is laid on each other. New is only what lies farther from all that was there before than two sessions
differ; what grew less than that is told by the change of the volume. One witness, not two as for FLAIR: so it labels and switches no
rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Course, Finding, Lesion, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from workers.checks.areas import (
    Area,
    Values,
    area_of,
    areas,
    evidence,
    joined,
    lesions,
    longest_mm,
    near,
    within,
)
from workers.checks.check import Check, Inputs
from workers.checks.comparison import is_alike
from workers.checks.course import course_of
from workers.checks.reported import REPORTED, uncovered
from workers.checks.result import CheckResult
from workers.checks.same_foci import require_alike
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.regions import sides
from workers.imaging.scan import Scan, carried
from workers.imaging.volume import Volume

VERSION = "2"
STEP_MM = 1.0
"""How far the reach may be off: half of what a registration leaves on either side of an edge. [P]"""

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is compared."""

    name: str
    role: Role
    """The series that the check told its mask on."""
    beside: tuple[Role, ...]
    """Others that it was made from."""
    check: str
    words: str
    new: Quantity
    gone: Quantity
    change: Quantity
    least: Measure
    """Volume below which an area is none."""
    reach_mm: float
    regions: tuple[Region, ...] = REPORTED
    longer: Measure | None = None
    """Length above which an area of the mask is one of these; the rest of the mask is something else."""

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name} {VERSION}"


DIFFUSION = Kind(
    "restriction_change",
    Role.DWI,
    (Role.ADC,),
    "restricted_diffusion",
    "restricted diffusion",
    Quantity.RESTRICTED_NEW_VOLUME,
    Quantity.RESTRICTED_GONE_VOLUME,
    Quantity.RESTRICTED_CHANGE,
    Measure.RESTRICTION_LEAST,
    reach_mm=4.0,
)
"""Echo-planar images are distorted by a few mm, and otherwise in every session. [P]"""
CONTRAST = Kind(
    "enhancement_change",
    Role.T1C,
    (Role.T1,),
    "contrast_enhancement",
    "contrast enhancement",
    Quantity.ENHANCEMENT_NEW_VOLUME,
    Quantity.ENHANCEMENT_GONE_VOLUME,
    Quantity.ENHANCEMENT_CHANGE,
    Measure.ENHANCING_LEAST,
    reach_mm=6.0,
)
"""A stretch of meninges is found by the share that is lit within about 6 mm. [P]"""
BLEEDING = Kind(
    "haemorrhage_change",
    Role.SWI,
    (),
    "susceptibility",
    "susceptibility",
    Quantity.HAEMORRHAGE_NEW_VOLUME,
    Quantity.HAEMORRHAGE_GONE_VOLUME,
    Quantity.HAEMORRHAGE_CHANGE,
    Measure.HAEMORRHAGE_LEAST_NEW,
    reach_mm=4.0,
    regions=(Region.BRAIN,),
    longer=Measure.HAEMORRHAGE_LONGER,
)
"""Blood ages, and how far it blooms with it. [P]"""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Voxels on the grid of now."""

    now: Area
    before: Area
    new: Area
    gone: Area
    new_margin: float
    gone_margin: float
    """Half widths of 95 %, in voxels."""


def measure(kind: Kind, inputs: Inputs) -> CheckResult:
    """New and gone volume of every region, and the change in per cent where there was enough before."""
    now, before = inputs.scan(kind.role), inputs.earlier_scan(kind.role)
    masks = _mask(kind, inputs.found, "this"), _mask(kind, inputs.earlier_found, "the earlier")
    _require_alike(kind, now.volume, before.volume)
    seen = _seen(kind, now, before, masks)
    findings = [one for region in kind.regions for one in _of_region(kind, (now, before), seen, region)]
    mask = joined((seen.new, seen.gone), masks[0].shape)
    return CheckResult(tuple(findings), mask, kind.role, _lesions(kind, now, seen))


def silence(kind: Kind, why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    return tuple(one for region in kind.regions for one in _silent(kind, region, why, detail))


def _silent(kind: Kind, region: Region, why: Why, detail: str) -> list[Finding]:
    several = (kind.new, kind.gone, kind.change)
    return [
        NotAssessed(quantity, region, side, why, detail) for quantity in several for side in sides(region)
    ]


def _mask(kind: Kind, found: Mapping[str, CheckResult], study: str) -> BoolArray:
    result = found.get(kind.check, CheckResult(()))
    if result.mask is None:
        reasons = {one.detail for one in result.findings if isinstance(one, NotAssessed)}
        why = f": {min(reasons)}" if reasons else ""
        raise CannotAssess(Why.QUALITY, f"{kind.words} of {study} study could not be measured{why}")
    return result.mask


def _of_kind(kind: Kind, scan: Scan, mask: BoolArray) -> BoolArray:
    """The part of a check's mask that is of this kind."""
    if kind.longer is None:
        return mask
    spacing, least = scan.volume.spacing_mm, cut_of(kind.longer)
    return joined([area for area in areas(mask) if longest_mm(area.voxels, spacing) > least], mask.shape)


def _require_alike(kind: Kind, now: Volume, before: Volume) -> None:
    if kind.role is Role.SWI:
        require_alike(now, before)
    elif not is_alike(now, before):
        detail = f"not comparable: the voxels of the two {kind.role.value} series differ"
        raise CannotAssess(Why.GEOMETRY, detail)


def _seen(kind: Kind, now: Scan, before: Scan, masks: tuple[BoolArray, BoolArray]) -> _Seen:
    there = carried(np.ones(masks[1].shape, dtype=np.float32), before, now) > 0.99
    past = carried(_of_kind(kind, before, masks[1]), before, now) >= 0.5
    present = _of_kind(kind, now, masks[0])
    if any(there[area.voxels].mean() < 0.5 for area in areas(present)):
        raise CannotAssess(Why.COVERAGE, f"{kind.words} lies outside of the slices of the earlier study")
    current, earlier = present & there, past & there
    new, new_margin = _beyond(kind, now, current, earlier)
    gone, gone_margin = _beyond(kind, now, earlier, current)
    return _Seen(area_of(current), area_of(earlier), area_of(new), area_of(gone), new_margin, gone_margin)


def _beyond(kind: Kind, scan: Scan, mask: BoolArray, other: BoolArray) -> tuple[BoolArray, float]:
    """What of a mask lies out of the reach of another, apart or in parts large enough; and the margin of its voxels."""

    def found(reach_mm: float) -> BoolArray:
        far = mask & ~near(other, reach_mm, scan.volume.spacing_mm)
        least = cut_of(kind.least) / scan.volume.voxel_ml
        # What lies wholly apart was large enough for its check.
        apart = [area for area in areas(mask) if far[area.voxels].all()]
        return joined([*apart, *(area for area in areas(far) if area.size >= least)], mask.shape)

    middle = found(kind.reach_mm)
    loose, strict = (np.count_nonzero(found(kind.reach_mm + step)) for step in (-STEP_MM, STEP_MM))
    return middle, float(np.hypot((loose - strict) / 2, 1.96 * np.sqrt(np.count_nonzero(middle))))


def _of_region(kind: Kind, scans: tuple[Scan, Scan], seen: _Seen, region: Region) -> list[Finding]:
    now, before = scans
    covered = min(now.anatomy.covered[region], before.anatomy.covered[region])
    if detail := uncovered(covered, of="of both studies"):
        return _silent(kind, region, Why.COVERAGE, detail)
    return [one for side in sides(region) for one in _on_side(kind, now, seen, (region, side))]


def _on_side(kind: Kind, now: Scan, seen: _Seen, place: tuple[Region, Side]) -> list[Finding]:
    voxel_ml = now.volume.voxel_ml
    new, gone, current, before = (
        within(now.anatomy, area, *place) for area in (seen.new, seen.gone, seen.now, seen.before)
    )
    margins = [
        margin * np.sqrt(part.size / max(whole.size, 1)) * voxel_ml
        for part, whole, margin in (
            (new, seen.new, seen.new_margin),
            (gone, seen.gone, seen.gone_margin),
        )
    ]
    values = {
        kind.new: (new.size * voxel_ml, float(margins[0])),
        kind.gone: (gone.size * voxel_ml, float(margins[1])),
    }
    if before.size * voxel_ml >= cut_of(Measure.CHANGE_PERCENT_FROM):
        change = 100.0 * (current.size - before.size) / before.size
        spread = 100.0 * 1.96 * np.sqrt(current.size + before.size) / before.size
        values[kind.change] = (change, float(spread))
    evident = evidence(kind.label, now.volume, (new if new.size >= gone.size else gone).voxels[0])
    return [
        Measured(quantity, *place, value, UNITS[quantity], evident, margin)
        for quantity, (value, margin) in values.items()
    ]


def _lesions(kind: Kind, now: Scan, seen: _Seen) -> tuple[Lesion, ...]:
    """Areas of either study with their course and what is new and gone in each."""
    shape = now.volume.array.shape
    current, before, new, gone = (
        joined([one], shape) for one in (seen.now, seen.before, seen.new, seen.gone)
    )

    def ml(area: Area, mask: BoolArray) -> float:
        return float(mask[area.voxels].sum()) * now.volume.voxel_ml

    def values(area: Area) -> Values:
        return (kind.new, ml(area, new)), (kind.gone, ml(area, gone))

    def course(area: Area) -> Course | None:
        return course_of(
            now=ml(area, current), before=ml(area, before), new=ml(area, new), gone=ml(area, gone)
        )

    found = [area for area in areas(current | before) if course(area) is not None]
    return lesions(kind.name, now, found, values, course)


def _check(kind: Kind) -> Check:
    return Check(
        kind.name,
        VERSION,
        (kind.role, *kind.beside),
        partial(measure, kind),
        partial(silence, kind),
        after=(kind.check,),
        uses_earlier=True,
    )


RESTRICTION = _check(DIFFUSION)
ENHANCEMENT = _check(CONTRAST)
HAEMORRHAGE = _check(BLEEDING)
