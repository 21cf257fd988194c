"""One person in the scanner: anatomy in template space, and the way from the scanner's space to it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.simulation.brain import BOX, Brain, BrainShape, build_brain
from workers.simulation.case import Body, Case
from workers.simulation.fields import smooth_field
from workers.simulation.geometry import Matrix, rotation
from workers.simulation.head import HeadShape, Labels, build_head
from workers.simulation.lesions import Lesion, grow, place
from workers.simulation.limb import build_limb
from workers.simulation.space import LOW, SHAPE
from workers.simulation.tissues import Tissue

_KNOT_MM = 8
_TO_RAS = np.diag([-1.0, -1.0, 1.0])
_CENTRE = np.array([0.0, -18.0, 8.0])
"""Middle of the template's brain, in template mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """From scanner space (LPS mm) to voxels of the head grid: affine, then a smooth displacement."""

    matrix: Matrix
    """(3, 3) from LPS mm, relative to `place`, to template mm relative to its centre."""
    place: Matrix
    """(3,) where the middle of the brain lies in the scanner, LPS mm."""
    displacement: NDArray[np.float32]
    """(3, z, y, x) mm in x, y, z on a lattice of knots every 8 mm."""
    ventricles: float
    """Relative width of the middle of the brain."""
    pose: Matrix
    """(3, 3) rotation of the head in the scanner, LPS."""

    def voxels(self, points: Matrix) -> Matrix:
        """Head grid coordinates (3, n) as z, y, x of scanner points (3, n)."""
        mm = self.matrix @ (points - self.place[:, None]) + _CENTRE[:, None]
        middle = mm - np.array([[0.0], [-12.0], [14.0]])
        near = np.exp(-0.5 * ((middle / np.array([[20.0], [38.0], [18.0]])) ** 2).sum(axis=0))
        mm = mm + middle * (1.0 / self.ventricles - 1.0) * near
        knots = ((mm - np.asarray(LOW)[:, None]) / _KNOT_MM)[::-1]
        moved = [ndimage.map_coordinates(part, knots, order=1, mode="nearest") for part in self.displacement]
        return (mm + np.asarray(moved) - np.asarray(LOW)[:, None])[::-1]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """Everything about the person that pixels are made from; arrays are in the head grid."""

    age: int
    warp: Warp
    labels: Labels
    brain: Brain
    lesions: tuple[Lesion, ...]
    burden: NDArray[np.float32]
    """Share of each voxel of BOX that is lesion."""
    lesion_number: NDArray[np.int16]
    """Which lesion, 1-based; 0 is none."""

    def signal(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Signal (z, y, x) over the head grid for the signal of each tissue."""
        image = np.take(signals, self.labels)
        inner = self.brain.inside
        image[BOX] = image[BOX] * (1.0 - inner) + self.brain.signal(signals)
        return image


def build_subject(case: Case, rng: np.random.Generator) -> Subject:
    """A person with the case's lesions."""
    age = int(rng.integers(case.ages[0], case.ages[1] + 1))
    years = float(np.clip((age - 20) / 60, 0.0, 1.2))
    gain = case.csf_gain * (0.75 + 0.7 * years) * rng.uniform(0.9, 1.1)
    brain = build_brain(BrainShape(age, gain), rng)
    lesions = place(case.lesions, brain, rng)
    burden, number = grow(lesions, brain, rng)
    ventricles = case.ventricles * (0.94 + 0.22 * years) * rng.uniform(0.92, 1.1)
    shape = HeadShape(
        csf_mm=min(case.csf_gain, 1.0) * (0.3 + 1.8 * years),
        skull_mm=rng.uniform(5.5, 8.0),
        scalp_mm=rng.uniform(4.5, 7.0),
        frontal_sinus=rng.uniform(0.5, 1.15),
    )
    labels = build_head(shape, rng) if case.body is Body.HEAD else build_limb(rng)
    if case.body is Body.LIMB:
        brain = _no_brain(brain)
    return Subject(age, _warp(ventricles, rng), labels, brain, lesions, burden, number)


def _no_brain(brain: Brain) -> Brain:
    nothing = np.zeros_like(brain.inside)
    return Brain(nothing, {Tissue.CSF: nothing})


def _warp(ventricles: float, rng: np.random.Generator) -> Warp:
    """Size, proportions, pose and individual shape."""
    pose = rotation(rng.normal(0, 6), rng.normal(0, 3), rng.normal(0, 4))
    size = rng.normal(0.97, 0.035) * (1.0 + rng.normal(0, 0.025, 3))
    shear = np.eye(3) + np.triu(rng.normal(0, 0.015, (3, 3)), 1)
    matrix = np.diag(1.0 / size) @ shear @ _TO_RAS @ pose.T
    knots = [3, *(size // _KNOT_MM + 2 for size in SHAPE)]
    broad = np.stack([smooth_field(rng, tuple(knots[1:]), 5.0) for _ in range(3)]) * 2.6
    narrow = np.stack([smooth_field(rng, tuple(knots[1:]), 2.0) for _ in range(3)]) * 1.3
    place = rng.normal(0, 4, 3) + np.array([0.0, 8.0, 0.0])
    return Warp(matrix, place, (broad + narrow).astype(np.float32), ventricles, pose)
