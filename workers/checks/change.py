"""Change of FLAIR hyperintensity against an earlier study: new, larger, smaller, gone (sign M5)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Course, Finding, Lesion, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from workers.checks.areas import Area, Values, area_of, areas, evidence, lesions, within
from workers.checks.check import Check, Inputs
from workers.checks.comparison import Comparison, compare
from workers.checks.course import course_of
from workers.checks.cropping import box_around, cropped, put_back
from workers.checks.reported import REPORTED, uncovered
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of
from workers.imaging.regions import sides
from workers.imaging.scan import Scan

NAME = "change"
VERSION = "3"
LABEL = f"{NAME} {VERSION}"
FLAIR_CHECK = "flair_hyperintensity"

MARGIN_MM = 4.0

QUANTITIES = (Quantity.FLAIR_NEW_VOLUME, Quantity.FLAIR_GONE_VOLUME, Quantity.FLAIR_CHANGE)

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Voxels:
    """What is new, gone and was there before, with half widths of 95 % in voxels."""

    new: Area
    gone: Area
    before: Area
    new_margin: float
    gone_margin: float


def measure(inputs: Inputs) -> CheckResult:
    """New and gone volume of every region, and the change in per cent where there was enough before."""
    whole, before = inputs.scan(Role.FLAIR), inputs.earlier_scan(Role.FLAIR)
    mask, earlier_mask = _mask(inputs.found, "this"), _mask(inputs.earlier_found, "the earlier")
    box = box_around(whole.anatomy.brain, MARGIN_MM, whole.volume.spacing_mm)
    if box is None:
        raise CannotAssess(Why.ANATOMY, "no brain in the FLAIR series")
    now = cropped(whole, box)
    seen = compare(now, mask[box], before, earlier_mask)
    voxels = _Voxels(
        area_of(seen.new), area_of(seen.gone), area_of(seen.before), seen.new_margin, seen.gone_margin
    )
    findings = [one for region in REPORTED for one in _of_region(now, before.anatomy, voxels, region)]
    changed = put_back(seen.new | seen.gone, box, whole.volume.array.shape)
    return CheckResult(tuple(findings), changed, Role.FLAIR, _lesions(now, seen))


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    return tuple(
        NotAssessed(quantity, region, side, why, detail)
        for quantity in QUANTITIES
        for region in REPORTED
        for side in sides(region)
    )


def _mask(found: Mapping[str, CheckResult], study: str) -> BoolArray:
    """The hyperintensity of one of the studies."""
    result = found.get(FLAIR_CHECK)
    if result is None or result.mask is None:
        raise CannotAssess(Why.QUALITY, f"FLAIR hyperintensity of {study} study could not be measured")
    return result.mask


def _of_region(now: Scan, before: Anatomy, voxels: _Voxels, region: Region) -> list[Finding]:
    """What changed in a region, side by side."""
    covered = min(now.anatomy.covered[region], before.covered[region])
    if detail := uncovered(covered, of="of both studies"):
        return [one for one in silence(Why.COVERAGE, detail) if one.region is region]
    return [one for side in sides(region) for one in _on_side(now, voxels, (region, side))]


def _on_side(now: Scan, voxels: _Voxels, place: tuple[Region, Side]) -> list[Finding]:
    """New and gone volume of one region on one side; the change only where there was enough before."""
    voxel_ml = now.volume.voxel_ml
    new, gone, before = (
        within(now.anatomy, area, *place) for area in (voxels.new, voxels.gone, voxels.before)
    )
    # A part of an area is less sure than the whole: its margin shrinks with the root of its share.
    margins = (
        voxels.new_margin * np.sqrt(new.size / max(voxels.new.size, 1)) * voxel_ml,
        voxels.gone_margin * np.sqrt(gone.size / max(voxels.gone.size, 1)) * voxel_ml,
    )
    evident = evidence(LABEL, now.volume, (new if new.size >= gone.size else gone).voxels[0])
    values = {
        Quantity.FLAIR_NEW_VOLUME: (new.size * voxel_ml, float(margins[0])),
        Quantity.FLAIR_GONE_VOLUME: (gone.size * voxel_ml, float(margins[1])),
    }
    if before.size * voxel_ml >= cut_of(Measure.CHANGE_PERCENT_FROM):
        share = 100.0 / (before.size * voxel_ml)
        change = (new.size - gone.size) * voxel_ml * share
        values[Quantity.FLAIR_CHANGE] = (change, float(np.hypot(*margins)) * share)
    return [
        Measured(quantity, *place, value, UNITS[quantity], evident, margin)
        for quantity, (value, margin) in values.items()
    ]


def _lesions(now: Scan, seen: Comparison) -> tuple[Lesion, ...]:
    """Areas of either study with their course and what is new and gone in each."""

    def ml(area: Area, mask: BoolArray) -> float:
        return float(mask[area.voxels].sum()) * now.volume.voxel_ml

    def values(area: Area) -> Values:
        new, gone, before = (ml(area, mask) for mask in (seen.new, seen.gone, seen.before))
        told = ((Quantity.FLAIR_NEW_VOLUME, new), (Quantity.FLAIR_GONE_VOLUME, gone))
        return (*told, (Quantity.FLAIR_CHANGE, 100 * (new - gone) / before)) if before else told

    def course(area: Area) -> Course | None:
        return course_of(
            now=ml(area, seen.now),
            before=ml(area, seen.before),
            new=ml(area, seen.new),
            gone=ml(area, seen.gone),
        )

    found = [area for area in areas(seen.now | seen.before) if course(area) is not None]
    return lesions(NAME, now, found, values, course)


CHECK = Check(NAME, VERSION, (Role.FLAIR,), measure, silence, after=(FLAIR_CHECK,), uses_earlier=True)
