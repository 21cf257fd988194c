"""Upper cervical cord in the field of view: how much of it, and whether a stretch is brighter than the rest (sign 28).

Strict by design: a cord that cannot be followed, ends near the edge of the scan or is noisy gives no ratio.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role, Side
from rules.findings import UNITS, Evidence, Finding, Measured, NotAssessed, Quantity, Why
from rules.measures import Measure
from workers.checks.check import Check, Inputs
from workers.checks.cord_course import Course, follow
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

NAME = "cervical_cord"
VERSION = "2"

ROLES = (Role.T2, Role.FLAIR)
LONG_ENOUGH_MM = 25.0
"""Length of medulla and cord together that makes a trend. [P]"""
LEAST_EDGE_MM = 4.0
"""Cord this near to the end of the followed course is not used; a slice spacing where that is more. [P]"""
FADED = 0.4
"""Share of the usual signal where the coil's reach ends. [P]"""
MAX_NOISE = 0.06
"""Robust standard deviation around the trend. [P]"""
ABOVE_MM = (4.0, 14.0)
"""How far above a stretch lies what it is compared with for a step: past its blurred end, and no longer than coils vary little. [P]"""
LEAST_ABOVE_MM = 6.0
"""Less of it makes no usual level. [P]"""
LIKE_MEDULLA = 0.85
"""Share of the medulla's signal below which what lies above is not tissue alone. [P]"""
FEW = 0.1
"""Share of levels that may fall out: a line of noise is no gap."""
MOST = 0.75
"""Quantile of what lies above a stretch that is its usual level: some of it may be fluid."""
PLACE = (Region.CORD, Side.MIDLINE)


@dataclass(frozen=True, slots=True)
class Raised:
    """The highest ratio that is held, where, and how sure."""

    ratio: float
    middle: int
    """Level of the course."""
    noise: float


def measure(inputs: Inputs) -> CheckResult:
    """Length of the cord in view, and its highest held signal ratio, in the series that shows most of it."""
    scans = [inputs.scans[role] for role in ROLES if role in inputs.scans]
    if not scans:
        scans = [inputs.scan(ROLES[0])]
    courses = [(follow(scan.volume, scan.anatomy), scan) for scan in scans]
    course, scan = max(courses, key=lambda one: (one[0].length_mm, one[0].in_view_mm))
    return CheckResult((_length(course, scan.volume), _ratio(course, scan)), None, scan.volume.role)


def silence(why: Why, detail: str) -> tuple[Finding, ...]:
    """Everything this check would have said, as not assessed."""
    return tuple(NotAssessed(one, *PLACE, why, detail) for one in (Quantity.CORD_LENGTH, Quantity.CORD_RATIO))


def _length(course: Course, volume: Volume) -> Finding:
    quantity = Quantity.CORD_LENGTH
    least_mm = cut_of(Measure.CORD_LEAST_LENGTH)
    if course.length_mm < least_mm <= course.in_view_mm:
        return NotAssessed(
            quantity, *PLACE, Why.QUALITY, "the cord could not be followed below the foramen magnum"
        )
    evidence = _evidence(volume, course, len(course.below_mm) - 1)
    seen_mm = course.length_mm if course.in_view_mm >= least_mm else course.in_view_mm
    # The foramen's level is known to some 5 mm.
    return Measured(quantity, *PLACE, seen_mm, UNITS[quantity], evidence, 5.0)


def _ratio(course: Course, scan: Scan) -> Finding:
    quantity = Quantity.CORD_RATIO
    try:
        raised = held_ratio(course, max(LEAST_EDGE_MM, scan.volume.spacing_mm[2]))
    except CannotAssess as refused:
        return NotAssessed(quantity, *PLACE, refused.why, refused.detail)
    evidence = _evidence(scan.volume, course, raised.middle)
    return Measured(quantity, *PLACE, raised.ratio, UNITS[quantity], evidence, 1.96 * raised.noise)


