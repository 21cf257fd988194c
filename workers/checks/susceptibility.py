"""Susceptibility: microbleed-like foci counted by region, and haemorrhage of more than 10 mm (sign M3, rules R07, R08).

Without a susceptibility-weighted series the unweighted diffusion images, which are T2*-weighted EPI, still show large
haemorrhage; foci are then not assessed. Where the phase came too, foci of lime are left out. Large areas never are: fresh blood
is not yet paramagnetic.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Finding, Lesion, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from workers.checks.areas import Area, Values, evidence, joined, lesions, longest_mm
from workers.checks.bleeds import MAYBE, Bleeds, Focus, find_bleeds, find_large
from workers.checks.check import Check, Inputs
from workers.checks.dark_rim import without_bone
from workers.checks.foci import darkness_of
from workers.checks.haemorrhage import Haemorrhage
from workers.checks.on_flair import FLAIR_CHECK, bright_on_flair
from workers.checks.phase import phase_of
from workers.checks.reported import uncovered
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.regions import parts_of, sides
from workers.imaging.scan import Scan

NAME = "susceptibility"
VERSION = "9"
LABEL = f"{NAME} {VERSION}"

REPORTED = (
    Region.BRAIN, Region.FRONTAL, Region.PARIETAL, Region.TEMPORAL, Region.OCCIPITAL, Region.CINGULATE,
    Region.INSULA, Region.HIPPOCAMPUS, Region.THALAMUS, Region.CAUDATE, Region.PUTAMEN, Region.PALLIDUM,
    Region.CAPSULE, Region.GENU, Region.CALLOSAL_BODY, Region.SPLENIUM, Region.MIDBRAIN, Region.PONS,
    Region.MEDULLA, Region.BRAINSTEM, Region.CEREBELLUM, Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE,
)  # fmt: skip

MERGED = 0.05
"""Share of the foci that hide in a vein, a nucleus' iron or another focus, or are drawn out of shape by it: 4 of 92 in nine
simulated studies of the tuning half. [P]"""
_LARGE = (Quantity.HAEMORRHAGE_DIAMETER, Quantity.HAEMORRHAGE_VOLUME)
Place = tuple[Region, Side]


def measure(inputs: Inputs) -> CheckResult:
    """Foci by region and side, the longest haemorrhage and its volumes."""
    role = Role.SWI if Role.SWI in inputs.scans or Role.B0 not in inputs.scans else Role.B0
    scan = inputs.scan(role)
    spacing, bright = scan.volume.spacing_mm, bright_on_flair(inputs, scan)
    silent: list[Finding] = []
    try:
        if role is Role.B0:
            lack = inputs.lacking.get(Role.SWI)
            raise (
                CannotAssess(lack.why, lack.detail)
                if lack
                else CannotAssess(Why.SERIES_MISSING, "no SWI series")
            )
        bleeds = _without_lime(find_bleeds(scan.anatomy, spacing, bright), scan, inputs.scans.get(Role.PHASE))
    except CannotAssess as refused:
        bleeds = Bleeds((), find_large(scan.anatomy, spacing, bright))
        silent += _silent_counts(REPORTED, refused.why, refused.detail)
    findings = silent or _counts(scan, bleeds)
    if bleeds.lime:
        findings.append(_left_out(scan, bleeds.lime))
    large, doubt = without_bone(scan.anatomy, bleeds.large)
    bleeds = replace(bleeds, large=large)
    findings += _large(scan, large, doubt)
    mask = joined([*_longer(large), *_kept(bleeds)], scan.volume.array.shape)
    return CheckResult(tuple(findings), mask, role, _lesions(scan, bleeds))


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    large = [NotAssessed(quantity, Region.BRAIN, Side.WHOLE, why, detail) for quantity in _LARGE]
    return (*_silent_counts(REPORTED, why, detail), *large)


def _without_lime(bleeds: Bleeds, scan: Scan, images: Scan | None) -> Bleeds:
    """Foci that count and whose phase is the opposite of blood's, set apart."""
    if images is None or not bleeds.kept:
        return bleeds
    anatomy = scan.anatomy
    darkness = darkness_of(anatomy.corrected, anatomy.brain, scan.volume.spacing_mm)
    phase = phase_of(images.volume, scan, darkness)
    if phase is None:
        return bleeds
    lime = tuple(
        focus
        for focus in bleeds.kept
        if -phase.likeness_to_blood(focus.spot.voxels, darkness) >= cut_of(Measure.BLEED_LIME)
    )
    return replace(bleeds, foci=tuple(one for one in bleeds.foci if one not in lime), lime=lime)


def _left_out(scan: Scan, lime: tuple[Focus, ...]) -> Measured:
    quantity = Quantity.CALCIFIED_COUNT
    seen = evidence(LABEL, scan.volume, np.array([focus.voxel[0] for focus in lime], dtype=np.intp))
    return Measured(quantity, Region.BRAIN, Side.WHOLE, float(len(lime)), UNITS[quantity], seen)


