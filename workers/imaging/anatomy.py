"""From a volume to the brain's regions on the volume's own grid: the fit once a study, the regions once a series."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from workers.imaging.brain_map import GRID_MM, BrainMap, pose_in
from workers.imaging.coverage import coverage
from workers.imaging.motion import Motion, at_rest
from workers.imaging.regions import parts_of, template_labels
from workers.imaging.shading import evened
from workers.imaging.template import Template, load_template
from workers.imaging.volume import Volume
from workers.imaging.warp import places_in_template

Box = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""Indices (k, j, i) of some voxels."""


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """A brain on the grid of its volume; all arrays (k, j, i).

    corrected : signal without the receive field, lesion-free white matter being 1
    parts : place of the region in `regions.PARTS`, from 1; 0 is no region
    is_left : the patient's left half
    grey, white : tissue shares expected by the fitted template, 0 to 1; the rest is fluid
    depth_mm : distance to the nearest voxel outside the brain
    template_mm : (3, k, j, i) float16, where each voxel of the brain lies in the template, MNI mm (x right, y front, z up)
    covered : share of each region's template volume that lies within the scan
    """

    brain: NDArray[np.bool_]
    corrected: NDArray[np.float32]
    parts: NDArray[np.uint8]
    is_left: NDArray[np.bool_]
    grey: NDArray[np.float16]
    white: NDArray[np.float16]
    depth_mm: NDArray[np.float16]
    template_mm: NDArray[np.float16]
    covered: dict[Region, float]

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


def lay(volume: Volume, found: BrainMap, motion: Motion | None = None) -> Anatomy:
    """The anatomy on the grid of a volume.

    motion : from the series that the map was found in to this one; None is that series itself, or one that shares its
        patient coordinates
    """
    pose = pose_in(found, motion or at_rest())
    template = load_template(GRID_MM)
    grid = places_in_template(volume, pose, template)
    box = _near_brain(volume, grid, template)
    place = grid[:3, :3] @ np.stack(box[::-1]).astype(np.float64) + grid[:3, 3:]
    place = np.ascontiguousarray(place[::-1], dtype=np.float32)
    moved = (place + np.stack([_linear(part, place) for part in found.warp])).astype(np.float32)
    fine = (moved * GRID_MM + (GRID_MM - 1) / 2).astype(np.float32)
    full = load_template(1)
    inside = _linear(full.brain.astype(np.float32), fine) >= 0.5
    box = (box[0][inside], box[1][inside], box[2][inside])
    place, fine = place[:, inside], fine[:, inside]
    brain = _spread(volume, box, np.ones(len(box[0]), dtype=bool))
    grey, white = (
        _spread(volume, box, _linear(one, fine).astype(np.float16)) for one in (full.grey, full.white)
    )
    depth = _depth(brain, volume.spacing_mm)
    if volume.series_instance_uid == found.series_instance_uid:
        flat = volume.array[box] / np.exp(_linear(found.field, place)) / found.unit
        corrected = _spread(volume, box, flat.astype(np.float32))
    else:
        corrected = evened(volume.array, grey, white, depth)
    return Anatomy(
        brain=brain,
        corrected=corrected,
        parts=_spread(volume, box, ndimage.map_coordinates(template_labels(), fine, order=0)),
        is_left=_spread(volume, box, fine[2] < full.affine[0, 3]),
        grey=grey,
        white=white,
        depth_mm=depth,
        template_mm=_template_mm(volume, box, fine, full),
        covered=coverage(volume, pose),
    )


def _template_mm(volume: Volume, box: Box, fine: NDArray[np.float32], full: Template) -> NDArray[np.float16]:
    """MNI mm of each voxel of the brain: template patient mm with the first two axes turned round."""
    whole = np.zeros((3, *volume.array.shape), dtype=np.float16)
    lps = full.affine[:3, :3] @ fine[::-1] + full.affine[:3, 3:]
    for axis, sign in enumerate((-1, -1, 1)):
        whole[axis][box] = sign * lps[axis]
    return whole


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
