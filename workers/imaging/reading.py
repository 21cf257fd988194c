"""From the files of a series to its volume: exact geometry or a reason why not, never a guess.

The files must be one stack of parallel, evenly spaced slices of one matrix in one frame of reference. Spacing is measured
between slice positions: SliceThickness and SpacingBetweenSlices are nominal and known to be wrong. See `stack` for what is
refused, `geometry` for the tolerances and `pixels` for what can be decoded.
"""

from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rules.anatomy import Role
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.headers import quiet
from workers.imaging.physics import Physics, physics_of
from workers.imaging.pixels import inverted_if_monochrome1, padded, stored_planes
from workers.imaging.series import Series
from workers.imaging.stack import Frame, Stack, stack_of
from workers.imaging.volume import Volume

MOST_AT_TOP = 0.1
"""Share of voxels at the highest value of all from which a series counts as cut off there: its lesions are as bright as what
is around them. Weighted images reach 0.00003 (11 real and some 40 simulated series, none of them cut off)."""


def read_volume(series: Series) -> Volume:
    """The pixels of a series on an exact patient grid, in modality values.

    As DWI, a diffusion series yields the images of the b value nearest to 1000 s/mm2 (from 500 on), the traces if there
    are any; as B0, those without weighting.
    Raises CannotAssess: GEOMETRY, SERIES_UNREADABLE, COVERAGE or QUALITY.
    """
    with quiet():
        stack = stack_of(series.files, series.headers, series.role)
        array = _pixels_of(series, stack)
        physics = physics_of(series.headers)
    _refuse_worthless(array, series.role)
    return Volume(
        array=array,
        affine=stack.affine,
        role=series.role,
        series_instance_uid=series.series_instance_uid,
        frame_of_reference_uid=stack.frames[0].frame_of_reference_uid,
        sop_instance_uids=tuple(frame.sop_instance_uid for frame in stack.frames),
        frame_numbers=tuple(frame.number + 1 for frame in stack.frames),
        is_after_contrast=physics.is_after_contrast,
        b_value=stack.frames[0].b_value if series.role in {Role.DWI, Role.B0} else None,
        dephasing=_dephasing(physics) if series.role is Role.SWI else None,
    )


def _dephasing(physics: Physics) -> float | None:
    return physics.te_ms * physics.field_t if physics.te_ms and physics.field_t else None


def _pixels_of(series: Series, stack: Stack) -> NDArray[np.float32]:
    """(k, j, i) float32. Files are decoded one at a time; only one decoded file is held beside the volume."""
    headers = dict(zip(series.files, series.headers, strict=True))
    array = np.empty((len(stack.frames), *stack.frames[0].shape), dtype=np.float32)
    places = sorted(enumerate(stack.frames), key=lambda place: (str(place[1].path), place[1].number))
    for path, group in groupby(places, key=lambda place: place[1].path):
        members = list(group)
        planes = stored_planes(path, [frame.number for _, frame in members])
        if len(planes) != len(members):
            raise CannotAssess(Why.SERIES_UNREADABLE, "another number of frames than the header states")
        for (k, frame), plane in zip(members, planes, strict=True):
            if plane.shape != frame.shape:
                raise CannotAssess(
                    Why.SERIES_UNREADABLE, "a decoded image has another matrix than its header states"
                )
            array[k] = _modality_values(headers[path], frame, plane)
    return array


def _modality_values(ds: Dataset, frame: Frame, plane: NDArray[np.generic]) -> NDArray[np.float64]:
    """Stored value x RescaleSlope + RescaleIntercept, of this very image: Philips scales each slice on its own.

    Padding (PS3.3 C.7.5.1.1.2) is no signal and gets the lowest value of the image's own pixels.
    """
    values = inverted_if_monochrome1(plane.astype(np.float64), ds) * frame.slope + frame.intercept
    padding = padded(plane, ds)
    if padding.any() and not padding.all():
        values[padding] = values[~padding].min()
    return values


def _refuse_worthless(array: NDArray[np.float32], role: Role) -> None:
    low, high = float(array.min()), float(array.max())  # NaN and infinity survive min and max
    if not np.isfinite(low + high):
        raise CannotAssess(Why.QUALITY, "pixel values that are not finite numbers")
    if low == high:
        raise CannotAssess(Why.QUALITY, "all pixels have the same value")
    # The air of a computed map may have any value, the highest too.
    if role not in (Role.ADC, Role.PHASE) and (top := float((array == high).mean())) > MOST_AT_TOP:
        raise CannotAssess(Why.QUALITY, f"saturated: {100 * top:.0f} % of the voxels have the highest value")
