"""The receive field: slow changes of brightness that say nothing about tissue (N4)."""

import numpy as np
import SimpleITK as sitk  # noqa: N813 - as all its users write it
from numpy.typing import NDArray

from workers.imaging.warp import THREADS

SHRINK = 3
"""N4 runs on every third voxel of the 2 mm template grid."""
CONTROL_POINTS = (4, 4, 4)
"""A single spline element across the head at first; three levels leave details of some 50 mm, longer than a lesion."""
ITERATIONS = (20, 20, 15)

FloatArray = NDArray[np.float32]


def log_field(scan: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    """Natural logarithm of the receive field of a scan on the template grid, zero mean in the mask.

    References: Tustison et al. 2010, doi:10.1109/TMI.2010.2046908.
    """
    shifted = np.maximum(scan, 1e-3 * float(scan.max()))
    image = sitk.GetImageFromArray(shifted)
    inside = sitk.GetImageFromArray(mask.astype(np.uint8))
    small = sitk.Shrink(image, [SHRINK] * 3)
    small_inside = sitk.Shrink(inside, [SHRINK] * 3)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetNumberOfThreads(THREADS)
    n4.SetMaximumNumberOfIterations(ITERATIONS)
    n4.SetNumberOfControlPoints(CONTROL_POINTS)
    n4.SetConvergenceThreshold(1e-4)
    n4.Execute(small, small_inside)
    field: FloatArray = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)).astype(np.float32)
    return field - field[mask].mean()