def held_ratio(course: Course, edge_mm: float) -> Raised:
    """The highest ratio of the cord's signal to its own trend that holds over 10 mm below the foramen magnum.

    edge_mm : end of the course that is not used
    Raises CannotAssess where less than 10 mm of cord are in view, or where the signal does not allow a trend.
    """
    if course.in_view_mm < cut_of(Measure.CORD_LEAST_LENGTH):
        raise CannotAssess(Why.COVERAGE, "cord not in the field of view")
    if course.length_mm < cut_of(Measure.CORD_LEAST_LENGTH):
        raise CannotAssess(Why.QUALITY, "the cord could not be followed below the foramen magnum")
    used = course.below_mm <= course.below_mm[-1] - edge_mm
    level, signal = course.below_mm[used], course.signal[used]
    if not level.size or level[-1] < cut_of(Measure.CORD_HELD):
        raise CannotAssess(Why.COVERAGE, "less than 10 mm of cord lie clear of the edge of the field of view")
    # A tenth of the levels may fall out: where the medulla becomes cord, the course may slip into fluid.
    if np.ptp(level) < LONG_ENOUGH_MM or np.quantile(signal, FEW) < FADED * np.median(signal):
        raise CannotAssess(Why.QUALITY, "too little of the cord has enough signal to know its usual level")
    ratio = signal / np.exp(_trend(level, np.log(signal)))
    noise = 1.4826 * float(np.median(np.abs(np.diff(ratio)))) / np.sqrt(2)
    if noise > MAX_NOISE:
        raise CannotAssess(Why.QUALITY, "the signal of the cord is too uneven")
    return max(_highest(level, ratio, noise), _step(level, signal, noise), key=lambda one: one.ratio)


def _highest(level: NDArray[np.float64], ratio: NDArray[np.float64], noise: float) -> Raised:
    """The stretch of 10 mm below the foramen with the highest of its least ratios."""
    held = [Raised(float(np.quantile(ratio[one], FEW)), _middle(one), noise) for one in _stretches(level)]
    if not held:
        raise CannotAssess(Why.QUALITY, "the cord could not be followed without gaps")
    return max(held, key=lambda one: one.ratio)


def _step(level: NDArray[np.float64], signal: NDArray[np.float64], noise: float) -> Raised:
    """The stretch of 10 mm that rises most over what lies right above it.

    A lesion that fills most of what is seen makes the trend its own; but no coil makes signal rise so steeply away from the head.
    """
    best = Raised(0.0, 0, noise)
    if not (level < 0).any():
        return best
    least = LIKE_MEDULLA * float(np.median(signal[level < 0]))
    for stretch in _stretches(level):
        top = level[stretch][0]
        above = (level >= top - ABOVE_MM[1]) & (level <= top - ABOVE_MM[0])
        if np.count_nonzero(above) < 2 or np.ptp(level[above]) < LEAST_ABOVE_MM:
            continue
        usual = float(np.quantile(signal[above], MOST))
        ratio = float(np.quantile(signal[stretch], FEW)) / usual
        if usual >= least and ratio > best.ratio:
            best = Raised(ratio, _middle(stretch), noise)
    return best


def _stretches(level: NDArray[np.float64]) -> Iterator[NDArray[np.bool_]]:
    """Every stretch of 10 mm below the foramen without a gap at its end."""
    for n in np.flatnonzero(level >= 0):
        stretch = (level >= level[n]) & (level <= level[n] + cut_of(Measure.CORD_HELD))
        if level[stretch][-1] - level[n] >= cut_of(Measure.CORD_HELD) - 0.5:
            yield stretch


def _middle(stretch: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(stretch)[np.count_nonzero(stretch) // 2])


def _trend(level: NDArray[np.float64], log_signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The coil's fall-off along the cord: the line of the median of all slopes (Theil and Sen), through the darker half.

    Up to some 29 % of the levels may be bright before the slope moves; the height is the 40th centile, so that a
    long lesion does not count as usual.
    """
    gaps = level[None, :] - level[:, None]
    rises = log_signal[None, :] - log_signal[:, None]
    slope = float(np.median(rises[gaps >= np.ptp(level) / 4] / gaps[gaps >= np.ptp(level) / 4]))
    flat = log_signal - slope * level
    return slope * level + float(np.quantile(flat, 0.4))


def _evidence(volume: Volume, course: Course, middle: int) -> Evidence:
    """The check, the series, and the slice through one level."""
    uids: tuple[str, ...] = ()
    if course.places.size:
        inverse = np.linalg.inv(volume.affine)
        k = round(float(inverse[2, :3] @ course.places[middle] + inverse[2, 3]))
        uids = (volume.sop_instance_uids[min(max(k, 0), len(volume.sop_instance_uids) - 1)],)
    return Evidence(f"{NAME} {VERSION}", volume.series_instance_uid, uids)


CHECK = Check(NAME, VERSION, ROLES, measure, silence)
