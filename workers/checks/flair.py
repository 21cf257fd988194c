"""FLAIR hyperintensity: how much of each region is brighter than its own undiseased tissue (sign M1, symmetry M4)."""

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Measured, NotAssessed, Quantity, Why
from workers.checks.check import Check, Inputs
from workers.checks.hyperintensity import Hyperintensity, find_hyperintensity
from workers.checks.result import CheckResult
from workers.imaging.anatomy import Anatomy
from workers.imaging.regions import CORTICAL, DRAWN, sides
from workers.imaging.volume import Volume

NAME = "flair_hyperintensity"
VERSION = "2"

MIN_COVERED = 0.8
"""Share of a region's template volume that has to lie within the slices. [P]"""
LATERAL_FROM_ML = 0.5
"""Least volume of both sides together that has a side: below, a few voxels make an index of one. [P]"""
KEY_SLICES = 3

_SURE = (Quantity.FLAIR_VOLUME, Quantity.FLAIR_FRACTION)
"""What can be said of every region; ratio and z exist only where something is bright."""
REPORTED = tuple(region for region in DRAWN if region is not Region.VENTRICLES)


def measure(inputs: Inputs) -> CheckResult:
    """Volume, share, ratio and z of FLAIR hyperintensity in every region, its symmetry and its cortical share."""
    scan = inputs.scan(Role.FLAIR)
    volume, anatomy = scan.volume, scan.anatomy
    seen = find_hyperintensity(anatomy, volume.spacing_mm)
    findings: list[Finding] = []
    for region in REPORTED:
        findings += _of_region(volume, anatomy, seen, region)
    findings += _cortical_share(volume, anatomy, seen)
    return CheckResult(tuple(findings), seen.mask, Role.FLAIR)


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    silent = [finding for region in REPORTED for finding in _silence(region, why, detail)]
    silent.append(NotAssessed(Quantity.FLAIR_CORTICAL_SHARE, Region.BRAIN, Side.WHOLE, why, detail))
    return tuple(silent)


def _silence(region: Region, why: Why, detail: str) -> list[Finding]:
    """What would have been said of a region."""
    silent: list[Finding] = [
        NotAssessed(quantity, region, side, why, detail) for side in sides(region) for quantity in _SURE
    ]
    if Side.LEFT in sides(region):
        silent.append(NotAssessed(Quantity.FLAIR_LATERALITY, region, Side.WHOLE, why, detail))
    return silent


def _of_region(volume: Volume, anatomy: Anatomy, seen: Hyperintensity, region: Region) -> list[Finding]:
    covered = anatomy.covered[region]
    if covered < MIN_COVERED:
        detail = f"only {100 * covered:.0f} % of the region lies within the slices"
        return _silence(region, Why.COVERAGE, detail)
    findings = [one for side in sides(region) for one in _on_side(volume, anatomy, seen, (region, side))]
    return findings + _laterality(volume, anatomy, seen, region)


def _on_side(
    volume: Volume, anatomy: Anatomy, seen: Hyperintensity, place: tuple[Region, Side]
) -> list[Finding]:
    """Load of one region on one side; ratio and z only where something is bright."""
    inside = anatomy.region(*place)
    bright = inside & seen.mask
    values = {
        Quantity.FLAIR_VOLUME: float(bright.sum()) * volume.voxel_ml,
        Quantity.FLAIR_FRACTION: 100.0 * float(bright.sum()) / max(int(inside.sum()), 1),
    }
    if bright.any():
        values[Quantity.FLAIR_RATIO] = float(seen.ratio[bright].mean(dtype=np.float64))
        values[Quantity.FLAIR_Z] = float(seen.z[bright].mean(dtype=np.float64))
    evidence = _evidence(volume, bright)
    return [
        Measured(quantity, *place, value, UNITS[quantity], evidence) for quantity, value in values.items()
    ]


def _laterality(volume: Volume, anatomy: Anatomy, seen: Hyperintensity, region: Region) -> list[Finding]:
    """(left - right) / (left + right), where there is enough on both sides together."""
    bright = anatomy.region(region) & seen.mask
    if Side.LEFT not in sides(region) or float(bright.sum()) * volume.voxel_ml < LATERAL_FROM_ML:
        return []
    left = float((bright & anatomy.is_left).sum())
    quantity, total = Quantity.FLAIR_LATERALITY, float(bright.sum())
    value = (2 * left - total) / total
    return [Measured(quantity, region, Side.WHOLE, value, UNITS[quantity], _evidence(volume, bright))]


def _cortical_share(volume: Volume, anatomy: Anatomy, seen: Hyperintensity) -> list[Finding]:
    total = int((seen.mask & anatomy.region(Region.BRAIN)).sum())
    if not total:
        return []
    cortical = np.logical_or.reduce([anatomy.region(region) for region in CORTICAL]) & seen.mask
    quantity = Quantity.FLAIR_CORTICAL_SHARE
    share = 100.0 * float(cortical.sum()) / total
    return [
        Measured(quantity, Region.BRAIN, Side.WHOLE, share, UNITS[quantity], _evidence(volume, seen.mask))
    ]


def _evidence(volume: Volume, bright: NDArray[np.bool_]) -> Evidence:
    """The check, the series, and the slices with most of it."""
    areas = bright.sum(axis=(1, 2))
    order = [int(k) for k in np.argsort(-areas, kind="stable")[:KEY_SLICES] if areas[k] > 0]
    uids = dict.fromkeys(volume.sop_instance_uids[k] for k in order)
    return Evidence(f"{NAME} {VERSION}", volume.series_instance_uid, tuple(uids))


CHECK = Check(NAME, VERSION, (Role.FLAIR,), measure, silence)
