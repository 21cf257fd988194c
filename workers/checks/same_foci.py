"""Dark foci of two susceptibility-weighted series of one patient: which are new, which were there before, which are gone (M3, M5).

Told as new is only a focus at whose place the earlier series has nothing that could be one. What lies between, a vein or a focus too
faint to count, stays unsure: a bleed that was missed before must not become a new one, nor a new one an old one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from rules.findings import Why
from workers.checks.bleeds import DARKNESS
from workers.checks.comparison import is_alike
from workers.checks.cropping import box_around, cropped
from workers.checks.foci import darkness_of, steadied
from workers.errors import CannotAssess
from workers.imaging.scan import Scan, carried_mm
from workers.imaging.volume import Volume

Places = NDArray[np.float64]
"""(3, n) patient mm (LPS) of their own series."""
BoolArray = NDArray[np.bool_]

REACH_MM = 3.0
"""How far apart one focus may come to lie in two sessions, slices apart: 0.6 mm at most in three simulated pairs, on whose heads a
registration errs less than on real ones. [P]"""
LIKE_DEPHASING = 1.5
"""Echo time by field strength, the one over the other, up to which a focus looks alike: SWI has 55-70 ms T, T2* half of that. [P]"""
MARGIN_MM = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class SameFoci:
    """What became of each focus; (n,) of the foci now, and (m,) of those before."""

    is_new: BoolArray
    """Nothing that could be a focus was there before."""
    was_there: BoolArray
    """It was counted before; what is neither may have been there."""
    is_gone: BoolArray
    """Nothing that could be a focus is left."""


def require_alike(now: Volume, before: Volume) -> None:
    """Raises CannotAssess, with the reason, if a focus could look another in the two series by their technique alone."""
    if not is_alike(now, before):
        sizes = " and ".join(" x ".join(f"{mm:.1f}" for mm in one.spacing_mm) for one in (now, before))
        raise CannotAssess(Why.GEOMETRY, f"not comparable: voxels of {sizes} mm in the two SWI series")
    if now.dephasing is None or before.dephasing is None:
        raise CannotAssess(
            Why.QUALITY, "not comparable: no echo time or field strength of one of the SWI series"
        )
    low, high = sorted((now.dephasing, before.dephasing))
    if high > LIKE_DEPHASING * low:
        detail = f"not comparable: echo time by field strength {now.dephasing:.0f} and {before.dephasing:.0f} ms T, as in SWI and T2*"
        raise CannotAssess(Why.QUALITY, detail)


def same_foci(now: Scan, before: Scan, places: tuple[Places, Places]) -> SameFoci:
    """Foci of both series matched one to one, and what has no match looked for in the other.

    places : middles of the foci now and before
    """
    here, there = places
    reach = _reach(now, before)
    ours, theirs = _pairs(carried_mm(here, now, before), there, reach)
    is_new, is_gone = np.ones(here.shape[1], dtype=bool), np.ones(there.shape[1], dtype=bool)
    is_new[ours], is_gone[theirs] = False, False
    was_there = ~is_new
    is_new &= _is_empty(before, carried_mm(here, now, before), is_new, reach)
    is_gone &= _is_empty(now, carried_mm(there, before, now), is_gone, reach)
    return SameFoci(is_new, was_there, is_gone)


def _reach(now: Scan, before: Scan) -> float:
    """A focus between two slices lies in either."""
    return float(np.hypot(REACH_MM, max(now.volume.spacing_mm[2], before.volume.spacing_mm[2]) / 2))


def _pairs(one: Places, other: Places, reach: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of those that are nearest to each other within reach, each with one fellow at most."""
    away = np.linalg.norm(one[:, :, None] - other[:, None, :], axis=0)
    mine, theirs = optimize.linear_sum_assignment(np.minimum(away, 1000 * reach))
    close = away[mine, theirs] <= reach
    return mine[close], theirs[close]


def _is_empty(scan: Scan, places: Places, asked: BoolArray, reach: float) -> BoolArray:
    """Whether a series looks there, at tissue, and shows nothing as dark as the faintest focus; only of those asked."""
    empty = np.zeros(places.shape[1], dtype=bool)
    box = box_around(scan.anatomy.brain, MARGIN_MM, scan.volume.spacing_mm)
    if box is None or not asked.any():
        return empty
    part = cropped(scan, box)
    dark = steadied(
        darkness_of(part.anatomy.corrected, part.anatomy.brain, part.volume.spacing_mm),
        part.volume.spacing_mm,
    )
    for n in np.flatnonzero(asked):
        near = _around(part, places[:, n], reach)
        is_seen = near[0].size > 0 and part.anatomy.brain[near].mean() > 0.5
        empty[n] = is_seen and float(dark[near].max()) < DARKNESS[0]
    return empty


def _around(scan: Scan, place: Places, reach: float) -> tuple[NDArray[np.intp], ...]:
    """The voxels (k, j, i) within reach of a place; none where it lies outside of the slices."""
    spacing = np.array(scan.volume.spacing_mm[::-1])
    middle = (np.linalg.inv(scan.volume.affine) @ np.r_[place, 1.0])[2::-1]
    shape = np.array(scan.volume.array.shape)
    if np.any(middle < -0.5) or np.any(middle > shape - 0.5):
        return tuple(np.empty((3, 0), dtype=np.intp))
    low = np.maximum(np.ceil(middle - reach / spacing), 0).astype(int)
    high = np.minimum(np.floor(middle + reach / spacing), shape - 1).astype(int)
    block = np.stack(
        np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij")
    )
    voxels = block.reshape(3, -1)
    inside = np.linalg.norm((voxels - middle[:, None]) * spacing[:, None], axis=0) <= reach
    return tuple(voxels[:, inside])
