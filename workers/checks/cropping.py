"""The part of a scan that a check looks at: half of a clinical image is air and scalp."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.imaging.scan import Scan

MARGIN = 2
"""Voxels around the brain."""

BoolArray = NDArray[np.bool_]
Box = tuple[slice, slice, slice]
"""Slices, rows and columns (k, j, i) of a grid."""


def box_of(mask: BoolArray) -> Box | None:
    """The smallest box that holds a mask; None if it is empty."""
    if not mask.any():
        return None
    spans = []
    for axis in range(3):
        there = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append(slice(int(there[0]), int(there[-1]) + 1))
    return spans[0], spans[1], spans[2]


def box_around(mask: BoolArray, margin_mm: float, spacing_mm: tuple[float, float, float]) -> Box | None:
    """The box that holds a mask and a margin around it; None if it is empty."""
    box = box_of(mask)
    if box is None:
        return None
    k, j, i = (
        _wider(span, int(np.ceil(margin_mm / mm)) + 1)
        for span, mm in zip(box, reversed(spacing_mm), strict=True)
    )
    return k, j, i


def around_brain(scan: Scan) -> tuple[Scan, Box]:
    """The scan cut to the brain's rows and columns, all slices kept, and where that lies in the whole."""
    box = box_of(scan.anatomy.brain)
    if box is None:
        return scan, (slice(None), slice(None), slice(None))
    planes = (slice(None), _wider(box[1], MARGIN), _wider(box[2], MARGIN))
    return cropped(scan, planes), planes


def cropped(scan: Scan, box: Box) -> Scan:
    """A part of a scan, in the same patient coordinates; its masks go back with `put_back`."""
    volume, anatomy = scan.volume, scan.anatomy
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([one.start or 0 for one in reversed(box)], dtype=np.float64)
    part = replace(
        volume,
        array=np.ascontiguousarray(volume.array[box]),
        affine=affine,
        sop_instance_uids=volume.sop_instance_uids[box[0]],
        frame_numbers=volume.frame_numbers[box[0]],
    )
    arrays = {one.name: getattr(anatomy, one.name) for one in fields(anatomy)}
    cut: dict[str, Any] = {
        name: np.ascontiguousarray(array[(..., *box)])
        for name, array in arrays.items()
        if isinstance(array, np.ndarray)
    }
    return replace(scan, volume=part, anatomy=replace(anatomy, **cut))


def put_back(mask: BoolArray, box: Box, shape: tuple[int, ...]) -> BoolArray:
    """A mask of a cropped scan on the whole scan's grid."""
    whole = np.zeros(shape, dtype=np.bool_)
    whole[box] = mask
    return whole


def _wider(span: slice, margin: int) -> slice:
    # An end beyond the last voxel is none: numpy cuts it off.
    return slice(max(span.start - margin, 0), span.stop + margin)
