"""Restricted diffusion: how much of each region is bright on DWI and low on ADC (sign M2), and the ADC of FLAIR lesions."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Measured, NotAssessed, Quantity, Why
from workers.checks.artefact import artefacts
from workers.checks.check import Check, Inputs
from workers.checks.restricted_areas import Area, areas_of, lesions_of, placed
from workers.checks.restriction import (
    LEAST_ML,
    LEAST_SPLENIUM_ML,
    FloatArray,
    Restriction,
    brightness_of,
    find_restriction,
    white_adc,
)
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.diffusion import same_grid
from workers.imaging.regions import DRAWN, sides
from workers.imaging.scan import Scan, carried
from workers.imaging.volume import Volume

NAME = "restricted_diffusion"
VERSION = "1"
FLAIR_CHECK = "flair_hyperintensity"

MIN_COVERED = 0.8
"""Share of a region's template volume that has to lie within the slices. [P]"""
LATERAL_FROM_ML = 0.5
"""Least volume that has a side, as for FLAIR. [P]"""
WHITE_ADC = (520.0, 1150.0)
"""Median ADC of white matter that a map in the right unit can have: 700-750 in adults, 850 in old age, 1100 in the
first year. [P]"""
LESION_FROM_ML = 0.2
"""Least FLAIR hyperintensity whose ADC is told. [P]"""
FLUID_ADC = 2000.0
"""Voxels above are fluid that a FLAIR lesion touches."""
KEY_SLICES = 3

NO_TISSUE = (Region.VENTRICLES, Region.SULCI, Region.CISTERNS, Region.CORD)
REPORTED = tuple(region for region in DRAWN if region not in NO_TISSUE)
SHINING = (Region.BRAIN, Region.SPLENIUM)
COUNTED = (Region.BRAIN, Region.CEREBELLUM)
LESIONS_OF = (
    Region.BRAIN, Region.PARIETO_OCCIPITAL, Region.PARIETAL, Region.OCCIPITAL, Region.FRONTAL, Region.TEMPORAL,
    Region.HIPPOCAMPUS, Region.THALAMUS, Region.BRAINSTEM, Region.CEREBELLUM, Region.SPLENIUM,
    Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE,
)  # fmt: skip
"""Regions in which the ADC of FLAIR lesions tells vasogenic from cytotoxic oedema."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What was found on the DWI grid, its regions put right."""

    volume: Volume
    anatomy: Anatomy
    adc: FloatArray
    restriction: Restriction
    areas: tuple[Area, ...]


def measure(inputs: Inputs) -> CheckResult:
    """Volume, ADC, number and sides of restricted areas; T2 shine-through; ADC of FLAIR lesions and of white matter."""
    adc = inputs.scan(Role.ADC)
    _refuse_another_unit(adc)
    findings: list[Finding] = [*_white(adc), *_lesion_adcs(inputs, adc)]
    try:
        seen = _see(inputs, adc)
    except CannotAssess as reason:
        return CheckResult((*findings, *_silent_restriction(reason.why, reason.detail)))
    for region in REPORTED:
        findings += _of_region(seen, region)
    findings += [*_of_areas(seen), *_shine_through(seen)]
    mask = seen.restriction.mask
    lesions = lesions_of(NAME, seen.volume, seen.adc, seen.areas)
    return CheckResult(tuple(findings), mask, Role.DWI, lesions)


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    adcs = [_not(Quantity.ADC_MEDIAN, Region.BRAIN, Side.WHOLE, why, detail)]
    adcs += [_not(Quantity.LESION_ADC, region, _whole(region), why, detail) for region in LESIONS_OF]
    return (*_silent_restriction(why, detail), *adcs)


def _silent_restriction(why: Why, detail: str) -> list[Finding]:
    silent = [finding for region in REPORTED for finding in _silent_region(region, why, detail)]
    silent += [_not(Quantity.RESTRICTED_FOCI, region, Side.WHOLE, why, detail) for region in COUNTED]
    for quantity in (Quantity.RESTRICTED_LARGEST, Quantity.RESTRICTED_LATERALITY):
        silent.append(_not(quantity, Region.BRAIN, Side.WHOLE, why, detail))
    for region in SHINING:
        silent.append(_not(Quantity.SHINE_THROUGH_VOLUME, region, _whole(region), why, detail))
    return silent


