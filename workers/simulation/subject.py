"""One person in the scanner: anatomy in template space, and the way from the scanner's space to it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.simulation.brain import BOX, Brain, BrainShape, build_brain
from workers.simulation.case import Body, Case
from workers.simulation.crowding import brighten, crowd
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
_MIDLINE_HELD, _MIDLINE_MM = 0.85, 22.0
"""Share of the individual shape's sideways bends that the midline does not take part in, and how far from it: falx and septum
of people without a mass lie within 1-2 mm of a plane."""


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
    shift_mm: float = 0.0
    """How far the septum is pushed to the left, in template mm."""

    def moved(self, turn: Matrix, shift: Matrix) -> "Warp":
        """The same head turned by (3, 3) about its middle and shifted by (3,) LPS mm."""
        return replace(self, matrix=self.matrix @ turn.T, place=self.place + shift, pose=turn @ self.pose)

    def point(self, template_mm: Matrix) -> Matrix:
        """Scanner points (3, n), LPS mm, of template points (3, n); the inverse of `voxels` by fixed-point steps."""
        back = np.linalg.inv(self.matrix)
        points = self.place[:, None] + back @ (template_mm - _CENTRE[:, None])
        for _ in range(12):
            there = self.voxels(points)[::-1] + np.asarray(LOW)[:, None]
            points = points - 0.8 * (back @ (there - template_mm))
        return np.asarray(points)

    @property
    def millimetres(self) -> float:
        """Scanner mm of one template mm, on average."""
        return float(abs(np.linalg.det(self.matrix)) ** (-1.0 / 3.0))

    def voxels(self, points: Matrix) -> Matrix:
        """Head grid coordinates (3, n) as z, y, x of scanner points (3, n)."""
        mm = self.matrix @ (points - self.place[:, None]) + _CENTRE[:, None]
        middle = mm - np.array([[0.0], [-12.0], [14.0]])
        near = np.exp(-0.5 * ((middle / np.array([[20.0], [38.0], [18.0]])) ** 2).sum(axis=0))
        mm = mm + middle * (1.0 / self.ventricles - 1.0) * near
        if self.shift_mm:
            away = (mm - np.array([[0.0], [-2.0], [14.0]])) / np.array([[24.0], [40.0], [28.0]])
            mm[0] += self.shift_mm * np.exp(-0.5 * (away**2).sum(axis=0))
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
        image = np.empty(self.labels.shape, dtype=np.float32)
        for plane, labels in zip(
            image, self.labels, strict=True
        ):  # a plane at a time stays in a core's cache
            np.take(signals, labels, out=plane, mode="clip")
        image[BOX] *= 1.0 - self.brain.inside
        image[BOX] += self.brain.signal(signals)
        return image


@dataclass(frozen=True, slots=True)
class Visit:
    """When the person comes: the same seed is the same person, and a later visit need not look the same."""

    age: int | None = None
    """Years; None draws it from the case."""
    growth: float = 1.0
    """Radius of every lesion relative to the first visit's."""
    number: int = 0
    """Another number is another position in the scanner."""


FIRST = Visit()


def build_subject(case: Case, rng: np.random.Generator, visit: Visit = FIRST) -> Subject:
    """A person with the case's lesions. What the case holds does not change the person's own random numbers."""
    disease, position = (np.random.default_rng([int(rng.integers(2**32)), n]) for n in (0, visit.number))
    drawn = case.ages[0] + int(rng.random() * (case.ages[1] - case.ages[0] + 1))
    age = drawn if visit.age is None else visit.age
    years = float(np.clip((age - 20) / 60, -0.25, 1.2))
    gain = case.csf_gain * (0.75 + 0.7 * years) * rng.uniform(0.9, 1.1)
    brain = build_brain(BrainShape(age, gain, case.swelling.right_csf), rng)
    ventricles = case.ventricles * (0.94 + 0.22 * years) * rng.uniform(0.92, 1.1)
    shape = HeadShape(
        csf_mm=min(case.csf_gain, 1.0) * max(0.3 + 1.8 * years, 0.2),
        skull_mm=rng.uniform(5.5, 8.0) * min(1.0, 0.5 + age / 32.0),
        scalp_mm=rng.uniform(4.5, 7.0),
        frontal_sinus=rng.uniform(0.5, 1.15) * (age > _NO_FRONTAL_SINUS),
        cord=case.cord,
    )
    labels = build_head(shape, rng) if case.body is Body.HEAD else build_limb(rng)
    warp = _warp(ventricles, age, rng, position)
    warp = replace(warp, shift_mm=case.swelling.shift_mm)
    if case.body is Body.LIMB:
        brain = _no_brain(brain)
    crowd(brain, labels, case.swelling, disease)
    if case.bright_fluid:
        brighten(brain, labels, case.bright_fluid)
    lesions = place(case.lesions, brain, disease, growth=visit.growth)
    burden, number = grow(lesions, brain, disease)
    return Subject(age, warp, labels, brain, lesions, burden, number)


_NO_FRONTAL_SINUS = 8
"""Years up to which the frontal sinus holds no air."""


def _no_brain(brain: Brain) -> Brain:
    nothing = np.zeros_like(brain.inside)
    return Brain(nothing, {Tissue.CSF: nothing})


def _warp(ventricles: float, age: int, rng: np.random.Generator, position: np.random.Generator) -> Warp:
    """Size, proportions and individual shape of the person, and the pose of this visit."""
    pose = rotation(position.normal(0, 6), position.normal(0, 3), position.normal(0, 4))
    place = position.normal(0, 4, 3) + np.array([0.0, 8.0, 0.0])
    size = rng.normal(0.97, 0.035) * (1.0 + rng.normal(0, 0.025, 3)) * min(1.0, 0.91 + 0.006 * age)
    shear = np.eye(3) + np.triu(rng.normal(0, 0.015, (3, 3)), 1)
    matrix = np.diag(1.0 / size) @ shear @ _TO_RAS @ pose.T
    knots = [3, *(size // _KNOT_MM + 2 for size in SHAPE)]
    broad = np.stack([smooth_field(rng, tuple(knots[1:]), 5.0) for _ in range(3)]) * 2.6
    narrow = np.stack([smooth_field(rng, tuple(knots[1:]), 2.0) for _ in range(3)]) * 1.3
    shape = broad + narrow
    # x is the last axis of the lattice and the first part of the displacement.
    shape[0] *= 1.0 - _MIDLINE_HELD * np.exp(
        -0.5 * ((LOW[0] + _KNOT_MM * np.arange(knots[-1])) / _MIDLINE_MM) ** 2
    )
    return Warp(matrix, place, shape.astype(np.float32), ventricles, pose)
