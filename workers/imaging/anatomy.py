"""From a FLAIR volume to the brain's regions on the volume's own grid."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.affine import Pose, find_brain
from workers.imaging.bias import log_field
from workers.imaging.regions import parts_of, template_labels
from workers.imaging.template import Template, load_template
from workers.imaging.tissue import level
from workers.imaging.volume import Volume
from workers.imaging.warp import deformation, onto_template, places_in_template

Box = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""Indices (k, j, i) of some voxels."""

GRID_MM = 2
"""Template grid on which bias field and deformation are computed."""
MIN_INFORMATION = 0.26
"""Mutual information in nats below which the fit is not believed: 0.38-0.46 on real heads, also with a quarter of the
slices missing; noise, spheres, a knee-like cylinder and a blotchy ellipsoid reach 0.06-0.21."""


MIN_COVERED = 0.5
"""Share of the brain without which the rest cannot be placed or normalised."""
MIN_EXTENT_MM = 60.0
"""A thinner slab holds less than half of a brain in any direction."""


@dataclass(frozen=True, slots=True)
class AnatomyQuality:
    """How far the anatomy can be trusted."""

    information_nats: float
    """Mutual information of scan and template after the affine fit; larger is better."""
    brain_ml: float


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """A brain on the grid of its volume; all arrays (k, j, i).

    corrected : signal without the receive field, lesion-free white matter being 1
    parts : place of the region in `regions.PARTS`, from 1; 0 is no region
    is_left : the patient's left half
    grey, white : tissue shares expected by the fitted template, 0 to 1
    depth_mm : distance to the nearest voxel outside the brain
    covered : share of each region's template volume that lies within the scan
    """

    brain: NDArray[np.bool_]
    corrected: NDArray[np.float32]
    parts: NDArray[np.uint8]
    is_left: NDArray[np.bool_]
    grey: NDArray[np.float16]
    white: NDArray[np.float16]
    depth_mm: NDArray[np.float16]
    covered: dict[Region, float]
    quality: AnatomyQuality

    def region(self, region: Region, side: Side = Side.WHOLE) -> NDArray[np.bool_]:
        """The voxels of a region, (k, j, i)."""
        wanted = np.zeros(256, dtype=bool)
        wanted[list(parts_of(region))] = True
        inside: NDArray[np.bool_] = wanted[self.parts]
        if side is Side.LEFT:
            inside &= self.is_left
        elif side is Side.RIGHT:
            inside &= ~self.is_left
        return inside


def map_anatomy(volume: Volume) -> Anatomy:
    """Brain, regions and corrected signal of a FLAIR volume.

    Raises CannotAssess where no brain can be found or too little of it is there.
    """
    _require_signal(volume)
    pose = find_brain(volume)
    if pose.information < MIN_INFORMATION:
        raise CannotAssess(
            Why.ANATOMY,
            f"the images do not match a brain (match {pose.information:.2f}, needed {MIN_INFORMATION})",
        )
    covered = _coverage(volume, pose)
    if covered[Region.BRAIN] < MIN_COVERED:
        detail = f"only {100 * covered[Region.BRAIN]:.0f} % of the brain lies within the slices"
        raise CannotAssess(Why.COVERAGE, detail)
    template = load_template(GRID_MM)
    scan = onto_template(volume, pose, template)
    field = log_field(scan, template.brain)
    flat = (scan / np.exp(field)).astype(np.float32)
    unit = _white_signal(flat, template)
    warp = deformation(np.clip(flat / unit, 0.0, 1.6).astype(np.float32), template)
    return _onto_scan(volume, pose, _Fit(template, field, warp, unit), covered)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What was found on the template grid."""

    template: Template
    field: NDArray[np.float32]
    warp: NDArray[np.float32]
    unit: float
    """Signal of white matter."""


def _white_signal(flat: NDArray[np.float32], template: Template) -> float:
    """Signal of lesion-free white matter, in the scan's units."""
    typical = float(np.median(flat[template.brain]))
    white = level(flat[template.white > 0.9] / typical) if typical > 0 else None
    if white is None:
        raise CannotAssess(Why.QUALITY, "no white matter was found")
    return white.mode * typical


