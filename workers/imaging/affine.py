"""Where the template brain lies in a whole head: the best affine map out of many starts.

A single optimiser locks the stripped template onto the head's outline. So: an exhaustive coarse search,
several different good starts refined, shrunken heads-for-brains rejected by the bounds of the determinant, and the
final mutual information kept as a measure of trust.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from workers.imaging.contrast import CONTRASTS, Contrast
from workers.imaging.distance import depth_in
from workers.imaging.lighting import evenly_lit
from workers.imaging.similarity import BINS, FloatArray, Head, Points, information, quick_information
from workers.imaging.template import block_means, load_template
from workers.imaging.volume import Volume

SHELL_MM = 4.0
"""How far outside the template brain signal is still compared."""
DETERMINANT = (0.45, 1.3)
"""Volume of a head's brain over the template's; a larger one is the scalp outline taken for the brain. Real brains reach
0.73-0.84, large simulated ones 1.26."""
PITCHES_DEG = (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0)
SCALES = (0.82, 0.90, 0.98)
STARTS = 10
MORE_STARTS = 30
"""Tried where the first leave doubt: in a steeply tilted, unevenly lit head the right one was not among the first ten."""
FINALISTS = 3
THINNING = 3
"""Every which point is enough to tell the finalists apart; the last polish takes all."""
ROUGHLY = 1e-6
"""Relative change of the information at which a start is refined enough to be ranked."""
_STIFFNESS = 0.5
"""Weight of the squared log anisotropy of the map: heads differ in shape by some per cent, not by half."""
_BARRIER = 50.0
_ABSURD = 3.0
"""Logarithm of a scale that no head has, far outside DETERMINANT."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A map from template mm to patient mm, both LPS: `matrix @ place + shift`."""

    matrix: FloatArray
    shift: FloatArray
    information: float
    """Mutual information in nats; larger is better."""


def find_brain(volume: Volume) -> Pose:
    """The best affine map from the template to the patient."""
    contrast = CONTRASTS[volume.role]
    fine = _head(volume, 2.0, contrast)
    middle = _coarser(fine)
    coarse = _coarser(middle)
    points = {step: _points(step, contrast) for step in (8, 4)}
    starts = _search(points[8], coarse)
    some = points[4].every(THINNING)
    found: list[Pose] = []
    for batch, plain in ((starts[:STARTS], []), (starts[STARTS:], starts[:FINALISTS])):
        similar = sorted((_similarity(points[8], coarse, *start) for start in batch), key=_information)
        finalists = [*_distinct(similar[::-1])[:FINALISTS], *(_start(*one) for one in plain)]
        found += [_affine(some, middle, pose) for pose in finalists]
        best = _affine(points[4], fine, max(found, key=_information))
        if best.information >= contrast.sure_information:
            break
    return best


def _start(turn: FloatArray, shift: FloatArray) -> Pose:
    """The pose of a start as the search left it: refined on 8 mm, that of a T2 may grow into the scalp."""
    return Pose(np.exp(turn[3]) * rotation(turn[:3]), shift, 0.0)


def _information(pose: Pose) -> float:
    return pose.information


def _distinct(poses: list[Pose]) -> list[Pose]:
    """Poses, best first, without those that ended where a better one did."""
    kept: list[Pose] = []
    for pose in poses:
        if all(
            np.linalg.norm(pose.shift - one.shift) > 4.0 or np.abs(pose.matrix - one.matrix).max() > 0.06
            for one in kept
        ):
            kept.append(pose)
    return kept


def _points(step: int, contrast: Contrast) -> Points:
    """Template brain and shell on a grid of `step` mm, with bins of its signal."""
    template = load_template(min(8, step))
    mm = np.abs(template.affine[0, 0])
    near = depth_in(~template.brain, (mm, mm, mm)) <= max(SHELL_MM, 0.75 * mm)
    k, j, i = np.nonzero(near)
    places = np.stack([i, j, k, np.ones_like(i)], axis=1) @ template.affine.T
    signal = template.image(contrast)[near]
    low, high = contrast.limits
    bins = np.clip((signal - low) / (high - low) * BINS, 0, BINS - 1).astype(np.intp)
    return Points(places[:, :3], bins)


