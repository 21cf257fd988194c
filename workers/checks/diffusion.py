"""Restricted diffusion: how much of each region is bright on DWI and low on ADC (sign M2), and the ADC of FLAIR lesions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Measured, NotAssessed, Quantity, Why
from workers.checks.artefact import artefacts
from workers.checks.check import Check, Inputs
from workers.checks.lesion_adc import lesion_adcs, mean_of
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
from workers.imaging.regions import DRAWN, parts_of, sides
from workers.imaging.scan import Scan, carried
from workers.imaging.volume import Volume

BoolArray = NDArray[np.bool_]

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
class _Voxels:
    """The voxels that anything can be said of, each array (n,): their slice, region, side, ADC, and what they are."""

    k: NDArray[np.intp]
    parts: NDArray[np.uint8]
    is_left: BoolArray
    adc: FloatArray
    mask: BoolArray
    looser: BoolArray
    stricter: BoolArray
    surface: BoolArray
    shine: BoolArray

    def inside(self, region: Region, side: Side = Side.WHOLE) -> BoolArray:
        """Those of a region on a side."""
        found: BoolArray = np.isin(self.parts, parts_of(region))
        if side is Side.LEFT:
            return found & self.is_left
        return found & ~self.is_left if side is Side.RIGHT else found


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What was found on the DWI grid, its regions put right."""

    scan: Scan
    mask: BoolArray
    adc: FloatArray
    voxels: _Voxels
    areas: tuple[Area, ...]

    @property
    def volume(self) -> Volume:
        return self.scan.volume

    def evidence(self, chosen: BoolArray) -> Evidence:
        """The check, the series, and the slices with most of the chosen voxels."""
        return _evidence(self.volume, self.voxels.k[chosen])


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
    lesions = lesions_of(NAME, seen.volume, seen.adc, seen.areas)
    return CheckResult(tuple(findings), seen.mask, Role.DWI, lesions)


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
    is_found = bool(found.mask.any() or found.shine.any())
    contrast = _flair_contrast(inputs, dwi) if is_found else None
    false = artefacts(dwi.anatomy, found, contrast, volume.spacing_mm)
    mask = found.mask & ~false
    anatomy = placed(dwi.anatomy, found.looser & ~false)
    voxels = _voxels(anatomy, values, found, false)
    return _Seen(dwi, mask, values, voxels, areas_of(mask, anatomy, volume))


def _voxels(anatomy: Anatomy, adc: FloatArray, found: Restriction, false: BoolArray) -> _Voxels:
    at = np.nonzero((found.mask | found.looser | found.stricter | found.shine) & ~false)
    inner = ndimage.binary_erosion(found.mask, ndimage.generate_binary_structure(3, 1))
    return _Voxels(
        k=at[0],
        parts=anatomy.parts[at],
        is_left=anatomy.is_left[at],
        adc=adc[at],
        mask=found.mask[at],
        looser=found.looser[at],
        stricter=found.stricter[at],
        surface=(found.mask & ~inner)[at],
        shine=found.shine[at],
    )


def _flair_contrast(inputs: Inputs, dwi: Scan) -> FloatArray | None:
    """How much brighter than expected FLAIR is, on the DWI grid."""
    flair = inputs.scans.get(Role.FLAIR)
    return None if flair is None else carried(brightness_of(flair.anatomy).contrast, flair, dwi)


def _of_region(seen: _Seen, region: Region) -> list[Finding]:
    covered = seen.scan.anatomy.covered[region]
    if covered < MIN_COVERED:
        detail = f"only {100 * covered:.0f} % of the region lies within the slices"
        return _silent_region(region, Why.COVERAGE, detail)
    return [finding for side in sides(region) for finding in _on_side(seen, region, side)]


def _on_side(seen: _Seen, region: Region, side: Side) -> list[Finding]:
    """Volume on one side, and the mean ADC where there is any."""
    inside = seen.voxels.inside(region, side)
    mask = seen.voxels.mask & inside
    evidence = seen.evidence(mask)
    least = LEAST_SPLENIUM_ML if region is Region.SPLENIUM else LEAST_ML
    value, doubt = _volume(seen, mask), max(_doubt(seen, inside), least)
    findings: list[Finding] = [_measured(Quantity.RESTRICTED_VOLUME, (region, side), value, evidence, doubt)]
    if mask.any():
        mean, error = mean_of(seen.voxels.adc[mask])
        findings.append(_measured(Quantity.RESTRICTED_ADC, (region, side), mean, evidence, error))
    return findings


