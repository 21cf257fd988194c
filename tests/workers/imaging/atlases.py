"""Published atlases on the grid of our template, to hold our regions against (Debian mricron-data)."""

from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from tests.peers import need_file
from workers.imaging.template import load_template

FOLDER = Path("/usr/share/mricron/templates")

AAL_SHIFT_MM = (0, -1, -1)
"""From where the header of AAL puts it to the template: the whole mm at which the T1 image of the brain that it was drawn
on (Colin27, `ch2`) correlates best with the ICBM152 2009a T1. Our regions take no part in it."""


@cache
def aal() -> NDArray[np.int16]:
    """AAL on the template's 1 mm grid, (k, j, i)."""
    return _on_template("aal", AAL_SHIFT_MM, exchanged=False)


@cache
def jhu() -> NDArray[np.int16]:
    """The white matter labels of JHU on the template's 1 mm grid, (k, j, i).

    The header has left and right exchanged: its labels "R" lie at negative x.
    """
    return _on_template("JHU-WhiteMatter-labels-1mm", (0, 0, 0), exchanged=True)


def _on_template(name: str, shift_mm: tuple[int, int, int], *, exchanged: bool) -> NDArray[np.int16]:
    found = nib.load(need_file(FOLDER / f"{name}.nii.gz"))
    labels = np.asarray(found.dataobj).astype(np.int16)
    template = load_template(1)
    k, j, i = np.indices(template.brain.shape)
    to_mni = np.diag([-1.0, -1.0, 1.0, 1.0]) @ template.affine
    mni = to_mni[:3, :3] @ np.stack([i, j, k]).reshape(3, -1) + to_mni[:3, 3:]
    mni -= np.array(shift_mm)[:, None]
    if exchanged:
        mni[0] = -1 - mni[0]
    inverse = np.linalg.inv(found.affine)
    voxel = np.rint(inverse[:3, :3] @ mni + inverse[:3, 3:]).astype(int)
    inside = np.all((voxel >= 0) & (voxel < np.array(labels.shape)[:, None]), axis=0)
    flat = np.zeros(template.brain.size, dtype=np.int16)
    flat[inside] = labels[tuple(voxel[:, inside])]
    return flat.reshape(template.brain.shape)
