"""Published atlases on the grid of our template, to hold our regions against (Debian mricron-data).

Nothing here is fitted to our regions.
"""

from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.anatomy import Region
from tests.peers import need_file
from workers.imaging.template import load_template

FOLDER = Path("/usr/share/mricron/templates")

AAL_SHIFT_MM = (0, -1, -1)
"""From where the header of AAL puts it to the template: the whole mm at which the T1 image of the brain that it was drawn
on (Colin27, `ch2`) correlates best with the ICBM152 2009a T1."""

JHU_SHIFT_MM = (0, 1, 0)
JHU_LATERAL = 1.04
"""From where the header of JHU puts it to the template: the whole mm and steps of 2 % of the distance from the midline
at which all its labels but the external capsule hold the most of the template's white matter map."""

JHU189 = {
    # Labels of the left side; the right ones are one higher. The package has no list: told by where they lie.
    Region.THALAMUS: 83,
    Region.CAUDATE: 77,
    Region.PUTAMEN: 79,
    Region.PALLIDUM: 81,
    Region.HIPPOCAMPUS: 75,
}


@cache
def aal() -> NDArray[np.int16]:
    """AAL on the template's 1 mm grid, (k, j, i)."""
    return on_template("aal", AAL_SHIFT_MM).astype(np.int16)


@cache
def jhu189() -> NDArray[np.int16]:
    """The 189 parcels of JHU, which were drawn for MNI space, on the template's 1 mm grid, (k, j, i)."""
    return on_template("jhu189", (0, 0, 0)).astype(np.int16)


@cache
def jhu(*, moved: bool = False) -> NDArray[np.int16]:
    """The white matter labels of JHU on the template's 1 mm grid, (k, j, i).

    The header has left and right exchanged: its labels "R" lie at negative x.
    """
    name = "JHU-WhiteMatter-labels-1mm"
    if moved:
        return on_template(name, JHU_SHIFT_MM, lateral=JHU_LATERAL, exchanged=True).astype(np.int16)
    return on_template(name, (0, 0, 0), exchanged=True).astype(np.int16)


def on_template(
    name: str, shift_mm: tuple[int, int, int], *, lateral: float = 1.0, exchanged: bool = False
) -> NDArray[Any]:
    """A file of the package on the template's 1 mm grid by its header, then stretched from the midline and shifted."""
    found = nib.load(need_file(FOLDER / f"{name}.nii.gz"))
    values = np.asarray(found.dataobj)
    template = load_template(1)
    k, j, i = np.indices(template.brain.shape)
    to_mni = np.diag([-1.0, -1.0, 1.0, 1.0]) @ template.affine
    mni = to_mni[:3, :3] @ np.stack([i, j, k]).reshape(3, -1) + to_mni[:3, 3:]
    mni -= np.array(shift_mm)[:, None]
    mni[0] /= lateral
    if exchanged:
        mni[0] = -1 - mni[0]
    inverse = np.linalg.inv(found.affine)
    voxel = np.rint(inverse[:3, :3] @ mni + inverse[:3, 3:]).astype(int)
    inside = np.all((voxel >= 0) & (voxel < np.array(values.shape)[:, None]), axis=0)
    flat = np.zeros(template.brain.size, dtype=values.dtype)
    flat[inside] = values[tuple(voxel[:, inside])]
    return flat.reshape(template.brain.shape)


def symmetric(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The left body and the mirrored right one made one, mirrored: the mean of their distance maps cut at zero.

    Our template is symmetric and the brains that atlases are drawn on are not. Method: Rohlfing and Maurer 2007,
    doi:10.1109/TITB.2006.884362.
    """
    near = ndimage.find_objects((left | right[:, :, ::-1]).astype(np.uint8))[0]
    box = tuple(slice(max(span.start - 4, 0), span.stop + 4) for span in near)
    depths = [
        ndimage.distance_transform_edt(one[box]) - ndimage.distance_transform_edt(~one[box])
        for one in (left, right[:, :, ::-1])
    ]
    body = np.zeros_like(left)
    body[box] = depths[0] + depths[1] > 0
    return body | body[:, :, ::-1]
