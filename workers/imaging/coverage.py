"""How much of each region lies within a scan."""

import numpy as np

from rules.anatomy import Region
from workers.imaging.affine import Pose
from workers.imaging.regions import DRAWN, parts_of, template_labels
from workers.imaging.template import load_template
from workers.imaging.volume import Volume


def coverage(volume: Volume, pose: Pose) -> dict[Region, float]:
    """Share of every region's template volume that lies within the volume, under a pose."""
    sparse = template_labels()[::3, ::3, ::3]
    affine = load_template(1).affine
    k, j, i = np.nonzero(sparse)
    here = 3 * np.stack([i, j, k], axis=1) @ affine[:3, :3].T + affine[:3, 3]
    inverse = np.linalg.inv(volume.affine)
    voxel = (here @ pose.matrix.T + pose.shift) @ inverse[:3, :3].T + inverse[:3, 3]
    limits = np.array(volume.array.shape[::-1]) - 0.5
    within = np.all((voxel > -0.5) & (voxel < limits), axis=1)
    found = sparse[k, j, i]
    return {region: float(within[np.isin(found, parts_of(region))].mean()) for region in DRAWN}
