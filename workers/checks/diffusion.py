"""Restricted diffusion: how much of each region is bright on DWI and low on ADC (sign M2), and the ADC of FLAIR lesions."""

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Lesion, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from workers.checks.areas import Area, Values, evidence, lesions
from workers.checks.check import Check, Inputs
from workers.checks.lesion_adc import lesion_adcs, mean_of
from workers.checks.reported import REPORTED, uncovered
from workers.checks.restricted_tissue import Seen, beside, see
from workers.checks.restriction import white_adc
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.regions import sides
from workers.imaging.scan import Scan

BoolArray = NDArray[np.bool_]

NAME = "restricted_diffusion"
VERSION = "3"
LABEL = f"{NAME} {VERSION}"
FLAIR_CHECK = "flair_hyperintensity"

MEDIANS_OF = (
    (Region.BRAIN, Side.WHOLE),
    (Region.CENTRUM_SEMIOVALE, Side.LEFT),
    (Region.CENTRUM_SEMIOVALE, Side.RIGHT),
)
"""Where the white matter's median ADC is told: diffuse oedema raises it (R01)."""
SHINING = (Region.BRAIN, Region.SPLENIUM)
ARTEFACTS_OF = ((Region.BRAIN, Side.WHOLE), *((Region.TEMPORAL, side) for side in sides(Region.TEMPORAL)))
COUNTED = (Region.BRAIN, Region.CEREBELLUM)
LESIONS_OF = (
    Region.BRAIN, Region.PARIETO_OCCIPITAL, Region.PARIETAL, Region.OCCIPITAL, Region.FRONTAL, Region.TEMPORAL,
    Region.HIPPOCAMPUS, Region.THALAMUS, Region.BRAINSTEM, Region.CEREBELLUM, Region.SPLENIUM,
    Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE,
)  # fmt: skip
"""Regions in which the ADC of FLAIR lesions tells vasogenic from cytotoxic oedema."""


def measure(inputs: Inputs) -> CheckResult:
    """Volume, ADC, number and sides of restricted areas; T2 shine-through; EPI artefact; ADC of FLAIR lesions and of white matter."""
    adc = beside(inputs.scan(Role.ADC), inputs.scans.get(Role.DWI))
    _refuse_another_unit(adc)
    findings: list[Finding] = [*_white(adc), *_lesion_adcs(inputs, adc)]
    try:
        seen = see(inputs, adc)
    except CannotAssess as reason:
        return CheckResult((*findings, *_silent_restriction(reason.why, reason.detail)))
    for region in REPORTED:
        findings += _of_region(seen, region)
    found = _lesions(seen)
    findings += [*_of_areas(seen, found), *_shine_through(seen), *_artefacts(seen)]
    return CheckResult(tuple(findings), seen.mask, Role.DWI, found)


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    adcs = [_not(Quantity.ADC_MEDIAN, *place, why, detail) for place in MEDIANS_OF]
    adcs += [_not(Quantity.LESION_ADC, region, _whole(region), why, detail) for region in LESIONS_OF]
    return (*_silent_restriction(why, detail), *adcs)


def _silent_restriction(why: Why, detail: str) -> list[Finding]:
    silent = [finding for region in REPORTED for finding in _silent_region(region, why, detail)]
    silent += [_not(Quantity.RESTRICTED_FOCI, region, Side.WHOLE, why, detail) for region in COUNTED]
    for quantity in (Quantity.RESTRICTED_LARGEST, Quantity.RESTRICTED_LATERALITY):
        silent.append(_not(quantity, Region.BRAIN, Side.WHOLE, why, detail))
    for region in SHINING:
        silent.append(_not(Quantity.SHINE_THROUGH_VOLUME, region, _whole(region), why, detail))
    silent += [_not(Quantity.EPI_ARTEFACT_VOLUME, *place, why, detail) for place in ARTEFACTS_OF]
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
    if not cut_of(Measure.RESTRICTION_MAP_LOWEST) <= found <= cut_of(Measure.RESTRICTION_MAP_HIGHEST):
        raise CannotAssess(
            Why.QUALITY, f"white matter has an ADC of {found:.0f} x 10-6 mm2/s on the map, which no brain has"
        )


def _of_region(seen: Seen, region: Region) -> list[Finding]:
    if detail := uncovered(seen.scan.anatomy.covered[region]):
        return _silent_region(region, Why.COVERAGE, detail)
    return [finding for side in sides(region) for finding in _on_side(seen, region, side)]


