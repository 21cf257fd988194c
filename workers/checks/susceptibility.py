"""Susceptibility: microbleed-like foci counted by region, and haemorrhage of more than 10 mm (sign M3, rules R07, R08).

Without a susceptibility-weighted series the unweighted diffusion images, which are T2*-weighted EPI, still show large
haemorrhage; foci are then not assessed. Calcification is not told from blood: that would take the phase.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Lesion, Measured, NotAssessed, Quantity, Why
from workers.checks.bleeds import KEPT, MAYBE, Bleeds, Focus, find_bleeds, find_large
from workers.checks.check import Check, Inputs
from workers.checks.haemorrhage import Haemorrhage
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.regions import parts_of, sides
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

NAME = "susceptibility"
VERSION = "1"

MIN_COVERED = 0.8
"""Share of a region's template volume that has to lie within the slices. [P]"""
KEY_SLICES = 3
REPORTED = (
    Region.BRAIN, Region.FRONTAL, Region.PARIETAL, Region.TEMPORAL, Region.OCCIPITAL, Region.CINGULATE,
    Region.INSULA, Region.HIPPOCAMPUS, Region.THALAMUS, Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM,
    Region.CAPSULE, Region.GENU, Region.CALLOSAL_BODY, Region.SPLENIUM, Region.MIDBRAIN, Region.PONS,
    Region.MEDULLA, Region.BRAINSTEM, Region.CEREBELLUM, Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE,
)  # fmt: skip

_LARGE = (Quantity.HAEMORRHAGE_DIAMETER, Quantity.HAEMORRHAGE_VOLUME)
Place = tuple[Region, Side]


def measure(inputs: Inputs) -> CheckResult:
    """Foci by region and side, the longest haemorrhage and its volumes."""
    role = Role.SWI if Role.SWI in inputs.scans or Role.B0 not in inputs.scans else Role.B0
    scan = inputs.scan(role)
    spacing = scan.volume.spacing_mm
    silent: list[Finding] = []
    try:
        if role is Role.B0:
            lack = inputs.lacking.get(Role.SWI)
            raise (
                CannotAssess(lack.why, lack.detail)
                if lack
                else CannotAssess(Why.SERIES_MISSING, "no SWI series")
            )
        bleeds = find_bleeds(scan.anatomy, spacing)
    except CannotAssess as refused:
        bleeds = Bleeds((), find_large(scan.anatomy, spacing))
        silent += _silent_counts(REPORTED, refused.why, refused.detail)
    findings = silent or _counts(scan, bleeds)
    findings += _large(scan, bleeds.large)
    mask = np.zeros(scan.volume.array.shape, dtype=bool)
    for voxels in _voxels(bleeds):
        mask[tuple(voxels)] = True
    return CheckResult(tuple(findings), mask, role, _lesions(scan, bleeds))


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    large = [NotAssessed(quantity, Region.BRAIN, Side.WHOLE, why, detail) for quantity in _LARGE]
    return (*_silent_counts(REPORTED, why, detail), *large)


def _silent_counts(regions: Iterable[Region], why: Why, detail: str) -> list[Finding]:
    return [
        NotAssessed(Quantity.MICROBLEED_COUNT, region, side, why, detail)
        for region in regions
        for side in sides(region)
    ]


def _uncovered(scan: Scan, region: Region) -> str | None:
    covered = scan.anatomy.covered[region]
    return (
        f"only {100 * covered:.0f} % of the region lies within the slices" if covered < MIN_COVERED else None
    )


def _counts(scan: Scan, bleeds: Bleeds) -> list[Finding]:
    findings: list[Finding] = []
    for region in REPORTED:
        if detail := _uncovered(scan, region):
            findings += _silent_counts([region], Why.COVERAGE, detail)
        else:
            findings += [_count(scan, bleeds, (region, side)) for side in sides(region)]
    return findings


def _count(scan: Scan, bleeds: Bleeds, place: Place) -> Measured:
    """Foci whose centre lies there; the uncertainty is that of independent doubtful calls."""
    there = [focus for focus in bleeds.foci if _lies(scan, focus.voxel, place)]
    counted = [focus for focus in there if focus.score >= KEPT]
    doubt = 1.96 * float(
        np.sqrt(sum(focus.score * (1 - focus.score) for focus in there if focus.score >= MAYBE))
    )
    slices = [focus.voxel[0] for focus in counted]
    quantity = Quantity.MICROBLEED_COUNT
    evidence = _evidence(scan.volume, slices)
    return Measured(quantity, *place, float(len(counted)), UNITS[quantity], evidence, doubt)


def _lies(scan: Scan, voxel: tuple[int, int, int], place: Place) -> bool:
    region, side = place
    if scan.anatomy.parts[voxel] not in parts_of(region):
        return False
    return side in (Side.WHOLE, Side.MIDLINE) or (side is Side.LEFT) == bool(scan.anatomy.is_left[voxel])


