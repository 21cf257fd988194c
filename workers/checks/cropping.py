"""The part of a scan's planes that holds the brain: half of a clinical image is air and scalp."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.imaging.scan import Scan

MARGIN = 2
"""Voxels around the brain."""

Planes = tuple[slice, slice, slice]


def around_brain(scan: Scan) -> tuple[Scan, Planes]:
    """The scan cut to the brain's rows and columns, all slices kept, and where that lies in the whole (k, j, i)."""
    brain = scan.anatomy.brain
    if not brain.any():
        return scan, (slice(None), slice(None), slice(None))
    rows, columns = _span(brain, (0, 2)), _span(brain, (0, 1))
    box = (slice(None), rows, columns)
    affine = scan.volume.affine.copy()
    affine[:3, 3] += affine[:3, 0] * columns.start + affine[:3, 1] * rows.start
    volume = replace(scan.volume, array=np.ascontiguousarray(scan.volume.array[box]), affine=affine)
    arrays = {one.name: getattr(scan.anatomy, one.name) for one in fields(scan.anatomy)}
    cut: dict[str, Any] = {
        name: np.ascontiguousarray(array[(..., *box)])
        for name, array in arrays.items()
        if isinstance(array, np.ndarray)
    }
    return replace(scan, volume=volume, anatomy=replace(scan.anatomy, **cut)), box


def put_back(mask: NDArray[np.bool_], box: Planes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of the cut scan on the whole scan's grid."""
    whole = np.zeros(shape, dtype=np.bool_)
    whole[box] = mask
    return whole


def _span(brain: NDArray[np.bool_], others: tuple[int, int]) -> slice:
    at = np.flatnonzero(brain.any(axis=others))
    return slice(max(int(at[0]) - MARGIN, 0), int(at[-1]) + MARGIN + 1)
