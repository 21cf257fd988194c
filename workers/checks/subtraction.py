"""T1 before and after contrast agent on one grid and one scale, and whether they can be compared at all (sign M7)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region
from rules.findings import Why
from workers.checks.areas import near
from workers.errors import CannotAssess
from workers.imaging.anatomy import Anatomy
from workers.imaging.scan import Scan, carried
from workers.imaging.volume import Volume

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

MAX_SPACING_FACTOR = 1.5
"""Thicker slices on one side alone mix sulci and cortex otherwise, and the ratio draws every sulcus. [P]"""
MAX_TILT_DEG = 20.0
"""Angle between the slices of the two series from which 2D slices cut different tissue. [P]"""
THICK = 2.0
"""Slice distance over pixel size from which a series is a stack of thick slices."""
GREY_RATIO = (0.92, 1.15)
"""Post over pre of grey matter, white matter being 1: 1.00-1.02 with one technique (simulated), up to some 1.05 at 3 T
from the blood in the cortex. Spin echo against MP-RAGE gives 0.7-0.8 or 1.3, for its grey is darker. [P]"""
FLUID_FLOOR = 0.15
"""Signal relative to white matter below which a ratio is one of noise."""
RIM_MM = 4.0
"""Width of the rim outside the brain that holds dura and venous sinuses; farther out misregistered bone and fat weigh
more than vessels."""
VESSEL_RATIO = 1.5
"""Dura, sinuses and choroid plexus after contrast agent: 1.8-3 (simulated; the usual look on T1)."""
LEAST_VESSELS_ML = 3.0
"""Net of the voxels that became darker by as much, the rim and the ventricles of two simulated studies hold 37-38 mL
with contrast agent, 9-20 mL when misregistered by 1.2-1.7 mm; without it 0 mL, misregistered less than 0. [P]"""
RESTLESS_RATIO, RESTLESS_ML, RESTLESS_SHARE = 1.25, 20.0, 0.6
"""Agent makes tissue brighter, ghosts of a moving head make as much of it darker: from so much that is darker by this ratio, and so
large a share of what is brighter, the pair is refused. Measured: 77 mL and 0.92 with motion; at most 8 mL, and 0.52, in five
simulated pairs without. [P]"""
BLOOD_QUANTILE, LEAST_BLOOD = 0.999, 0.3
"""Of how much the rim outside the brain brightens: its sinuses, where no brain or bone is mixed in (1.0-1.5 simulated); and what that is at
least where agent was given. [P]"""
_TUKEY = 4.685
_ROUNDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """T1 before and after on the grid of the later one; lesion-free white matter is 1 in both. All (k, j, i).

    even : `before` without shading, as the fluid has to be told from grey matter near the coil and far from it
    valid : where the earlier series has signal too
    noise : standard deviation of the difference in white matter
    """

    before: FloatArray
    after: FloatArray
    even: FloatArray
    valid: BoolArray
    noise: float

    @property
    def ratio(self) -> FloatArray:
        """After over before."""
        ratio = self.after / np.maximum(self.before, FLUID_FLOOR)
        return ratio.astype(np.float32)

    def brighter(self, ratio: float, inside: BoolArray) -> BoolArray:
        """Voxels that became brighter by this ratio, and by more than noise."""
        clear = (self.after - self.before) >= 2 * self.noise
        return inside & self.valid & clear & (self.ratio >= ratio)

    def darker(self, ratio: float, inside: BoolArray) -> BoolArray:
        """The mirror image of `brighter`: what noise and misregistration alone make of it."""
        clear = (self.before - self.after) >= 2 * self.noise
        return inside & self.valid & clear & (self.ratio <= 1 / ratio)


def blood_level(pair: Pair, after: Scan) -> float:
    """By how much what is wholly blood with contrast agent becomes brighter, white matter being 1."""
    rim = ~after.anatomy.brain & near(after.anatomy.brain, RIM_MM, after.volume.spacing_mm) & pair.valid
    gained = (pair.after - pair.before)[rim]
    return max(float(np.quantile(gained, BLOOD_QUANTILE)), LEAST_BLOOD) if gained.size else 1.0


def match(before: Scan, after: Scan) -> Pair:
    """Bring the pre-contrast T1 to the post-contrast one.

    Raises CannotAssess if geometry or technique differ too much, or if nothing shows that contrast agent was given.
    """
    _require_like_geometry(before.volume, after.volume)
    pulled = carried(before.volume.array, before, after)
    there = carried(np.ones(before.volume.array.shape, dtype=np.float32), before, after) > 0.999
    anatomy, signal = after.anatomy, after.volume.array
    white = np.asarray((anatomy.white > 0.9) & (anatomy.depth_mm > 5) & there & (pulled > 0) & (signal > 0))
    if np.count_nonzero(white) < 1000:
        raise CannotAssess(Why.COVERAGE, "T1 before and after contrast share too little white matter")
    unit = float(np.median(signal[white]))
    later = (signal / unit).astype(np.float32)
    earlier = (pulled * _gain(signal, pulled, white) / unit).astype(np.float32)
    difference = (later - earlier)[white]
    noise = 1.4826 * float(np.median(np.abs(difference - np.median(difference))))
    shading = np.divide(anatomy.corrected, later, out=np.zeros_like(later), where=later > 0)
    pair = Pair(earlier, later, earlier * shading, there & (earlier > 0.02), noise)
    _require_like_technique(pair, anatomy)
    _require_rest(pair, after)
    _require_contrast_agent(pair, after)
    return pair


def _gain(after: FloatArray, before: FloatArray, white: BoolArray) -> FloatArray:
    """What the earlier signal has to be multiplied with: a robust linear ramp of the logarithm in white matter."""
    places = np.stack(np.nonzero(white))
    half = np.array(after.shape)[:, None] / 2
    step = max(places.shape[1] // 20_000, 1)
    chosen = places[:, ::step]
    at = (chosen - half) / half
    design = np.column_stack([np.ones(at.shape[1]), *at])
    index = (chosen[0], chosen[1], chosen[2])
    target = np.log(after[index].astype(np.float64) / before[index])
    weights, vote = np.zeros(4), np.ones(target.size)
    for _ in range(_ROUNDS):
        root = np.sqrt(vote)
        weights = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
        residual = target - design @ weights
        spread = max(1.4826 * float(np.median(np.abs(residual))), 1e-3)
        vote = np.clip(1 - (residual / (_TUKEY * spread)) ** 2, 0, 1) ** 2
    ramps = [
        np.linspace(-1, 1 - 2 / length, length) * w
        for length, w in zip(after.shape, weights[1:], strict=True)
    ]
    total = weights[0] + ramps[0][:, None, None] + ramps[1][None, :, None] + ramps[2][None, None, :]
    return np.exp(total).astype(np.float32)


def _require_like_geometry(before: Volume, after: Volume) -> None:
    pairs = zip(sorted(before.spacing_mm), sorted(after.spacing_mm), strict=True)
    is_alike = all(max(a, b) <= MAX_SPACING_FACTOR * min(a, b) for a, b in pairs)
    if is_alike and _is_thick(before) and _is_thick(after):
        cosine = abs(float(_normal(before) @ _normal(after)))
        is_alike = cosine >= np.cos(np.radians(MAX_TILT_DEG))
    if not is_alike:
        raise CannotAssess(
            Why.GEOMETRY, "T1 before and after contrast are not comparable: their slices differ"
        )


def _is_thick(volume: Volume) -> bool:
    return volume.spacing_mm[2] >= THICK * max(volume.spacing_mm[:2])


def _normal(volume: Volume) -> NDArray[np.float64]:
    axis: NDArray[np.float64] = volume.affine[:3, 2] / volume.spacing_mm[2]
    return axis


def _require_like_technique(pair: Pair, anatomy: Anatomy) -> None:
    """Refuse pairs whose undiseased grey matter differs after white matter was matched."""
    grey = np.asarray((anatomy.grey > 0.8) & (anatomy.depth_mm > 3) & pair.valid)
    if not grey.any():
        raise CannotAssess(Why.COVERAGE, "T1 before and after contrast share too little grey matter")
    middle = float(np.median(pair.ratio[grey]))
    if not GREY_RATIO[0] <= middle <= GREY_RATIO[1]:
        raise CannotAssess(
            Why.QUALITY, "T1 before and after contrast are not comparable: grey matter differs"
        )


def _require_rest(pair: Pair, after: Scan) -> None:
    """Refuse pairs in which as much of the brain became darker as became brighter."""
    anatomy = after.anatomy
    inner = anatomy.brain & (anatomy.depth_mm >= 2) & ~anatomy.region(Region.VENTRICLES)
    brighter, darker = (
        int(np.count_nonzero(changed(RESTLESS_RATIO, inner))) for changed in (pair.brighter, pair.darker)
    )
    if darker * after.volume.voxel_ml >= RESTLESS_ML and darker >= RESTLESS_SHARE * brighter:
        raise CannotAssess(
            Why.QUALITY, "T1 before and after contrast are not comparable: ghosts of motion in one of them"
        )


def _require_contrast_agent(pair: Pair, after: Scan) -> None:
    """Dura, sinuses and choroid plexus enhance in everybody; where they do not, the label is wrong."""
    anatomy = after.anatomy
    rim = ~anatomy.brain & near(anatomy.brain, RIM_MM, after.volume.spacing_mm)
    places = rim | anatomy.region(Region.VENTRICLES)
    net = int(pair.brighter(VESSEL_RATIO, places).sum()) - int(pair.darker(VESSEL_RATIO, places).sum())
    if net * after.volume.voxel_ml < LEAST_VESSELS_ML:
        raise CannotAssess(Why.QUALITY, "no contrast agent seen in vessels, dura or choroid plexus")
