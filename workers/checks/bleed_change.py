"""Microbleed-like foci against an earlier study: new, perhaps new, gone, region by region (signs M3 and M5, rule R07)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Course, Finding, Lesion, Measured, NotAssessed, Quantity, Why
from workers.checks.areas import CORNERS, evidence
from workers.checks.check import Check, Inputs
from workers.checks.reported import uncovered
from workers.checks.result import CheckResult
from workers.checks.same_foci import Places, SameFoci, require_alike, same_foci
from workers.checks.susceptibility import NAME as BLEED_CHECK
from workers.checks.susceptibility import REPORTED, lies
from workers.errors import CannotAssess
from workers.imaging.regions import sides
from workers.imaging.scan import Scan, carried_mm
from workers.imaging.volume import Volume

NAME = "bleed_change"
VERSION = "2"
LABEL = f"{NAME} {VERSION}"

NEW, UNKNOWN, GONE = (
    Quantity.MICROBLEED_NEW_COUNT,
    Quantity.MICROBLEED_NOT_BEFORE_COUNT,
    Quantity.MICROBLEED_GONE_COUNT,
)
QUANTITIES = (NEW, UNKNOWN, GONE)

Voxel = tuple[int, int, int]
Place = tuple[Region, Side]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Changed:
    """The foci of both studies by their voxels on the grid of now, and what became of them."""

    now: tuple[Voxel, ...]
    before: tuple[Voxel, ...]
    found: SameFoci

    def counts(self, scan: Scan, place: Place) -> dict[Quantity, int]:
        """How many of each kind lie in a place."""
        here = np.array([lies(scan, voxel, place) for voxel in self.now], dtype=bool)
        left = np.array([lies(scan, voxel, place) for voxel in self.before], dtype=bool)
        kinds = {NEW: here & self.found.is_new, UNKNOWN: here & ~self.found.was_there}
        return {kind: int(which.sum()) for kind, which in (*kinds.items(), (GONE, left & self.found.is_gone))}


def measure(inputs: Inputs) -> CheckResult:
    """Foci that are new, that are not known from before, and that are gone, of every region and side."""
    scan, earlier = inputs.scan(Role.SWI), inputs.earlier_scan(Role.SWI)
    ours, theirs = _foci(inputs.found, "this"), _foci(inputs.earlier_found, "the earlier")
    require_alike(scan.volume, earlier.volume)
    here, there = _middles(ours), _middles(theirs)
    found = same_foci(scan, earlier, (here, there))
    changed = _Changed(
        _voxels(scan.volume, here), _voxels(scan.volume, carried_mm(there, earlier, scan)), found
    )
    known = inputs.found[BLEED_CHECK]
    doubts = {
        (one.region, one.side): one.uncertainty or 0.0
        for one in known.findings
        if isinstance(one, Measured) and one.quantity is Quantity.MICROBLEED_COUNT
    }
    findings = [
        finding for region in REPORTED for finding in _of_region((scan, earlier), changed, region, doubts)
    ]
    mask = _new_ones(known, changed)
    return CheckResult(tuple(findings), mask, Role.SWI, tuple(_told(ours, found)))


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    return tuple(one for region in REPORTED for one in _silent(region, why, detail))


def _silent(region: Region, why: Why, detail: str) -> list[Finding]:
    return [
        NotAssessed(quantity, region, side, why, detail) for quantity in QUANTITIES for side in sides(region)
    ]


def _foci(found: Mapping[str, CheckResult], study: str) -> tuple[Lesion, ...]:
    """The counted foci of one of the studies."""
    result = found.get(BLEED_CHECK, CheckResult(()))
    counts = [one for one in result.findings if one.quantity is Quantity.MICROBLEED_COUNT]
    if not any(isinstance(one, Measured) for one in counts):
        reason = next((f": {one.detail}" for one in counts if isinstance(one, NotAssessed)), "")
        raise CannotAssess(Why.QUALITY, f"microbleed-like foci of {study} study could not be counted{reason}")
    return tuple(one for one in result.lesions if Quantity.MICROBLEED_COUNT in dict(one.values))


def _middles(foci: tuple[Lesion, ...]) -> Places:
    return np.array([one.centre_mm for one in foci], dtype=np.float64).reshape(-1, 3).T


def _voxels(volume: Volume, places: Places) -> tuple[Voxel, ...]:
    """The nearest voxels (k, j, i) of some places."""
    homogeneous = np.vstack([places, np.ones(places.shape[1])])
    nearest = np.rint((np.linalg.inv(volume.affine) @ homogeneous)[2::-1]).astype(int).T
    kept = np.clip(nearest, 0, np.array(volume.array.shape) - 1)
    return tuple((int(k), int(j), int(i)) for k, j, i in kept)


def _of_region(
    scans: tuple[Scan, Scan], changed: _Changed, region: Region, doubts: Mapping[Place, float]
) -> Iterator[Finding]:
    scan, earlier = scans
    covered = min(scan.anatomy.covered[region], earlier.anatomy.covered[region])
    if detail := uncovered(covered, of="of both studies"):
        yield from _silent(region, Why.COVERAGE, detail)
        return
    for side in sides(region):
        place = (region, side)
        counts = changed.counts(scan, place)
        new = [
            voxel[0]
            for voxel, is_new in zip(changed.now, changed.found.is_new, strict=True)
            if is_new and lies(scan, voxel, place)
        ]
        seen = evidence(LABEL, scan.volume, np.array(new, dtype=np.intp))
        all_here = sum(lies(scan, voxel, place) for voxel in changed.now)
        for quantity, count in counts.items():
            share = float(np.sqrt(count / max(all_here, count, 1)))
            # What may be new widens the interval of what is; of what is gone it says nothing.
            unsure = 0 if quantity is GONE else counts[UNKNOWN] - counts[NEW]
            doubt = float(np.hypot(share * doubts.get(place, 0.0), unsure))
            yield Measured(quantity, *place, float(count), UNITS[quantity], seen, doubt)


def _new_ones(known: CheckResult, changed: _Changed) -> BoolArray | None:
    """Of what the susceptibility check saw, the new foci, (k, j, i)."""
    if known.mask is None:
        return None
    labels, _ = ndimage.label(known.mask, CORNERS)
    chosen = {
        int(labels[voxel]) for voxel, is_new in zip(changed.now, changed.found.is_new, strict=True) if is_new
    }
    new: BoolArray = np.isin(labels, sorted(chosen - {0}))
    return new


def _told(foci: tuple[Lesion, ...], found: SameFoci) -> Iterator[Lesion]:
    """Each focus of now with what is known of it: new, known from before (both 0), or unsure."""
    for focus, is_new, was_there in zip(foci, found.is_new, found.was_there, strict=True):
        course = Course.NEW if is_new else Course.SAME if was_there else None
        values = ((NEW, float(is_new)), (UNKNOWN, float(not was_there)))
        yield replace(focus, check=NAME, values=values, course=course)


CHECK = Check(NAME, VERSION, (Role.SWI,), measure, silence, after=(BLEED_CHECK,), uses_earlier=True)
