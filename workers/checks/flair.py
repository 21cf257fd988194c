"""FLAIR hyperintensity: how much of each region is brighter than its own undiseased tissue (sign M1, symmetry M4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Lesion, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from workers.checks.areas import FACES, Area, Values, areas, evidence, lesions
from workers.checks.bright_fluid import APART, WORDS, has_bright_fluid
from workers.checks.check import Check, Inputs
from workers.checks.cropping import around_brain, put_back
from workers.checks.diseased_norm import doubt_of
from workers.checks.dots import callosal_share, count_dots, told_of_foci
from workers.checks.hyperintensity import Hyperintensity, Probability, find_hyperintensity
from workers.checks.lesion_model import lesion_probability, network_probability
from workers.checks.reported import REPORTED, uncovered
from workers.checks.result import CheckResult
from workers.checks.t2_hyperintensity import GREYNESS, find_on_t2
from workers.checks.volume_doubt import VolumeDoubt, volume_doubt
from workers.checks.witnessed import foci_may_hide, witnessed
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.regions import CORTICAL, sides
from workers.imaging.scan import Scan
from workers.models.card import Card, Engine, ModelRefused
from workers.models.engine import probability_on, within_labels, within_mask
from workers.models.store import SHIPPED, Installed, installed, shipped

NAME = "flair_hyperintensity"
VERSION = "15"

WITNESSES = (Role.T2, Role.ADC)
"""The T2 tells whether the FLAIR nulls fluid, shows faint dots of the callosum too, and stands in for a FLAIR where there is none;
the ADC tells whether white matter is a norm."""
ROLES = (Role.FLAIR, *WITNESSES)

MOSTLY = 0.5
"""Share of white matter from which a voxel is some."""

_OF_SIDES = (
    Quantity.FLAIR_VOLUME,
    Quantity.FLAIR_FRACTION,
    Quantity.FLAIR_RATIO,
    Quantity.FLAIR_Z,
)
"""What is said of every region, side by side; ratio and z exist only where something is bright."""
_LEAST = (Quantity.FLAIR_VOLUME, Quantity.FLAIR_RATIO, Quantity.FLAIR_Z)
"""What a T2 tells. Of shares, numbers and sides it would only know that they are not less, and a rule would take that for a no."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was found in a scan, and by what.

    areas : the connected areas; hearts : for each the voxel (k, j, i) of it that lies nearest to its centre of mass
    voxels : flat indices of the hyperintense voxels, in order
    dotted : where dots of the callosal body are counted: hyperintense, or, where the T2 is their witness, faint and seen on both
    label : check and method, as evidence carries it
    """

    scan: Scan
    found: Hyperintensity
    areas: tuple[Area, ...]
    hearts: tuple[tuple[int, int, int], ...]
    voxels: NDArray[np.intp]
    doubt: VolumeDoubt
    dotted: NDArray[np.bool_]
    label: str
    has_witness: bool = False

    def evidence(self, voxels: NDArray[np.intp]) -> Evidence:
        """The check, the series, and the slices with most of these voxels."""
        volume = self.scan.volume
        return evidence(self.label, volume, voxels // volume.array[0].size)


def check_with(models: Path | None) -> Check:
    """The check with the plug-in models of a folder, if it has any for it; raises ModelRefused."""
    plugged = installed(models)
    version = f"{VERSION} {plugged.label}".strip()
    return Check(NAME, version, ROLES, partial(measure, models=plugged), silence, optional=WITNESSES)


def measure(inputs: Inputs, models: Installed | None = None) -> CheckResult:
    """Volume, share, foci, ratio and z of FLAIR hyperintensity in every region, its symmetry and cortical share."""
    t2 = inputs.scans.get(Role.T2)
    try:
        whole = inputs.scan(Role.FLAIR)
    except CannotAssess as lack:
        if t2 is None:
            raise
        return _by_t2(t2, lack)
    scan, box = around_brain(whole)
    seen = _look(scan, t2, models or Installed())
    if has_bright_fluid(whole, t2):
        return _apart_from_fluid(seen, put_back(_deep(seen), box, whole.volume.array.shape))
    if no_norm := doubt_of(inputs.scans.get(Role.ADC)):
        seen = _without_norm(seen)
    findings: list[Finding] = []
    for region in REPORTED:
        findings += _of_region(seen, region)
    findings += _cortical_share(seen)
    if no_norm:
        findings = _told_where_enough(findings, no_norm, cut_of(Measure.FLAIR_TOLD_FROM))
    mask = put_back(seen.found.mask, box, whole.volume.array.shape)
    return CheckResult(tuple(findings), mask, Role.FLAIR, _lesions(seen))


def _without_norm(seen: Seen) -> Seen:
    """Where white matter is no norm for itself, all of it may be diseased: what was found is the least there is."""
    found, white = seen.found, seen.scan.anatomy.white > MOSTLY
    return replace(seen, doubt=volume_doubt(found, unknown=white))


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    silent = [finding for region in REPORTED for finding in _silence(region, why, detail)]
    silent.append(NotAssessed(Quantity.FLAIR_CORTICAL_SHARE, Region.BRAIN, Side.WHOLE, why, detail))
    return tuple(silent)


def _apart_from_fluid(seen: Seen, part: NDArray[np.bool_]) -> CheckResult:
    """What can be said where bright fluid is not near; a part of a mask, for it could not be compared with another."""
    found = [one for region in REPORTED if region in APART for one in _of_region(seen, region)]
    silent = [one for one in silence(Why.QUALITY, WORDS) if one.region not in APART]
    kept = tuple(one for one in _lesions(seen) if one.region in APART)
    return CheckResult((*found, *silent), None, Role.FLAIR, kept, part)


def _deep(seen: Seen) -> NDArray[np.bool_]:
    """The hyperintensity in the regions that bright fluid is not near."""
    return seen.found.mask & np.logical_or.reduce([seen.scan.anatomy.region(one) for one in APART])


def _by_t2(whole: Scan, lack: CannotAssess) -> CheckResult:
    """The clear lesions of the deep regions; all else stays as unknown as without the T2: what it does not show may be there."""
    scan, box = around_brain(whole)
    seen = _seen(scan, find_on_t2(scan), f"{NAME} {VERSION} on T2 by cuts")
    found = [one for region in GREYNESS for one in _of_region(seen, region)]
    least = cut_of(Measure.T2_TOLD_FROM)
    findings = _told_where_enough([one for one in found if one.quantity in _LEAST], lack, least)
    if not any(isinstance(one, Measured) for one in findings):
        return CheckResult(tuple(findings))
    mask = put_back(seen.found.mask, box, whole.volume.array.shape)
    return CheckResult(tuple(findings), mask, Role.T2, _lesions(seen))


def _told_where_enough(found: Sequence[Finding], lack: CannotAssess, least_ml: float) -> list[Finding]:
    """The places with enough that is bright; of all others little or nothing excludes nothing, and they stay unknown."""
    enough = {
        (one.region, one.side)
        for one in found
        if isinstance(one, Measured) and one.quantity is Quantity.FLAIR_VOLUME and one.value >= least_ml
    }
    told = [one for one in found if (one.region, one.side) in enough and isinstance(one, Measured)]
    said = {(one.quantity, one.region, one.side) for one in told}
    unknown = silence(lack.why, lack.detail)
    return [*told, *(one for one in unknown if (one.quantity, one.region, one.side) not in said)]


def _silence(region: Region, why: Why, detail: str) -> list[Finding]:
    """What would have been said of a region."""
    silent: list[Finding] = [
        NotAssessed(quantity, region, side, why, detail)
        for side in sides(region)
        for quantity in (*_OF_SIDES, *told_of_foci(region))
    ]
    if Side.LEFT in sides(region):
        silent.append(NotAssessed(Quantity.FLAIR_LATERALITY, region, Side.WHOLE, why, detail))
    return silent


def _look(scan: Scan, t2: Scan | None, models: Installed) -> Seen:
    if models.mask:
        scan = within_mask(models.mask, scan)
    if models.label_map:
        scan = within_labels(models.label_map, scan)
    model, method = _probability(scan, models)
    found = find_hyperintensity(scan.anatomy, scan.volume.spacing_mm, model)
    prepared = [card.label for card in (models.mask, models.label_map) if card]
    seen = _seen(scan, found, " ".join([NAME, VERSION, *prepared, method]))
    if t2 and model:
        return replace(seen, dotted=found.mask | witnessed(scan, t2, found, model), has_witness=True)
    return seen


def _seen(scan: Scan, found: Hyperintensity, label: str) -> Seen:
    connected = tuple(areas(found.mask, FACES))
    hearts = tuple(area.heart(scan.volume) for area in connected)
    voxels = np.flatnonzero(found.mask)
    return Seen(scan, found, connected, hearts, voxels, volume_doubt(found), found.mask, label)


def _probability(scan: Scan, models: Installed) -> tuple[Probability | None, str]:
    """Lesion probability and what made it; None and the reason where only the cuts are left."""
    if models.lesion:
        return Probability(probability_on(models.lesion, scan), models.lesion.threshold), models.lesion.label
    refused = []
    for engine in SHIPPED:
        try:
            card = shipped(engine)
            values = _by(engine, scan, card)
        except ModelRefused as reason:
            refused.append(str(reason))
            continue
        if values is None:
            return None, "by cuts, for no white matter was found"
        return Probability(values, card.threshold), ", for ".join([card.label, *refused])
    return None, f"by cuts, for {'; '.join(refused)}"


def _by(engine: Engine, scan: Scan, card: Card) -> NDArray[np.float32] | None:
    """Probability by one of the product's own models."""
    if engine is Engine.PLANES:
        return network_probability(scan, card)
    return lesion_probability(scan.anatomy, scan.volume.spacing_mm, card)