def _head(volume: Volume, step: float, contrast: Contrast) -> Head:
    """The scan on a grid of `step` mm along the patient axes, in histogram bins."""
    array, affine = blocks(volume.array, volume.affine, step)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    sigma = np.sqrt(np.clip((0.5 * step) ** 2 - (0.35 * spacing[::-1]) ** 2, 0, None)) / spacing[::-1]
    smooth = ndimage.gaussian_filter(array, sigma)
    corners = np.array(list(product(*((-0.5, n - 0.5) for n in array.shape[::-1]))))
    ends = corners @ affine[:3, :3].T + affine[:3, 3]
    first, last = ends.min(axis=0), ends.max(axis=0)
    size = np.ceil((last - first) / step).astype(int) + 1
    inverse = np.linalg.inv(affine)
    flip = np.eye(3)[::-1]
    matrix = flip @ (inverse[:3, :3] * step) @ flip
    offset = (inverse[:3, :3] @ first + inverse[:3, 3])[::-1]
    signal = ndimage.affine_transform(smooth, matrix, offset, tuple(size[::-1]), order=1, mode="constant")
    if contrast.has_scalp_like_brain:
        signal = evenly_lit(signal, step)
    return Head(_in_bins(signal), first, step)


def blocks(
    array: NDArray[np.float32], affine: FloatArray, step: float
) -> tuple[NDArray[np.float32], FloatArray]:
    """Means over whole blocks of voxels no longer than `step` mm, and their affine."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    factors = np.maximum(1, np.floor(step / spacing + 0.1)).astype(int)
    fi, fj, fk = (int(factor) for factor in factors)
    nk, nj, ni = (n // f for n, f in zip(array.shape, (fk, fj, fi), strict=True))
    cut = array[: nk * fk, : nj * fj, : ni * fi]
    means = block_means(cut, (fk, fj, fi))
    coarse = affine.copy()
    coarse[:3, 3] += coarse[:3, :3] @ ((factors - 1) / 2)
    coarse[:3, :3] *= factors
    return means, coarse


def _in_bins(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Signal scaled so that air is near bin 1 and the brightest per mille of the head fills the last."""
    top = np.percentile(signal[signal > signal.mean()], 99.0) if signal.max() > 0 else 1.0
    scaled: NDArray[np.float32] = np.clip(signal / max(float(top), 1e-6), 0.0, 1.0) * (BINS - 4) + 1.0
    return scaled.astype(np.float32)


def _coarser(head: Head) -> Head:
    """The head on a grid twice as coarse."""
    smooth = ndimage.gaussian_filter(head.signal, 1.0)
    return Head(np.ascontiguousarray(smooth[::2, ::2, ::2]), head.first, head.step_mm * 2)


def _search(points: Points, head: Head) -> list[tuple[FloatArray, FloatArray]]:
    """Exhaustive poses over pitch, position and scale; the best few that differ."""
    tissue = head.signal > 0.25 * BINS
    _, j, i = np.nonzero(tissue)
    centre = head.first + head.step_mm * np.array([np.median(i), np.median(j), 0.0])
    heights = np.arange(head.first[2] + 40, head.first[2] + head.step_mm * head.signal.shape[0] - 30, 10.0)
    tried = []
    for pitch, scale, dy, z in product(PITCHES_DEG, SCALES, np.arange(-30, 31, 10.0), heights):
        matrix = scale * rotation(np.array([np.radians(pitch), 0.0, 0.0]))
        shift = np.array([centre[0], centre[1] + dy, z]) - matrix @ _middle(points)
        tried.append((quick_information(points, head, matrix, shift), (pitch, scale), shift))
    tried.sort(key=lambda one: -one[0])
    starts: list[tuple[FloatArray, tuple[float, float]]] = []
    for _, (pitch, scale), shift in tried:
        differs = all(
            abs(pitch - p) > 15 or np.linalg.norm(shift - s) > 18 or abs(scale - c) > 0.1
            for s, (p, c) in starts
        )
        if differs:
            starts.append((shift, (pitch, scale)))
        if len(starts) == MORE_STARTS:
            break
    return [(np.array([np.radians(p), 0, 0, np.log(c)]), shift) for shift, (p, c) in starts]


