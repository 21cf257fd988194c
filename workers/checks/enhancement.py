"""Contrast enhancement on T1: of the leptomeninges, of the brain, and of what is bright on FLAIR (sign M7).

FLAIR after contrast agent is never used: oxygen and anaesthesia brighten its sulci too (knowledge base M7).
"""

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Lesion, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from workers.checks.areas import Area, Values, area_of, evidence, lesions, within
from workers.checks.check import Check, Inputs
from workers.checks.cropping import box_around, cropped, put_back
from workers.checks.enhancing_tissue import EnhancingTissue, find_enhancing_tissue
from workers.checks.meninges import EDGE_MM, Meninges, find_meningeal, find_spaces
from workers.checks.on_flair import FLAIR_CHECK, bright_on_flair
from workers.checks.reported import REPORTED, uncovered
from workers.checks.result import CheckResult
from workers.checks.subtraction import RIM_MM, Pair, match
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.regions import sides
from workers.imaging.scan import Scan

NAME = "contrast_enhancement"
VERSION = "4"
LABEL = f"{NAME} {VERSION}"

MATCH_ERROR = 0.02
"""What is left of the match of two series: median ratio of healthy grey matter 1.00-1.02 (simulated)."""
COUNTING = 1.96
"""Half width of 95 % of a count is this times its root."""
EDGE_ERROR = 0.3
"""How far the volume of an area of brain may be off by where its edge is drawn: 1.09 and 1.37 of the true one in two simulated studies. [P]"""
MEDIAN_ERROR = 1.25
"""Standard error of a median over that of a mean, for normal noise."""

MENINGEAL = (Region.FRONTAL, Region.PARIETAL, Region.TEMPORAL, Region.OCCIPITAL, Region.PARIETO_OCCIPITAL,
             Region.CEREBELLUM, Region.BRAIN)  # fmt: skip
WHOLE = (Quantity.SULCAL_ENHANCEMENT_RATIO, Quantity.SULCAL_ENHANCEMENT_HEIGHT, Quantity.LESION_ENHANCEMENT)
"""Said of the whole brain only; the ratios exist only where something is there."""

BoolArray = NDArray[np.bool_]


def measure(inputs: Inputs) -> CheckResult:
    """Volume, ratio and height of meningeal enhancement, volume of enhancing brain, enhancement of FLAIR lesions."""
    whole = inputs.scan(Role.T1C)
    box = box_around(whole.anatomy.brain, RIM_MM, whole.volume.spacing_mm)
    if box is None:
        raise CannotAssess(Why.ANATOMY, "no brain in the T1 after contrast")
    after = cropped(whole, box)
    pair = match(inputs.scan(Role.T1), after)
    spaces = find_spaces(pair, after)
    meninges = find_meningeal(pair, after, spaces)
    bright = bright_on_flair(inputs, after)
    tissue = find_enhancing_tissue(pair, after, spaces, bright)
    findings = [*_volumes(after, meninges, tissue), *_meninges_of_brain(pair, after, meninges)]
    findings += _of_lesions(bright, pair, after)
    mask = put_back(meninges.filled | tissue.mask, box, whole.volume.array.shape)
    return CheckResult(tuple(findings), mask, Role.T1C, _lesions(pair, after, meninges, tissue))


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    silent = [
        NotAssessed(quantity, region, side, why, detail)
        for quantity, regions in (
            (Quantity.SULCAL_ENHANCEMENT_VOLUME, MENINGEAL),
            (Quantity.ENHANCING_VOLUME, REPORTED),
        )
        for region in regions
        for side in sides(region)
    ]
    silent += [NotAssessed(quantity, Region.BRAIN, Side.WHOLE, why, detail) for quantity in WHOLE]
    return tuple(silent)


def _volumes(scan: Scan, meninges: Meninges, tissue: EnhancingTissue) -> list[Finding]:
    """Volumes of both kinds, region by region and side by side."""
    findings: list[Finding] = []
    lit, solid = area_of(meninges.mask), area_of(tissue.mask)
    for region in MENINGEAL:
        findings += _of_region(Quantity.SULCAL_ENHANCEMENT_VOLUME, region, scan, lit, meninges)
    for region in REPORTED:
        findings += _of_region(Quantity.ENHANCING_VOLUME, region, scan, solid, None)
    return findings