def _large(scan: Scan, large: tuple[Haemorrhage, ...]) -> list[Finding]:
    """Length of the longest, volume of all, and volumes of the regions that hold some."""
    if detail := _uncovered(scan, Region.BRAIN):
        return [NotAssessed(one, Region.BRAIN, Side.WHOLE, Why.COVERAGE, detail) for one in _LARGE]
    volume, whole = scan.volume, (Region.BRAIN, Side.WHOLE)
    mask = np.zeros(volume.array.shape, dtype=bool)
    for one in large:
        mask[tuple(one.voxels)] = True
    evidence = _evidence(volume, np.nonzero(mask)[0])
    half_voxel = float(np.linalg.norm(volume.spacing_mm[:2])) / 2
    length, swing = (large[0].longest_mm, large[0].longest_swing_mm) if large else (0.0, 0.0)
    total, wobble = (
        float(mask.sum()) * volume.voxel_ml,
        sum(one.volume_swing for one in large) * volume.voxel_ml,
    )
    diameter, amount = _LARGE
    findings: list[Finding] = [
        Measured(
            diameter, *whole, length, UNITS[diameter], evidence, max(swing, half_voxel) if large else None
        ),
        Measured(amount, *whole, total, UNITS[amount], evidence, wobble if large else None),
    ]
    for region in REPORTED[1:]:
        for side in sides(region):
            half = Side.WHOLE if side is Side.MIDLINE else side
            inside = mask & scan.anatomy.region(region, half) if large else mask
            if inside.any():
                ml, seen = float(inside.sum()) * volume.voxel_ml, _evidence(volume, np.nonzero(inside)[0])
                findings.append(Measured(amount, region, side, ml, UNITS[amount], seen))
    return findings


def _voxels(bleeds: Bleeds) -> list[NDArray[np.intp]]:
    return [one.voxels for one in bleeds.large] + [focus.spot.voxels for focus in bleeds.kept]


def _lesions(scan: Scan, bleeds: Bleeds) -> tuple[Lesion, ...]:
    """Largest first."""
    lesions = [
        _lesion(scan, one.voxels, one.longest_mm, Quantity.HAEMORRHAGE_DIAMETER) for one in bleeds.large
    ]
    lesions += [_of_focus(scan, focus) for focus in bleeds.kept]
    return tuple(sorted(lesions, key=lambda one: -one.volume_ml))


def _of_focus(scan: Scan, focus: Focus) -> Lesion:
    return _lesion(scan, focus.spot.voxels, focus.spot.longest_mm, Quantity.MICROBLEED_COUNT)


def _lesion(scan: Scan, voxels: NDArray[np.intp], longest_mm: float, quantity: Quantity) -> Lesion:
    """One dark area; a focus counts as one, a haemorrhage with its diameter."""
    volume, here = scan.volume, tuple(voxels)
    counts = {
        region: int(np.isin(scan.anatomy.parts[here], parts_of(region)).sum())
        for region in REPORTED[1:]
        if region is not Region.BRAINSTEM
    }
    region = max(counts, key=lambda one: counts[one])
    region = region if counts[region] else Region.BRAIN
    left = 2 * int(scan.anatomy.is_left[here].sum()) > voxels.shape[1]
    own = sides(region)
    side = (Side.LEFT if left else Side.RIGHT) if Side.LEFT in own else own[0]
    x, y, z = volume.affine[:3, :3] @ voxels[::-1].mean(axis=1) + volume.affine[:3, 3]
    k = int(np.argmax(np.bincount(voxels[0])))
    value = longest_mm if quantity is Quantity.HAEMORRHAGE_DIAMETER else 1.0
    return Lesion(
        check=NAME,
        region=region,
        side=side,
        volume_ml=voxels.shape[1] * volume.voxel_ml,
        centre_mm=(float(x), float(y), float(z)),
        longest_mm=longest_mm,
        series_instance_uid=volume.series_instance_uid,
        sop_instance_uids=(volume.sop_instance_uids[k],),
        values=((quantity, value),),
    )


def _evidence(volume: Volume, slices: list[int] | NDArray[np.intp]) -> Evidence:
    """The check, the series, and the slices with most of it."""
    counts = np.bincount(np.asarray(slices, dtype=np.intp), minlength=1)
    order = [int(k) for k in np.argsort(-counts, kind="stable")[:KEY_SLICES] if counts[k] > 0]
    uids = dict.fromkeys(volume.sop_instance_uids[k] for k in order)
    return Evidence(f"{NAME} {VERSION}", volume.series_instance_uid, tuple(uids))


CHECK = Check(NAME, VERSION, (Role.SWI, Role.B0), measure, silence)
