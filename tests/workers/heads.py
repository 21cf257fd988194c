"""A head of few voxels with a lesion on the patient's left, for what shows volumes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from workers.checks.result import CheckResult
from workers.imaging.volume import Volume

SIZE = (12, 40, 32)
"""Slices, rows, columns."""
AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""Directions of columns, rows and slices in LPS."""
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0))


def head(
    role: Role = Role.FLAIR,
    axes: Sequence[Sequence[float]] = AXIAL,
    edges_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Volume:
    """A grey ellipsoid around the origin, in LPS, that grows brighter towards the patient's left."""
    affine = np.eye(4)
    affine[:3, :3] = np.transpose(axes) * edges_mm
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(SIZE[::-1]) - 1) / 2)
    left = _places(affine)[0]
    inside = _inside(affine)
    array = np.where(inside, np.rint(300 + 5 * left), 0).astype(np.float32)
    uids = tuple(f"1.2.{number}" for number in range(SIZE[0]))
    return Volume(array, affine, role, f"1.2.{role.value.encode().hex()[:4]}", "1.2", uids)


def left_lesion(volume: Volume) -> CheckResult:
    """What a check found: the part of the head that lies more than a third to the patient's left."""
    left = _places(volume.affine)[0]
    return CheckResult((), _inside(volume.affine) & (left > left.max() / 3), volume.role)


def _places(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each voxel, in LPS mm: (3, k, j, i)."""
    k, j, i = np.indices(SIZE)
    return np.einsum("ab,b...->a...", affine[:3, :3], np.stack([i, j, k])) + affine[:3, 3, None, None, None]


def _inside(affine: NDArray[np.float64]) -> NDArray[np.bool_]:
    places = _places(affine)
    reach = np.abs(places).max(axis=(1, 2, 3)).reshape(3, 1, 1, 1)
    return ((places / (0.85 * reach)) ** 2).sum(axis=0) < 1
