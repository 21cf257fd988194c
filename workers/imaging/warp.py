"""From an affine pose to a close fit: the scan brought onto the template grid, and a smooth deformation.

picsl_greedy (Apache-2.0 by the metadata of its wheel) is used where it can be imported; it has no wheel for every
platform, so SimpleITK's demons stand in, a little less exact at the ventricles (0.65 for 0.77 Dice).
"""

import io

import numpy as np
import SimpleITK as sitk  # noqa: N813 - as all its users write it
from numpy.typing import NDArray
from scipy import ndimage

from workers.imaging.affine import Pose
from workers.imaging.contrast import FLAIR, Contrast
from workers.imaging.distance import grown
from workers.imaging.template import Template
from workers.imaging.volume import Volume

GRAIN = 1e-3
"""Standard deviation of noise added before correlation, white matter being 1."""
MARGIN = 4
"""Voxels of the template grid kept around the brain: what the correlation reaches."""

SCALP_VOXELS = 2
"""Voxels from the template brain's surface from which outwards a scan may show scalp, and inwards may not."""

FloatArray = NDArray[np.float32]


def onto_template(volume: Volume, pose: Pose, template: Template) -> FloatArray:
    """The scan resampled (trilinear, smoothed as the coarser grid needs) onto the template grid by the pose."""
    step = abs(float(template.affine[0, 0]))
    spacing = np.array(volume.spacing_mm[::-1])
    sigma = np.sqrt(np.clip((0.4 * step) ** 2 - (0.4 * spacing) ** 2, 0.0, None)) / spacing
    smooth = ndimage.gaussian_filter(volume.array, sigma) if sigma.any() else volume.array
    to_voxel = np.linalg.inv(volume.affine) @ _homogeneous(pose) @ template.affine
    return _pull(smooth, to_voxel, template.brain.shape)


def places_in_template(volume: Volume, pose: Pose, template: Template) -> NDArray[np.float64]:
    """(4, 4) map from the scan's (i, j, k, 1) to the template grid's (i, j, k, 1)."""
    mapped: NDArray[np.float64] = (
        np.linalg.inv(template.affine) @ np.linalg.inv(_homogeneous(pose)) @ volume.affine
    )
    return mapped


def _homogeneous(pose: Pose) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = pose.matrix, pose.shift
    return matrix


def _pull(array: FloatArray, to_voxel: NDArray[np.float64], shape: tuple[int, ...]) -> FloatArray:
    """Resample with a map between (i, j, k) grids; scipy wants it for (k, j, i)."""
    flip = np.eye(3)[::-1]
    matrix, offset = flip @ to_voxel[:3, :3] @ flip, to_voxel[:3, 3][::-1]
    pulled: FloatArray = ndimage.affine_transform(array, matrix, offset, shape, order=1)
    return pulled


def deformation(scan: FloatArray, template: Template, contrast: Contrast = FLAIR) -> FloatArray:
    """Where each voxel of a scan on the template grid belongs in the template.

    scan : (k, j, i) on the template grid, white matter near 1
    returns (3, k, j, i) float32 displacements in voxels of that grid, in the order (k, j, i)
    """
    mask = grown(template.brain, 2)
    box = _box(mask)
    # Correlation needs some variance everywhere; greedy's own noise is another one on each run.
    grain = np.random.default_rng(0).normal(0.0, GRAIN, (2, *scan.shape)).astype(np.float32)
    fixed, moving = (
        sitk.GetImageFromArray(np.ascontiguousarray((one + noise)[box]))
        for one, noise in zip(
            (_brain_alone(scan, template, contrast), template.image(contrast)), grain, strict=True
        )
    )
    try:
        from picsl_greedy import Greedy3D  # noqa: PLC0415 - not available on every platform
    except ImportError:
        field = _demons(fixed, moving)
    else:
        inside = sitk.GetImageFromArray(np.ascontiguousarray(mask[box].astype(np.uint8)))
        field = _greedy(Greedy3D(), fixed, moving, inside)
    vectors = np.zeros((3, *scan.shape), dtype=np.float32)
    vectors[:, *box] = np.moveaxis(sitk.GetArrayFromImage(field), -1, 0)[::-1]
    return vectors


def _brain_alone(scan: FloatArray, template: Template, contrast: Contrast) -> FloatArray:
    """The scan without what is too bright for brain, and without the scalp where it could be taken for brain."""
    kept: FloatArray = np.clip(scan, 0.0, contrast.brightest)
    if not contrast.has_scalp_like_brain:
        return kept
    away = ~ndimage.binary_dilation(template.brain, iterations=SCALP_VOXELS)
    if contrast.fat is not None:
        inner = ndimage.binary_erosion(template.brain, iterations=SCALP_VOXELS)
        # One voxel more: the slope from skull to fat passes through every level of tissue.
        away |= ndimage.binary_dilation((scan > contrast.fat) & ~inner) & ~inner
    return np.where(away, np.float32(contrast.outside), kept)


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """The brain and a margin: a third of the time goes into empty air otherwise."""
    spans = []
    for axis in range(3):
        found = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        spans.append(slice(max(int(found[0]) - MARGIN, 0), int(found[-1]) + MARGIN + 1))
    return spans[0], spans[1], spans[2]


def _greedy(greedy: object, fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image) -> sitk.Image:
    # Its copy of ITK is not SimpleITK's, but takes as many threads (workers.threads); the field is the same on any number.
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    command = f"-V 0 -d 3 -threads {threads} -i fixed moving -gm mask -m NCC 4x4x4 -noise 0 -n 50x30x5 -s 2.0vox 0.7vox -o warp"
    greedy.execute(command, out=io.StringIO(), fixed=fixed, moving=moving, mask=mask, warp=None)  # type: ignore[attr-defined]
    return greedy["warp"]  # type: ignore[index]


def _demons(fixed: sitk.Image, moving: sitk.Image) -> sitk.Image:
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(60)
    demons.SetSmoothDisplacementField(True)
    demons.SetStandardDeviations(1.5)
    return demons.Execute(fixed, moving)