def _volume(seen: _Seen, chosen: BoolArray) -> float:
    return float(np.count_nonzero(chosen)) * seen.volume.voxel_ml


def _doubt(seen: _Seen, inside: BoolArray) -> float:
    """Half width of the 95 % interval of a volume, in mL: by the doubt of the cuts, and by the voxels of the surface."""
    voxels = seen.voxels
    by_cuts = (_volume(seen, voxels.looser & inside) - _volume(seen, voxels.stricter & inside)) / 2
    # A voxel of the surface is in by any share: a standard deviation of 1 / sqrt(12).
    surface = np.count_nonzero(voxels.surface & inside)
    return float(np.hypot(by_cuts, 1.96 * np.sqrt(surface / 12.0) * seen.volume.voxel_ml))


def _of_areas(seen: _Seen) -> list[Finding]:
    """How many areas, how large the largest, and on which side they lie."""
    mask, left = seen.voxels.mask, seen.voxels.is_left
    evidence = seen.evidence(mask)
    findings: list[Finding] = []
    for region in COUNTED:
        count = sum(region in (Region.BRAIN, area.region) for area in seen.areas)
        findings.append(_measured(Quantity.RESTRICTED_FOCI, (region, Side.WHOLE), float(count), evidence))
    brain = (Region.BRAIN, Side.WHOLE)
    largest = max((area.volume_ml for area in seen.areas), default=0.0)
    findings.append(_measured(Quantity.RESTRICTED_LARGEST, brain, largest, evidence))
    if _volume(seen, mask) >= LATERAL_FROM_ML:
        value = 2.0 * float(left[mask].mean()) - 1.0
        findings.append(_measured(Quantity.RESTRICTED_LATERALITY, brain, value, evidence))
    return findings


def _shine_through(seen: _Seen) -> list[Finding]:
    findings: list[Finding] = []
    for region in SHINING:
        shine = seen.voxels.shine & seen.voxels.inside(region)
        place = (region, _whole(region))
        findings.append(
            _measured(Quantity.SHINE_THROUGH_VOLUME, place, _volume(seen, shine), seen.evidence(shine))
        )
    return findings


def _white(adc: Scan) -> list[Finding]:
    value = white_adc(adc.anatomy, adc.volume.array)
    evidence = _evidence(adc.volume, np.nonzero(adc.anatomy.brain)[0])
    return [_measured(Quantity.ADC_MEDIAN, (Region.BRAIN, Side.WHOLE), value, evidence)]


def _lesion_adcs(inputs: Inputs, adc: Scan) -> list[Finding]:
    try:
        told = lesion_adcs(inputs, adc, LESIONS_OF, FLAIR_CHECK)
    except CannotAssess as reason:
        return [
            _not(Quantity.LESION_ADC, region, _whole(region), reason.why, reason.detail)
            for region in LESIONS_OF
        ]
    return [
        _measured(Quantity.LESION_ADC, (region, _whole(region)), mean, _evidence(adc.volume, slices), error)
        for region, (mean, error, slices) in told.items()
    ]


def _measured(
    quantity: Quantity,
    place: tuple[Region, Side],
    value: float,
    evidence: Evidence,
    uncertainty: float | None = None,
) -> Measured:
    return Measured(quantity, *place, value, UNITS[quantity], evidence, uncertainty)


def _evidence(volume: Volume, slices: NDArray[np.intp]) -> Evidence:
    """The check, the series, and the slices that are named most often."""
    counts = np.bincount(slices)
    order = [int(k) for k in np.argsort(-counts, kind="stable")[:KEY_SLICES] if counts[k] > 0]
    uids = dict.fromkeys(volume.sop_instance_uids[k] for k in order)
    return Evidence(f"{NAME} {VERSION}", volume.series_instance_uid, tuple(uids))


CHECK = Check(
    NAME, VERSION, (Role.DWI, Role.ADC, Role.B0, Role.FLAIR), measure, silence, after=(FLAIR_CHECK,)
)
