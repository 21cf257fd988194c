"""One series of a study with the anatomy laid onto it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.imaging.anatomy import Anatomy
from workers.imaging.motion import Motion
from workers.imaging.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A volume, the anatomy on its grid, and how the patient lay in it."""

    volume: Volume
    anatomy: Anatomy
    motion: Motion
    """From the series that the anatomy was found in to this one."""


def carried_mm(place: NDArray[np.float64], source: Scan, target: Scan) -> NDArray[np.float64]:
    """A place of one scan in the patient coordinates of another; (3,) or (3, n), mm, LPS."""
    there = target.motion.homogeneous @ np.linalg.inv(source.motion.homogeneous)
    moved: NDArray[np.float64] = (there[:3, :3] @ place).T + there[:3, 3]
    return moved.T


def carried(
    values: NDArray[np.generic], source: Scan, target: Scan, *, order: Literal[0, 1] = 1
) -> NDArray[np.float32]:
    """An array on the grid of one scan, resampled on the grid of another, (k, j, i) float32; zero outside.

    order : 0 for labels and masks, 1 for signals
    """
    there = source.motion.homogeneous @ np.linalg.inv(target.motion.homogeneous)
    to_voxel: NDArray[np.float64] = np.linalg.inv(source.volume.affine) @ there @ target.volume.affine
    flip = np.eye(3)[::-1]
    matrix, offset = flip @ to_voxel[:3, :3] @ flip, to_voxel[:3, 3][::-1]
    shape: tuple[int, ...] = target.volume.array.shape
    signal: NDArray[np.float32] = values.astype(np.float32)
    pulled: NDArray[np.float32] = ndimage.affine_transform(signal, matrix, offset, shape, order=order)
    return pulled
