"""The ICBM152 2009a symmetric brain as tissue maps, and the image it would give in each contrast.

The maps come with nilearn (ICBM/McGill: free use with notice). They are skull-stripped, so every comparison
with a whole head is restricted to the brain and a thin shell around it.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.imaging.contrast import Contrast

_MAPS = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"

_CROSS = ((0, 1, 0), (1, 1, 1), (0, 1, 0))

BRAIN_MIN_T1 = 20
"""The stripped T1 template is zero outside the brain; its edge voxels are interpolated."""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Tissue maps in template space.

    grey, white : (k, j, i) float32, 0 to 1
    brain : (k, j, i) bool
    affine : (4, 4) maps (i, j, k, 1) to template mm, LPS: the negatives of the first two MNI coordinates
    """

    grey: NDArray[np.float32]
    white: NDArray[np.float32]
    brain: NDArray[np.bool_]
    affine: NDArray[np.float64]

    @property
    def fluid(self) -> NDArray[np.float32]:
        """What is brain, but neither grey nor white."""
        fluid = np.clip(1.0 - self.grey - self.white, 0.0, 1.0) * self.brain
        return fluid.astype(np.float32)

    def image(self, contrast: Contrast) -> NDArray[np.float32]:
        """The image that these tissues would give in a contrast, white matter being 1."""
        inside = contrast.grey * self.grey + self.white + contrast.fluid * self.fluid
        return np.where(self.brain, inside, contrast.outside).astype(np.float32)


@cache
def load_template(step_mm: int = 1) -> Template:
    """The template on a grid of `step_mm`, averaged over the blocks of the 1 mm grid."""
    if step_mm == 1:
        return _read()
    full = _read()
    grey, white, brain = (
        block_means(one.astype(np.float32, copy=False), (step_mm,) * 3)
        for one in (full.grey, full.white, full.brain)
    )
    affine = full.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.full(3, (step_mm - 1) / 2)
    affine[:3, :3] *= step_mm
    return Template(grey, white, brain >= 0.5, affine)


@cache
def _read() -> Template:
    """The three maps as nilearn ships them, 1 mm."""
    # The package is found without importing it: its import costs two seconds, the files 0.1.
    spec = find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nilearn, which carries the ICBM152 template, is not installed")
    folder = Path(spec.submodule_search_locations[0])
    t1, grey, white = (nib.load(folder / _MAPS.format(name)) for name in ("t1", "gm", "wm"))
    brain = np.ascontiguousarray(np.asarray(t1.dataobj).T) >= BRAIN_MIN_T1
    # What is outside in its own plane; the planes' corners are.
    parts, count = ndimage.label(~brain, np.array([np.zeros((3, 3)), _CROSS, np.zeros((3, 3))]))
    is_hole = np.ones(count + 1, dtype=bool)
    is_hole[parts[:, 0, 0]] = False
    brain |= is_hole[parts]
    maps = [np.where(brain, np.asarray(one.dataobj).T.astype(np.float32) / 255, 0) for one in (grey, white)]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(t1.affine, dtype=np.float64)
    return Template(maps[0].astype(np.float32), maps[1].astype(np.float32), brain, affine)


def block_means(values: NDArray[np.float32], steps: tuple[int, int, int]) -> NDArray[np.float32]:
    """Means over whole blocks of so many voxels along each axis of a (k, j, i) array.

    Added up row by row, as numpy adds for a mean over three axes at once, which takes three times as long.
    """
    nk, nj, ni = (length // step for length, step in zip(values.shape, steps, strict=True))
    fk, fj, fi = steps
    blocks = values[: nk * fk, : nj * fj, : ni * fi].reshape(nk, fk, nj, fj, ni, fi)
    total = np.zeros((nk, nj, ni), dtype=np.float32)
    for k in range(fk):
        for j in range(fj):
            total += _row_sums(blocks[:, k, :, j])
    total /= np.float32(fk * fj * fi)
    return total


def _row_sums(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums along the last axis, in numpy's order: up to seven one after the other, eight in pairs of pairs."""
    length = rows.shape[-1]
    if length > 8:
        summed: NDArray[np.float32] = rows.sum(axis=-1)
        return summed
    columns = [rows[..., n] for n in range(length)]
    if length == 8:
        pairs = [columns[n] + columns[n + 1] for n in (0, 2, 4, 6)]
        return (pairs[0] + pairs[1]) + (pairs[2] + pairs[3])
    total = columns[0].copy()
    for column in columns[1:]:
        total += column
    return total