def _of_region(seen: Seen, region: Region) -> list[Finding]:
    if detail := uncovered(seen.scan.anatomy.covered[region]):
        return _silence(region, Why.COVERAGE, detail)
    findings = [one for side in sides(region) for one in _on_side(seen, (region, side))]
    return findings + (_laterality(seen, region) if Side.LEFT in sides(region) else [])


def _on_side(seen: Seen, place: tuple[Region, Side]) -> list[Finding]:
    """Load of one region on one side; ratio and z only where something is bright."""
    inside = seen.scan.anatomy.region(*place)
    flat, voxel_ml = inside.reshape(-1), seen.scan.volume.voxel_ml
    bright = seen.voxels[flat[seen.voxels]]
    percent = 100.0 / max(int(inside.sum()), 1)
    unsure = seen.doubt.half_width(flat, len(bright), voxel_ml)
    values: list[tuple[Quantity, float, float | None]] = [
        (Quantity.FLAIR_VOLUME, len(bright) * voxel_ml, unsure),
        (Quantity.FLAIR_FRACTION, len(bright) * percent, min(unsure / voxel_ml * percent, 100.0)),
    ]
    if len(bright):
        values += [
            (quantity, float(one.reshape(-1)[bright].mean(dtype=np.float64)), None)
            for quantity, one in ((Quantity.FLAIR_RATIO, seen.found.ratio), (Quantity.FLAIR_Z, seen.found.z))
        ]
    evident = seen.evidence(bright)
    measured = [Measured(name, *place, value, UNITS[name], evident, half) for name, value, half in values]
    return [*measured, *_foci(seen, place, evident)]