def _silent_counts(regions: Iterable[Region], why: Why, detail: str) -> list[Finding]:
    return [
        NotAssessed(Quantity.MICROBLEED_COUNT, region, side, why, detail)
        for region in regions
        for side in sides(region)
    ]


def _counts(scan: Scan, bleeds: Bleeds) -> list[Finding]:
    findings: list[Finding] = []
    for region in REPORTED:
        if detail := uncovered(scan.anatomy.covered[region]):
            findings += _silent_counts([region], Why.COVERAGE, detail)
        else:
            findings += [_count(scan, bleeds, (region, side)) for side in sides(region)]
    return findings


def _count(scan: Scan, bleeds: Bleeds, place: Place) -> Measured:
    """Foci whose centre lies there; the uncertainty is that of independent doubtful calls, and of foci that nothing is left of."""
    there = [focus for focus in bleeds.foci if lies(scan, focus.voxel, place)]
    counted = [focus for focus in there if focus.score >= cut_of(Measure.BLEED_LEAST_SCORE)]
    calls = sum(focus.score * (1 - focus.score) for focus in there if focus.score >= MAYBE)
    doubt = 1.96 * float(np.sqrt(calls + MERGED * len(counted)))
    slices = np.array([focus.voxel[0] for focus in counted], dtype=np.intp)
    quantity = Quantity.MICROBLEED_COUNT
    seen = evidence(LABEL, scan.volume, slices)
    return Measured(quantity, *place, float(len(counted)), UNITS[quantity], seen, doubt)


def lies(scan: Scan, voxel: tuple[int, int, int], place: Place) -> bool:
    """Whether a voxel (k, j, i) belongs to a region on a side."""
    region, side = place
    if scan.anatomy.parts[voxel] not in parts_of(region):
        return False
    return side in (Side.WHOLE, Side.MIDLINE) or (side is Side.LEFT) == bool(scan.anatomy.is_left[voxel])


def _large(scan: Scan, large: tuple[Haemorrhage, ...], doubt: str) -> list[Finding]:
    """Length of the longest, volume of all, and volumes of the regions that hold some.

    One that is seen is there however little of the brain is.

    doubt : why other dark areas may be bone; empty if there are none
    """
    if not large and doubt:
        return [NotAssessed(one, Region.BRAIN, Side.WHOLE, Why.ANATOMY, doubt) for one in _LARGE]
    if not large and (detail := uncovered(scan.anatomy.covered[Region.BRAIN])):
        return [NotAssessed(one, Region.BRAIN, Side.WHOLE, Why.COVERAGE, detail) for one in _LARGE]
    volume, whole = scan.volume, (Region.BRAIN, Side.WHOLE)
    mask = joined(_longer(large), volume.array.shape)
    seen = evidence(LABEL, volume, np.nonzero(mask)[0])
    half_voxel = float(np.linalg.norm(volume.spacing_mm[:2])) / 2
    length, swing = (large[0].longest_mm, large[0].longest_swing_mm) if large else (0.0, 0.0)
    total, wobble = (
        float(mask.sum()) * volume.voxel_ml,
        sum(one.volume_swing for one in large) * volume.voxel_ml,
    )
    diameter, amount = _LARGE
    findings: list[Finding] = [
        Measured(diameter, *whole, length, UNITS[diameter], seen, max(swing, half_voxel) if large else None),
        Measured(amount, *whole, total, UNITS[amount], seen, wobble if large else None),
    ]
    for region in REPORTED[1:]:
        for side in sides(region):
            half = Side.WHOLE if side is Side.MIDLINE else side
            inside = mask & scan.anatomy.region(region, half) if large else mask
            if inside.any():
                slices = np.nonzero(inside)[0]
                ml, there = len(slices) * volume.voxel_ml, evidence(LABEL, volume, slices)
                findings.append(Measured(amount, region, side, ml, UNITS[amount], there))
    return findings


def _longer(large: tuple[Haemorrhage, ...]) -> list[Area]:
    return [_area(one.voxels) for one in large]


def _kept(bleeds: Bleeds) -> list[Area]:
    return [_area(focus.spot.voxels) for focus in bleeds.kept]


def _area(voxels: NDArray[np.intp]) -> Area:
    k, j, i = voxels
    return Area((k, j, i))


def _lesions(scan: Scan, bleeds: Bleeds) -> tuple[Lesion, ...]:
    """Largest first; a focus counts as one, a haemorrhage with its diameter."""

    def of_large(area: Area) -> Values:
        return ((Quantity.HAEMORRHAGE_DIAMETER, longest_mm(area.voxels, scan.volume.spacing_mm)),)

    def of_focus(_: Area) -> Values:
        return ((Quantity.MICROBLEED_COUNT, 1.0),)

    both = (
        *lesions(NAME, scan, _longer(bleeds.large), of_large),
        *lesions(NAME, scan, _kept(bleeds), of_focus),
    )
    return tuple(sorted(both, key=lambda one: -one.volume_ml))


CHECK = Check(
    NAME,
    VERSION,
    (Role.SWI, Role.B0, Role.FLAIR, Role.PHASE),
    measure,
    silence,
    after=(FLAIR_CHECK,),
    optional=(Role.PHASE,),
)