def _require_signal(volume: Volume) -> None:
    array = volume.array
    if min(array.shape) < 2 or not np.isfinite(array).all():
        raise CannotAssess(Why.QUALITY, "the volume has no usable pixels")
    if float(array.std()) < 1e-3 * max(float(np.abs(array).max()), 1e-6):
        raise CannotAssess(Why.QUALITY, "the volume is constant")
    extent = min(n * mm for n, mm in zip(array.shape[::-1], volume.spacing_mm, strict=True))
    if extent < MIN_EXTENT_MM:
        raise CannotAssess(Why.COVERAGE, f"the slices span only {extent:.0f} mm")


def _onto_scan(volume: Volume, pose: Pose, fit: _Fit, covered: dict[Region, float]) -> Anatomy:
    """Pull the template's maps to the scan's own voxels."""
    grid = places_in_template(volume, pose, fit.template)
    box = _near_brain(volume, grid, fit.template)
    place = grid[:3, :3] @ np.stack(box[::-1]).astype(np.float64) + grid[:3, 3:]
    place = np.ascontiguousarray(place[::-1], dtype=np.float32)
    moved = (place + np.stack([_linear(part, place) for part in fit.warp])).astype(np.float32)
    fine = (moved * GRID_MM + (GRID_MM - 1) / 2).astype(np.float32)
    full = load_template(1)
    inside = _linear(full.brain.astype(np.float32), fine) >= 0.5
    box = (box[0][inside], box[1][inside], box[2][inside])
    place, fine = place[:, inside], fine[:, inside]
    signal = volume.array[box] / np.exp(_linear(fit.field, place)) / fit.unit
    brain = _spread(volume, box, np.ones(len(box[0]), dtype=bool))
    return Anatomy(
        brain=brain,
        corrected=_spread(volume, box, signal.astype(np.float32)),
        parts=_spread(volume, box, ndimage.map_coordinates(template_labels(), fine, order=0)),
        is_left=_spread(volume, box, fine[2] < full.affine[0, 3]),
        grey=_spread(volume, box, _linear(full.grey, fine).astype(np.float16)),
        white=_spread(volume, box, _linear(full.white, fine).astype(np.float16)),
        depth_mm=_depth(brain, volume.spacing_mm),
        covered=covered,
        quality=AnatomyQuality(pose.information, float(brain.sum() * volume.voxel_ml)),
    )


def _depth(brain: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.float16]:
    """Distance in mm to the nearest voxel outside the brain; the edge of the scan is no edge of the brain."""
    depth = np.zeros(brain.shape, dtype=np.float16)
    if brain.any():
        box = tuple(slice(max(int(one.min()) - 1, 0), int(one.max()) + 2) for one in np.nonzero(brain))
        depth[box] = ndimage.distance_transform_edt(brain[box], sampling=spacing_mm[::-1])
    return depth


def _linear(array: NDArray[np.float32], place: NDArray[Any]) -> NDArray[np.float32]:
    pulled: NDArray[np.float32] = ndimage.map_coordinates(array, place, order=1, mode="nearest")
    return pulled


def _spread(volume: Volume, box: Box, values: NDArray[Any]) -> NDArray[Any]:
    """Values of some voxels, put back on the whole grid."""
    whole = np.zeros(volume.array.shape, values.dtype)
    whole[box] = values
    return whole


def _near_brain(volume: Volume, grid: NDArray[np.float64], template: Template) -> Box:
    """Indices of the voxels that may lie in the brain, before the deformation is known."""
    near = ndimage.binary_dilation(template.brain, iterations=3).astype(np.uint8)
    flip = np.eye(3)[::-1]
    matrix, offset = flip @ grid[:3, :3] @ flip, grid[:3, 3][::-1]
    inside = ndimage.affine_transform(near, matrix, offset, volume.array.shape, order=0)
    k, j, i = np.nonzero(inside)
    return k, j, i


def _coverage(volume: Volume, pose: Pose) -> dict[Region, float]:
    """Share of every part, and of every union, that lies between the first and the last slice."""
    sparse = template_labels()[::3, ::3, ::3]
    affine = load_template(1).affine
    k, j, i = np.nonzero(sparse)
    here = 3 * np.stack([i, j, k], axis=1) @ affine[:3, :3].T + affine[:3, 3]
    inverse = np.linalg.inv(volume.affine)
    voxel = (here @ pose.matrix.T + pose.shift) @ inverse[:3, :3].T + inverse[:3, 3]
    limits = np.array(volume.array.shape[::-1]) - 0.5
    within = np.all((voxel > -0.5) & (voxel < limits), axis=1)
    found = sparse[k, j, i]
    return {region: float(within[np.isin(found, parts_of(region))].mean()) for region in Region}