def _silent_region(region: Region, why: Why, detail: str) -> list[Finding]:
    quantities = (Quantity.RESTRICTED_VOLUME, Quantity.RESTRICTED_ADC)
    return [_not(quantity, region, side, why, detail) for side in sides(region) for quantity in quantities]


def _not(quantity: Quantity, region: Region, side: Side, why: Why, detail: str) -> Finding:
    return NotAssessed(quantity, region, side, why, detail)


def _whole(region: Region) -> Side:
    return sides(region)[-1]


def _refuse_another_unit(adc: Scan) -> None:
    found = white_adc(adc.anatomy, adc.volume.array)
    if not WHITE_ADC[0] <= found <= WHITE_ADC[1]:
        raise CannotAssess(
            Why.QUALITY, f"white matter has an ADC of {found:.0f} x 10-6 mm2/s on the map, which no brain has"
        )


def _see(inputs: Inputs, adc: Scan) -> _Seen:
    """Restriction on the DWI grid, without artefacts."""
    dwi = inputs.scan(Role.DWI)
    volume = dwi.volume
    is_aligned = same_grid(volume, adc.volume)
    values = adc.volume.array if is_aligned else carried(adc.volume.array, adc, dwi)
    found = find_restriction(dwi.anatomy, values, volume.spacing_mm)
    false = artefacts(dwi.anatomy, found, _flair_contrast(inputs, dwi), volume.spacing_mm)
    true = replace(
        found,
        mask=found.mask & ~false,
        looser=found.looser & ~false,
        stricter=found.stricter & ~false,
        shine=found.shine & ~false,
    )
    anatomy = placed(dwi.anatomy, true.mask)
    return _Seen(volume, anatomy, values, true, areas_of(true.mask, anatomy, volume))


def _flair_contrast(inputs: Inputs, dwi: Scan) -> FloatArray | None:
    """How much brighter than expected FLAIR is, on the DWI grid."""
    flair = inputs.scans.get(Role.FLAIR)
    return None if flair is None else carried(brightness_of(flair.anatomy).contrast, flair, dwi)


def _of_region(seen: _Seen, region: Region) -> list[Finding]:
    covered = seen.anatomy.covered[region]
    if covered < MIN_COVERED:
        detail = f"only {100 * covered:.0f} % of the region lies within the slices"
        return _silent_region(region, Why.COVERAGE, detail)
    return [finding for side in sides(region) for finding in _on_side(seen, region, side)]


def _on_side(seen: _Seen, region: Region, side: Side) -> list[Finding]:
    """Volume on one side, and the mean ADC where there is any."""
    inside = seen.anatomy.region(region, side)
    mask = seen.restriction.mask & inside
    evidence = _evidence(seen.volume, mask)
    value = float(mask.sum()) * seen.volume.voxel_ml
    doubt = _volume_doubt(seen, inside, LEAST_SPLENIUM_ML if region is Region.SPLENIUM else LEAST_ML)
    findings: list[Finding] = [_measured(Quantity.RESTRICTED_VOLUME, (region, side), value, evidence, doubt)]
    if mask.any():
        mean, error = _mean(seen.adc[mask])
        findings.append(_measured(Quantity.RESTRICTED_ADC, (region, side), mean, evidence, error))
    return findings