def _middle(points: Points) -> FloatArray:
    middle: FloatArray = points.places.mean(axis=0)
    return middle


def rotation(angles: FloatArray) -> FloatArray:
    """Rotation about x, then y, then z, in radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turned: FloatArray = about_z @ about_y @ about_x
    return turned


def axes(angles: FloatArray) -> FloatArray:
    """The axes, one a row, about which a rotation turns further as each of its angles grows."""
    cz, sz = np.cos(angles[2]), np.sin(angles[2])
    return np.array([rotation(angles)[:, 0], [-sz, cz, 0.0], [0.0, 0.0, 1.0]])


def _similarity(points: Points, head: Head, turn: FloatArray, shift: FloatArray) -> Pose:
    """Refine rotation, scale and shift together."""
    middle = _middle(points)
    unit = np.array([0.01, 0.01, 0.01, 0.01, 1.0, 1.0, 1.0]) * 10

    def pose(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        values = x * unit
        # The line search tries absurd steps once in a while: without a limit the map overflows, and positions are no numbers.
        matrix = np.exp(np.clip(values[3], -_ABSURD, _ABSURD)) * rotation(values[:3])
        return matrix, values[4:] - matrix @ middle

    def cost(x: FloatArray) -> tuple[float, FloatArray]:
        matrix, moved = pose(x)
        value, for_matrix, for_shift = information(points, head, matrix, moved)
        for_matrix -= np.outer(for_shift, middle)
        torque = np.cross(matrix.T, for_matrix.T).sum(axis=0)
        penalty, slope = _beyond(3 * x[3] * unit[3])
        growth = np.sum(for_matrix * matrix) - 3 * slope
        return penalty - value, -unit * np.array([*(axes(x[:3] * unit[:3]) @ torque), growth, *for_shift])

    start = np.array([*turn[:3], turn[3], *(shift + np.exp(turn[3]) * rotation(turn[:3]) @ middle)]) / unit
    found = optimize.minimize(
        cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 40, "ftol": ROUGHLY}
    )
    matrix, moved = pose(found.x)
    return Pose(matrix, moved, -float(found.fun))


def _affine(points: Points, head: Head, start: Pose) -> Pose:
    """Refine all twelve parameters, held near a similarity."""
    middle = _middle(points)

    def parts(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        matrix = x[:9].reshape(3, 3) / 10
        return matrix, x[9:] * 10 - matrix @ middle

    def cost(x: FloatArray) -> tuple[float, FloatArray]:
        matrix, moved = parts(x)
        value, for_matrix, for_shift = information(points, head, matrix, moved)
        penalty, slope = _distortion(matrix)
        for_matrix = for_matrix - np.outer(for_shift, middle) - slope
        return -value + penalty, -np.concatenate([for_matrix.reshape(-1) / 10, for_shift * 10])

    first = np.concatenate([start.matrix.reshape(-1) * 10, (start.shift + start.matrix @ middle) / 10])
    found = optimize.minimize(cost, first, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    matrix, moved = parts(found.x)
    value = information(points, head, matrix, moved)[0]
    return Pose(matrix, moved, value if _is_plausible(matrix) else min(value, 0.0))


def _is_plausible(matrix: FloatArray) -> bool:
    return DETERMINANT[0] <= float(np.linalg.det(matrix)) <= DETERMINANT[1] * 1.02


def _beyond(log_determinant: float) -> tuple[float, float]:
    """Cost of a volume outside its bounds, and its derivative."""
    low, high = np.log(DETERMINANT)
    excess = max(log_determinant - high, 0.0) + min(log_determinant - low, 0.0)
    return _BARRIER * excess**2, 2 * _BARRIER * excess


def _distortion(matrix: FloatArray) -> tuple[float, FloatArray]:
    """Cost of unequal scales and of a volume outside its bounds, and its gradient for the matrix."""
    u, scales, v = np.linalg.svd(matrix)
    logs = np.log(scales)
    apart = logs - logs.mean()
    penalty, slope = _beyond(float(logs.sum()))
    along = (2 * _STIFFNESS * apart + slope) / scales
    gradient: FloatArray = (u * along) @ v
    return float(_STIFFNESS * np.sum(apart**2)) + penalty, gradient