def _foci(seen: Seen, place: tuple[Region, Side], evident: Evidence) -> list[Finding]:
    """How many areas have their heart there; in the callosal body, where dots touch (R18), how many dots, and their share."""
    inside, apart = seen.scan.anatomy.region(*place), seen.scan.volume.spacing_mm[2]
    has_witness, share = False, None
    count = float(sum(bool(inside[heart]) for heart in seen.hearts))
    if place[0] is Region.CALLOSAL_BODY:
        count = float(count_dots(seen.found.ratio, seen.dotted, inside, seen.scan.volume.spacing_mm))
        share, has_witness = callosal_share(seen.dotted, seen.scan.anatomy), seen.has_witness
    if foci_may_hide(count, apart, has_witness=has_witness):
        detail = f"slices {apart:.1f} mm apart: small foci may lie between them"
        return [NotAssessed(one, *place, Why.QUALITY, detail) for one in told_of_foci(place[0])]
    values = zip(told_of_foci(place[0]), (count, share), strict=False)
    return [Measured(one, *place, value, UNITS[one], evident) for one, value in values if value is not None]


def _laterality(seen: Seen, region: Region) -> list[Finding]:
    """(left - right) / (left + right), where there is enough on both sides together."""
    bright = seen.voxels[seen.scan.anatomy.region(region).reshape(-1)[seen.voxels]]
    if len(bright) * seen.scan.volume.voxel_ml < cut_of(Measure.FLAIR_SIDE_FROM):
        return []
    left = int(np.count_nonzero(seen.scan.anatomy.is_left.reshape(-1)[bright]))
    quantity, value = Quantity.FLAIR_LATERALITY, (2 * left - len(bright)) / len(bright)
    return [Measured(quantity, region, Side.WHOLE, value, UNITS[quantity], seen.evidence(bright))]


def _cortical_share(seen: Seen) -> list[Finding]:
    anatomy = seen.scan.anatomy
    total = int(np.count_nonzero(anatomy.region(Region.BRAIN).reshape(-1)[seen.voxels]))
    if not total:
        return []
    cortical = np.logical_or.reduce([anatomy.region(one).reshape(-1)[seen.voxels] for one in CORTICAL])
    quantity, share = Quantity.FLAIR_CORTICAL_SHARE, 100.0 * float(cortical.sum()) / total
    evident = seen.evidence(seen.voxels)
    return [Measured(quantity, Region.BRAIN, Side.WHOLE, share, UNITS[quantity], evident)]


def _lesions(seen: Seen) -> tuple[Lesion, ...]:
    """The areas, with their mean ratio and z."""
    maps = ((Quantity.FLAIR_RATIO, seen.found.ratio), (Quantity.FLAIR_Z, seen.found.z))

    def of_area(area: Area) -> Values:
        return tuple((quantity, float(one[area.voxels].mean(dtype=np.float64))) for quantity, one in maps)

    return lesions(NAME, seen.scan, seen.areas, of_area)


CHECK = Check(NAME, VERSION, ROLES, measure, silence, optional=WITNESSES)