def _of_region(
    quantity: Quantity, region: Region, scan: Scan, area: Area, meninges: Meninges | None
) -> list[Finding]:
    """Volume of an area in a region; of meninges each voxel counts by the share of it that enhances."""
    if detail := uncovered(scan.anatomy.covered[region]):
        return [NotAssessed(quantity, region, side, Why.COVERAGE, detail) for side in sides(region)]
    findings: list[Finding] = []
    for side in sides(region):
        there = within(scan.anatomy, area, region, side)
        voxels, of_it = float(there.size), EDGE_ERROR
        if meninges:
            voxels, of_it = float(meninges.share[there.voxels].sum(dtype=np.float64)), meninges.margin
        margin = float(np.hypot(of_it * voxels, COUNTING * np.sqrt(there.size)))
        voxel_ml = scan.volume.voxel_ml
        seen = evidence(LABEL, scan.volume, there.voxels[0])
        found = Measured(quantity, region, side, voxels * voxel_ml, UNITS[quantity], seen, margin * voxel_ml)
        findings.append(found)
    return findings


def _meninges_of_brain(pair: Pair, scan: Scan, found: Meninges) -> list[Finding]:
    """Height of the tallest stretch, and the mean ratio where there is one."""
    seen = evidence(LABEL, scan.volume, np.nonzero(found.mask)[0])
    tallest = max((found.height_mm(area, scan) for area in found.areas), default=0.0)
    slice_mm = scan.volume.spacing_mm[2]
    findings: list[Finding] = [_of_brain(Quantity.SULCAL_ENHANCEMENT_HEIGHT, tallest, seen, slice_mm)]
    if found.mask.any():
        mean = float(pair.ratio[found.mask].mean(dtype=np.float64))
        findings.append(_of_brain(Quantity.SULCAL_ENHANCEMENT_RATIO, mean, seen, MATCH_ERROR * mean))
    return findings


def _of_brain(quantity: Quantity, value: float, seen: Evidence, margin: float) -> Measured:
    return Measured(quantity, Region.BRAIN, Side.WHOLE, value, UNITS[quantity], seen, margin)


def _of_lesions(bright: BoolArray | None, pair: Pair, scan: Scan) -> list[Finding]:
    """Median ratio of what is bright on FLAIR; nothing where there is too little of it."""
    quantity = Quantity.LESION_ENHANCEMENT
    if bright is None:
        detail = "no areas of FLAIR hyperintensity to look at"
        return [NotAssessed(quantity, Region.BRAIN, Side.WHOLE, Why.SERIES_MISSING, detail)]
    lesion = bright & pair.valid & (scan.anatomy.depth_mm >= EDGE_MM)
    if np.count_nonzero(lesion) * scan.volume.voxel_ml < cut_of(Measure.ENHANCING_LESION_FROM):
        return []
    ratios = pair.ratio[lesion].astype(np.float64)
    middle = float(np.median(ratios))
    spread = 1.4826 * float(np.median(np.abs(ratios - middle)))
    margin = float(np.hypot(1.96 * MEDIAN_ERROR * spread / np.sqrt(ratios.size), MATCH_ERROR * middle))
    seen = evidence(LABEL, scan.volume, np.nonzero(lesion)[0])
    return [_of_brain(quantity, middle, seen, margin)]


def _lesions(pair: Pair, scan: Scan, meninges: Meninges, tissue: EnhancingTissue) -> tuple[Lesion, ...]:
    """Stretches of meninges and areas of brain, largest first."""

    def of_meninges(area: Area) -> Values:
        ratio = float(pair.ratio[area.voxels].mean(dtype=np.float64))
        height = meninges.height_mm(area, scan)
        return (Quantity.SULCAL_ENHANCEMENT_RATIO, ratio), (Quantity.SULCAL_ENHANCEMENT_HEIGHT, height)

    def of_tissue(area: Area) -> Values:
        ratio = float(np.median(pair.ratio[area.voxels]))
        return ((Quantity.LESION_ENHANCEMENT, ratio),)

    lit = [meninges.shown(area) for area in meninges.areas]
    both = (*lesions(NAME, scan, lit, of_meninges), *lesions(NAME, scan, tissue.areas, of_tissue))
    return tuple(sorted(both, key=lambda one: (-one.volume_ml, one.centre_mm)))


CHECK = Check(NAME, VERSION, (Role.T1, Role.T1C, Role.FLAIR), measure, silence, after=(FLAIR_CHECK,))