def _on_side(seen: Seen, region: Region, side: Side) -> list[Finding]:
    """Volume on one side, and the mean ADC where there is any."""
    inside = seen.voxels.inside(region, side)
    mask = seen.voxels.mask & inside
    evident = _of_voxels(seen, mask)
    is_splenium = region is Region.SPLENIUM
    least = cut_of(Measure.RESTRICTION_LEAST_SPLENIUM if is_splenium else Measure.RESTRICTION_LEAST)
    value, doubt = seen.volume_ml(mask), max(seen.doubt_ml(inside), least)
    findings: list[Finding] = [_measured(Quantity.RESTRICTED_VOLUME, (region, side), value, evident, doubt)]
    if mask.any():
        mean, error = mean_of(seen.voxels.adc[mask])
        findings.append(_measured(Quantity.RESTRICTED_ADC, (region, side), mean, evident, error))
    return findings


def _lesions(seen: Seen) -> tuple[Lesion, ...]:
    """The areas, with their mean ADC."""

    def of_area(area: Area) -> Values:
        return ((Quantity.RESTRICTED_ADC, float(seen.adc[area.voxels].mean(dtype=np.float64))),)

    return lesions(NAME, seen.scan, seen.areas, of_area)


def _of_areas(seen: Seen, found: tuple[Lesion, ...]) -> list[Finding]:
    """How many areas, how large the largest, and on which side they lie."""
    mask, left = seen.voxels.mask, seen.voxels.is_left
    evident = _of_voxels(seen, mask)
    findings: list[Finding] = []
    for region in COUNTED:
        count = sum(region in (Region.BRAIN, one.region) for one in found)
        findings.append(_measured(Quantity.RESTRICTED_FOCI, (region, Side.WHOLE), float(count), evident))
    brain = (Region.BRAIN, Side.WHOLE)
    largest = max((one.volume_ml for one in found), default=0.0)
    findings.append(_measured(Quantity.RESTRICTED_LARGEST, brain, largest, evident))
    if seen.volume_ml(mask) >= cut_of(Measure.RESTRICTION_SIDE_FROM):
        value = 2.0 * float(left[mask].mean()) - 1.0
        findings.append(_measured(Quantity.RESTRICTED_LATERALITY, brain, value, evident))
    return findings


def _shine_through(seen: Seen) -> list[Finding]:
    findings: list[Finding] = []
    for region in SHINING:
        shine = seen.voxels.shine & seen.voxels.inside(region)
        place = (region, _whole(region))
        findings.append(
            _measured(Quantity.SHINE_THROUGH_VOLUME, place, seen.volume_ml(shine), _of_voxels(seen, shine))
        )
    return findings


def _artefacts(seen: Seen) -> list[Finding]:
    """What was left out as echo-planar artefact, so that a person can look there."""
    findings: list[Finding] = []
    for place in ARTEFACTS_OF:
        left_out = seen.voxels.artefact & seen.voxels.inside(*place)
        findings.append(
            _measured(
                Quantity.EPI_ARTEFACT_VOLUME, place, seen.volume_ml(left_out), _of_voxels(seen, left_out)
            )
        )
    return findings


def _white(adc: Scan) -> list[Finding]:
    return [_white_of(adc, place) for place in MEDIANS_OF]


def _white_of(adc: Scan, place: tuple[Region, Side]) -> Finding:
    """Median ADC of the white matter of a region: it needs no comparison, so disease of all of it cannot hide."""
    anatomy, region = adc.anatomy, place[0]
    if region is not Region.BRAIN and (detail := uncovered(anatomy.covered[region])):
        return _not(Quantity.ADC_MEDIAN, *place, Why.COVERAGE, detail)
    value = white_adc(anatomy, adc.volume.array, *place)
    seen = evidence(LABEL, adc.volume, np.nonzero(anatomy.region(*place))[0])
    return _measured(Quantity.ADC_MEDIAN, place, value, seen)


def _lesion_adcs(inputs: Inputs, adc: Scan) -> list[Finding]:
    try:
        told = lesion_adcs(inputs, adc, LESIONS_OF, FLAIR_CHECK)
    except CannotAssess as reason:
        return [
            _not(Quantity.LESION_ADC, region, _whole(region), reason.why, reason.detail)
            for region in LESIONS_OF
        ]
    return [
        _measured(
            Quantity.LESION_ADC, (region, _whole(region)), mean, evidence(LABEL, adc.volume, slices), error
        )
        for region, (mean, error, slices) in told.items()
    ]


def _measured(
    quantity: Quantity,
    place: tuple[Region, Side],
    value: float,
    seen: Evidence,
    uncertainty: float | None = None,
) -> Measured:
    return Measured(quantity, *place, value, UNITS[quantity], seen, uncertainty)


def _of_voxels(seen: Seen, chosen: BoolArray) -> Evidence:
    return evidence(LABEL, seen.scan.volume, seen.voxels.k[chosen])


CHECK = Check(NAME, VERSION, (Role.DWI, Role.ADC, Role.FLAIR), measure, silence, after=(FLAIR_CHECK,))
