"""Where the template lies in a patient: found once a study, in the series that shows the brain best."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.affine import Pose, find_brain
from workers.imaging.contrast import CONTRASTS
from workers.imaging.coverage import coverage
from workers.imaging.motion import Motion
from workers.imaging.shading import log_field
from workers.imaging.template import Template, load_template
from workers.imaging.tissue import level
from workers.imaging.volume import Volume
from workers.imaging.warp import deformation, onto_template

GRID_MM = 2
"""Template grid on which bias field and deformation are computed."""
HALF_INFORMATION = 0.22
"""From here on a fit that covers little of the brain is that of a part of one: half a head reaches 0.25. [P]"""
MIN_COVERED, MOST_COVERED = 0.5, 0.8
"""Share of the brain without which the rest cannot be placed or normalised; below the second a poor fit is for that."""
MIN_EXTENT_MM = 60.0
"""A thinner slab holds less than half of a brain in any direction."""


@dataclass(frozen=True, slots=True, eq=False)
class BrainMap:
    """The way from the template into a patient.

    pose : affine map from template mm to patient mm (LPS)
    warp : (3, k, j, i) float32, where each voxel of the pose's 2 mm template grid belongs, in voxels (k, j, i)
    field : (k, j, i) float32 logarithm of the receive field on that grid
    unit : signal of lesion-free white matter
    information : mutual information of scan and template in nats; larger is better
    """

    pose: Pose
    warp: NDArray[np.float32]
    field: NDArray[np.float32]
    unit: float
    information: float
    series_instance_uid: str
    """The series that it was found in."""


def map_brain(volume: Volume) -> BrainMap:
    """Find the brain in a volume.

    Raises CannotAssess where no brain can be found or too little of it is there.
    """
    _require_signal(volume)
    contrast = CONTRASTS[volume.role]
    pose = find_brain(volume)
    covered = coverage(volume, pose)[Region.BRAIN]
    is_part = pose.information >= HALF_INFORMATION and covered < MOST_COVERED
    needed = contrast.least_information
    if pose.information < needed and not is_part:
        raise CannotAssess(
            Why.ANATOMY,
            f"the images do not match a brain (match {pose.information:.2f}, needed {needed})",
        )
    if covered < MIN_COVERED or pose.information < needed:
        raise CannotAssess(Why.COVERAGE, f"only {100 * covered:.0f} % of the brain lies within the slices")
    template = load_template(GRID_MM)
    scan = onto_template(volume, pose, template)
    field = log_field(scan, template, contrast)
    flat = (scan / np.exp(field)).astype(np.float32)
    unit = _white_signal(flat, template)
    warp = deformation((flat / unit).astype(np.float32), template, contrast)
    return BrainMap(pose, warp, field, unit, pose.information, volume.series_instance_uid)


def pose_in(found: BrainMap, motion: Motion) -> Pose:
    """The pose in the patient coordinates of another series."""
    pose = found.pose
    return Pose(motion.matrix @ pose.matrix, motion.matrix @ pose.shift + motion.shift, pose.information)


def _white_signal(flat: NDArray[np.float32], template: Template) -> float:
    """Signal of lesion-free white matter, in the scan's units."""
    typical = float(np.median(flat[template.brain]))
    white = level(flat[template.white > 0.9] / typical) if typical > 0 else None
    if white is None:
        raise CannotAssess(Why.QUALITY, "no white matter was found")
    return white.mode * typical


def _require_signal(volume: Volume) -> None:
    array = volume.array
    if min(array.shape) < 2 or not np.isfinite(array).all():
        raise CannotAssess(Why.QUALITY, "the volume has no usable pixels")
    if float(array.std()) < 1e-3 * max(float(np.abs(array).max()), 1e-6):
        raise CannotAssess(Why.QUALITY, "the volume is constant")
    extent = min(n * mm for n, mm in zip(array.shape[::-1], volume.spacing_mm, strict=True))
    if extent < MIN_EXTENT_MM:
        raise CannotAssess(Why.COVERAGE, f"the slices span only {extent:.0f} mm")
