"""How a mask agrees with the true one: voxels, volume, and lesion by lesion."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to
from numpy.typing import NDArray
from scipy import ndimage

FALSE_CLUSTER_MM3 = 27.0
"""Smaller clusters are not counted: below three voxels of 3 mm no reader would call them a lesion."""
TRUE_CLUSTER_MM3 = 14.0
"""Smaller true lesions (a sphere of 3 mm across) are not asked for."""
_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class TrueLesion:
    """A true lesion of at least TRUE_CLUSTER_MM3."""

    ml: float
    covered: float
    """Share of it that the found mask covers, 0 to 1; above 0 it counts as found."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A found mask beside the true one."""

    kind: str
    """What is masked, as in `flair`."""
    dice: float | None
    """Twice the common voxels over the sum; None where there is nothing in either."""
    true_ml: float
    found_ml: float
    lesions: int
    """True lesions of at least TRUE_CLUSTER_MM3."""
    lesions_found: int
    """Those of them that the found mask touches."""
    false_clusters: int
    """Found clusters of at least FALSE_CLUSTER_MM3 that touch nothing true."""
    true_lesions: tuple[TrueLesion, ...] | None = None
    """Each of them; None in outcomes of before they were kept."""
    false_ml: tuple[float, ...] | None = None
    """Size of each false cluster; None as above."""


def on_grid_of(found: Path, truth: Path) -> NDArray[np.bool_]:
    """A true mask on the grid of a found one, (i, j, k)."""
    true_image, found_image = nib.load(truth), nib.load(found)
    same = true_image.shape == found_image.shape and np.allclose(
        true_image.affine, found_image.affine, atol=1e-3
    )
    if not same:
        true_image = resample_from_to(true_image, (found_image.shape, found_image.affine), order=0)
    return np.asarray(true_image.dataobj) > 0


def overlap_of(kind: str, found: Path | None, truth: Path | None) -> Overlap:
    """The agreement of two NIfTI masks, on the grid of the found one.

    found : None where the check made no mask: then nothing was found; truth : None where there is nothing to find
    """
    if found is None and truth is None:
        return Overlap(kind, None, 0.0, 0.0, 0, 0, 0, (), ())
    image = nib.load(found or truth)
    here = np.asarray(image.dataobj) > 0
    nothing = np.zeros_like(here)
    mask = here if found else nothing
    true = nothing if truth is None else on_grid_of(found, truth) if found else here
    return agreement(kind, mask, true, abs(float(np.linalg.det(image.affine[:3, :3]))))


def agreement(kind: str, found: NDArray[np.bool_], truth: NDArray[np.bool_], voxel_mm3: float) -> Overlap:
    """The agreement of two masks of one shape."""
    both, total = int((found & truth).sum()), int(found.sum()) + int(truth.sum())
    voxel_ml = voxel_mm3 / 1000.0
    lesions = tuple(
        TrueLesion(float(cluster.sum()) * voxel_ml, float(found[at][cluster].mean()))
        for cluster, at in _clusters(truth, TRUE_CLUSTER_MM3 / voxel_mm3)
    )
    false = tuple(
        float(cluster.sum()) * voxel_ml
        for cluster, at in _clusters(found, FALSE_CLUSTER_MM3 / voxel_mm3)
        if not (truth[at] & cluster).any()
    )
    return Overlap(
        kind=kind,
        dice=2 * both / total if total else None,
        true_ml=float(truth.sum()) * voxel_ml,
        found_ml=float(found.sum()) * voxel_ml,
        lesions=len(lesions),
        lesions_found=sum(one.covered > 0 for one in lesions),
        false_clusters=len(false),
        true_lesions=lesions,
        false_ml=false,
    )


def _clusters(
    mask: NDArray[np.bool_], least_voxels: float
) -> list[tuple[NDArray[np.bool_], tuple[slice, ...]]]:
    """Each connected area (26 neighbours) of at least that many voxels, as a mask in its box."""
    numbers, _ = ndimage.label(mask, _NEIGHBOURS)
    boxes = ndimage.find_objects(numbers)
    cut = [(numbers[at] == n, at) for n, at in enumerate(boxes, start=1) if at is not None]
    return [(cluster, at) for cluster, at in cut if cluster.sum() >= least_voxels]
