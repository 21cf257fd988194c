"""The ICBM152 2009a symmetric brain as tissue maps, and the FLAIR image it would give.

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

_MAPS = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"

FLAIR_LEVELS = {"csf": 0.45, "grey": 1.10, "white": 1.0, "outside": 0.25}
"""Signal relative to white matter: fluid is dark and grey slightly above white (measured 0.3-0.7 and 0.93-1.23)."""

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

    @property
    def flair(self) -> NDArray[np.float32]:
        """The FLAIR image of these tissues, white matter being 1."""
        level = FLAIR_LEVELS
        inside = level["grey"] * self.grey + level["white"] * self.white + level["csf"] * self.fluid
        return np.where(self.brain, inside, level["outside"]).astype(np.float32)


@cache
def load_template(step_mm: int = 1) -> Template:
    """The template on a grid of `step_mm`, averaged over the blocks of the 1 mm grid."""
    # The package is found without importing it: its import costs two seconds, the files 0.1.
    spec = find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nilearn, which carries the ICBM152 template, is not installed")
    folder = Path(spec.submodule_search_locations[0])
    t1, grey, white = (nib.load(folder / _MAPS.format(name)) for name in ("t1", "gm", "wm"))
    brain = ndimage.binary_fill_holes(np.asarray(t1.dataobj) >= BRAIN_MIN_T1)
    maps = [_on_grid(np.asarray(one.dataobj) / 255.0 * brain, step_mm) for one in (grey, white)]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(t1.affine, dtype=np.float64)
    affine[:3, 3] += affine[:3, :3] @ np.full(3, (step_mm - 1) / 2)
    affine[:3, :3] *= step_mm
    return Template(maps[0], maps[1], _on_grid(brain, step_mm) >= 0.5, affine)


def _on_grid(values: NDArray[np.generic], step: int) -> NDArray[np.float32]:
    """Block means of an (i, j, k) array, as (k, j, i)."""
    turned = np.ascontiguousarray(values.T, dtype=np.float32)
    shape = [length // step for length in turned.shape]
    turned = turned[tuple(slice(0, length * step) for length in shape)]
    blocks = turned.reshape(shape[0], step, shape[1], step, shape[2], step)
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)