def _volume_doubt(seen: _Seen, inside: NDArray[np.bool_], least_ml: float) -> float:
    """Half width of 95 %: by the doubt of the cuts, by the voxels of the surface, and at least what is too small."""
    found, voxel = seen.restriction, seen.volume.voxel_ml
    by_cuts = (np.count_nonzero(found.looser & inside) - np.count_nonzero(found.stricter & inside)) / 2
    mask = found.mask & inside
    surface = np.count_nonzero(mask & ~_eroded(mask))
    # A voxel of the surface is in by any share: a standard deviation of 1 / sqrt(12).
    by_surface = 1.96 * np.sqrt(surface / 12.0)
    return max(voxel * float(np.hypot(by_cuts, by_surface)), least_ml)


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels whose neighbours in the slice are in the mask too."""
    inner = mask.copy()
    for axis in (1, 2):
        for step in (1, -1):
            inner &= np.roll(mask, step, axis)
    return inner


def _of_areas(seen: _Seen) -> list[Finding]:
    """How many areas, how large the largest, and on which side they lie."""
    evidence = _evidence(seen.volume, seen.restriction.mask)
    findings: list[Finding] = []
    for region in COUNTED:
        count = sum(region in (Region.BRAIN, area.region) for area in seen.areas)
        findings.append(_measured(Quantity.RESTRICTED_FOCI, (region, Side.WHOLE), float(count), evidence))
    brain = (Region.BRAIN, Side.WHOLE)
    largest = max((area.volume_ml for area in seen.areas), default=0.0)
    findings.append(_measured(Quantity.RESTRICTED_LARGEST, brain, largest, evidence))
    mask, left = seen.restriction.mask, seen.anatomy.is_left
    total = float(mask.sum())
    if total * seen.volume.voxel_ml >= LATERAL_FROM_ML:
        value = (2.0 * float((mask & left).sum()) - total) / total
        findings.append(_measured(Quantity.RESTRICTED_LATERALITY, brain, value, evidence))
    return findings


def _shine_through(seen: _Seen) -> list[Finding]:
    findings: list[Finding] = []
    for region in SHINING:
        shine = seen.restriction.shine & seen.anatomy.region(region)
        value = float(shine.sum()) * seen.volume.voxel_ml
        place = (region, _whole(region))
        findings.append(_measured(Quantity.SHINE_THROUGH_VOLUME, place, value, _evidence(seen.volume, shine)))
    return findings


def _white(adc: Scan) -> list[Finding]:
    value = white_adc(adc.anatomy, adc.volume.array)
    evidence = _evidence(adc.volume, adc.anatomy.brain)
    return [_measured(Quantity.ADC_MEDIAN, (Region.BRAIN, Side.WHOLE), value, evidence)]


def _lesion_adcs(inputs: Inputs, adc: Scan) -> list[Finding]:
    """Mean ADC of the FLAIR lesions of each region, fluid left out."""
    found = inputs.found.get(FLAIR_CHECK)
    flair = inputs.scans.get(Role.FLAIR)
    if found is None or found.mask is None or flair is None:
        lack = inputs.lacking.get(Role.FLAIR)
        why, detail = (lack.why, lack.detail) if lack else (Why.SERIES_MISSING, "no FLAIR lesions to look at")
        return [_not(Quantity.LESION_ADC, region, _whole(region), why, detail) for region in LESIONS_OF]
    lesions = carried(found.mask, flair, adc) >= 0.5
    values = adc.volume.array
    lesions &= adc.anatomy.brain & (values > 0) & (values < FLUID_ADC)
    findings: list[Finding] = []
    for region in LESIONS_OF:
        inside = lesions & adc.anatomy.region(region)
        if float(inside.sum()) * adc.volume.voxel_ml >= LESION_FROM_ML:
            mean, error = _mean(values[inside])
            place = (region, _whole(region))
            findings.append(_measured(Quantity.LESION_ADC, place, mean, _evidence(adc.volume, inside), error))
    return findings


def _mean(values: FloatArray) -> tuple[float, float]:
    """Mean, and the half width of its 95 % interval by the spread of the voxels, neighbours being alike."""
    exact = values.astype(np.float64)
    alike = 4.0
    return float(exact.mean()), 1.96 * float(exact.std()) / float(np.sqrt(max(exact.size / alike, 1.0)))


def _measured(
    quantity: Quantity,
    place: tuple[Region, Side],
    value: float,
    evidence: Evidence,
    uncertainty: float | None = None,
) -> Measured:
    return Measured(quantity, *place, value, UNITS[quantity], evidence, uncertainty)


def _evidence(volume: Volume, mask: NDArray[np.bool_]) -> Evidence:
    """The check, the series, and the slices with most of it."""
    counts = mask.sum(axis=(1, 2))
    order = [int(k) for k in np.argsort(-counts, kind="stable")[:KEY_SLICES] if counts[k] > 0]
    uids = dict.fromkeys(volume.sop_instance_uids[k] for k in order)
    return Evidence(f"{NAME} {VERSION}", volume.series_instance_uid, tuple(uids))


CHECK = Check(
    NAME, VERSION, (Role.DWI, Role.ADC, Role.B0, Role.FLAIR), measure, silence, after=(FLAIR_CHECK,)
)
