"""Distances to the edge of a mask, and masks grown by one."""

import numpy as np
import SimpleITK as sitk  # noqa: N813 - as all its users write it
from numpy.typing import NDArray
from scipy import ndimage


def depth_in(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """Distance in mm from each voxel of a mask (k, j, i) to the nearest one outside it; 0 outside.

    spacing_mm : along (i, j, k). Beyond the edge of the grid there is nothing; a mask that fills it has no depth to tell.

    ITK's is exact as scipy's and takes two fifths of its time (Maurer et al. 2003, doi:10.1109/TPAMI.2003.1177156).
    """
    outside = sitk.GetImageFromArray(np.ascontiguousarray(~mask).view(np.uint8))
    outside.SetSpacing([float(mm) for mm in spacing_mm])
    away = sitk.SignedMaurerDistanceMap(
        outside, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    return np.maximum(sitk.GetArrayViewFromImage(away), np.float32(0))


def within_reach(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Voxels up to so many voxels away from those of a mask (k, j, i), itself among them."""
    near = np.zeros_like(mask)
    for found in ndimage.find_objects(mask.view(np.uint8)):
        box = tuple(slice(max(one.start - int(reach), 0), one.stop + int(reach)) for one in found)
        near[box] = depth_in(~mask[box], (1.0, 1.0, 1.0)) <= reach
    return near


def grown(mask: NDArray[np.bool_], times: int = 1) -> NDArray[np.bool_]:
    """A mask (k, j, i) with the neighbours that share a face, so many times; ndimage.binary_dilation, ten times as fast."""
    result = mask
    for _ in range(times):
        before, result = result, result.copy()
        for axis in range(3):
            old, new = np.moveaxis(before, axis, 0), np.moveaxis(result, axis, 0)
            new[1:] |= old[:-1]
            new[:-1] |= old[1:]
    return result
