"""From a volume to the brain's regions on the volume's own grid: the fit once a study, the regions once a series."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region, Side
from workers.imaging.brain_map import GRID_MM, BrainMap, pose_in
from workers.imaging.coverage import coverage
from workers.imaging.distance import depth_in, grown
from workers.imaging.motion import Motion, at_rest
from workers.imaging.regions import parts_of, template_labels
from workers.imaging.shading import evened
from workers.imaging.template import Template, load_template
from workers.imaging.volume import Volume
from workers.imaging.warp import places_in_template

PASS = 16_384
"""Places looked up at a time: what belongs to them fits in a core's own cache."""

Indices = NDArray[np.intp]
"""Voxels by their place in the flattened array."""


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
    template, full = load_template(GRID_MM), load_template(1)
    grid = places_in_template(volume, pose, template)
    voxels = _near_brain(volume, grid, template)
    place = _places(voxels, volume.array.shape, grid)
    fine = (place + trilinear(tuple(found.warp), place)) * np.float32(GRID_MM) + np.float32((GRID_MM - 1) / 2)
    share, *tissues = trilinear((full.brain.astype(np.float32), full.grey, full.white), fine)
    inside = share >= 0.5
    voxels, place, fine = voxels[inside], place[:, inside], fine[:, inside]
    brain = _spread(volume, voxels, np.ones(len(voxels), dtype=bool))
    grey, white = (_spread(volume, voxels, one[inside].astype(np.float16)) for one in tissues)
    depth = _depth(brain, volume.spacing_mm)
    if volume.series_instance_uid == found.series_instance_uid:
        flat = volume.array.reshape(-1)[voxels] / np.exp(trilinear((found.field,), place)[0]) / found.unit
        corrected = _spread(volume, voxels, flat.astype(np.float32))
    else:
        corrected = evened(volume.array, grey, white, depth)
    return Anatomy(
        brain=brain,
        corrected=corrected,
        parts=_spread(volume, voxels, _nearest(template_labels(), fine)),
        is_left=_spread(volume, voxels, fine[2] < full.affine[0, 3]),
        grey=grey,
        white=white,
        depth_mm=depth,
        template_mm=_template_mm(volume, voxels, fine, full),
        covered=coverage(volume, pose),
    )


def _near_brain(volume: Volume, grid: NDArray[np.float64], template: Template) -> Indices:
    """The voxels that may lie in the brain, before the deformation is known."""
    near = grown(template.brain, 3).view(np.uint8)
    found = ndimage.find_objects(near)[0]
    corners = np.array(list(product(*((one.start - 1, one.stop) for one in found))), dtype=np.float64)
    back = np.linalg.inv(grid)
    reach = (corners[:, ::-1] @ back[:3, :3].T + back[:3, 3])[:, ::-1]
    shape = np.array(volume.array.shape)
    first = np.clip(np.floor(reach.min(axis=0)), 0, shape).astype(int)
    last = np.clip(np.ceil(reach.max(axis=0)) + 1, first, shape).astype(int)
    flip = np.eye(3)[::-1]
    matrix = flip @ grid[:3, :3] @ flip
    offset = grid[:3, 3][::-1] + matrix @ (first + np.array([0.0, 0.5, 0.5]))
    inside = np.zeros(volume.array.shape, dtype=np.uint8)
    box = tuple(slice(start, stop) for start, stop in zip(first, last, strict=True))
    nk, nj, ni = inside[box].shape
    if nk * nj * ni:
        # Two by two voxels of a slice share an answer: the margin is wider than they are.
        halves = (nk, (nj + 1) // 2, (ni + 1) // 2)
        found_here = ndimage.affine_transform(near, matrix * (1, 2, 2), offset, halves, order=0)
        inside[box] = found_here.repeat(2, axis=1).repeat(2, axis=2)[:, :nj, :ni]
    return np.flatnonzero(inside)


def _places(voxels: Indices, shape: tuple[int, ...], grid: NDArray[np.float64]) -> NDArray[np.float32]:
    """Where voxels lie on the template grid before the deformation, (3, n) as (k, j, i)."""
    k, j, i = np.unravel_index(voxels, shape)
    rows = [grid[axis, 0] * i + grid[axis, 1] * j + (grid[axis, 2] * k + grid[axis, 3]) for axis in (2, 1, 0)]
    return np.stack(rows).astype(np.float32)


def trilinear(maps: Sequence[NDArray[np.float32]], place: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of maps on one grid at places (3, n) in its voxels (k, j, i), (maps, n); beyond the edge the edge's.

    Twice as fast as scipy once a map: the cell of a place is sought once, and what a pass needs stays in the cache.
    """
    values = np.empty((len(maps), place.shape[1]), dtype=np.float32)
    shape = maps[0].shape
    limit = np.array(shape, dtype=np.float32)[:, None] - np.float32(1.001)
    flat = [one.reshape(-1) for one in maps]
    for start in range(0, place.shape[1], PASS):
        kept = np.clip(place[:, start : start + PASS], 0, limit)
        cell = kept.astype(np.intp)
        first = (cell[0] * shape[1] + cell[1]) * shape[2] + cell[2]
        along = (kept - cell).astype(np.float32)
        for number, one in enumerate(flat):
            values[number, start : start + PASS] = _within_cell(one, first, along, shape)
    return values


def _within_cell(
    flat: NDArray[np.float32], first: Indices, along: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Blend of a map's values at the eight corners of cells; `along` (3, n) is 0 at the first corner and 1 across."""
    z, y, x = along
    row, plane = shape[2], shape[1] * shape[2]
    near, across, above, far = (
        _between(flat[offset:][first], flat[offset + 1 :][first], x)
        for offset in (0, row, plane, plane + row)
    )
    return _between(_between(near, across, y), _between(above, far, y), z)


def _between(
    here: NDArray[np.float32], there: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    there -= here
    there *= share
    there += here
    return there


def _nearest(labels: NDArray[np.uint8], place: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Labels of the voxels nearest to places (3, n) as (k, j, i)."""
    limit = np.array(labels.shape)[:, None] - 1
    k, j, i = np.clip(np.floor(place + np.float32(0.5)), 0, limit).astype(np.intp)
    return labels[k, j, i]


def _template_mm(
    volume: Volume, voxels: Indices, fine: NDArray[np.float32], full: Template
) -> NDArray[np.float16]:
    """MNI mm of each voxel of the brain: template patient mm with the first two axes turned round."""
    lps = full.affine[:3, :3] @ fine[::-1] + full.affine[:3, 3:]
    return np.stack(
        [
            _spread(volume, voxels, (sign * one).astype(np.float16))
            for sign, one in zip((-1, -1, 1), lps, strict=True)
        ]
    )


def _depth(brain: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.float16]:
    """Distance in mm to the nearest voxel outside the brain; the edge of the scan is no edge of the brain."""
    depth = np.zeros(brain.shape, dtype=np.float16)
    for found in ndimage.find_objects(brain.view(np.uint8)):
        box = tuple(slice(max(one.start - 1, 0), one.stop + 1) for one in found)
        depth[box] = depth_in(brain[box], spacing_mm)
    return depth


def _spread(volume: Volume, voxels: Indices, values: NDArray[Any]) -> NDArray[Any]:
    """Values of some voxels, put back on the whole grid."""
    whole = np.zeros(volume.array.shape, values.dtype)
    whole.reshape(-1)[voxels] = values
    return whole
