"""The ICBM152 2009a symmetric brain as tissue maps, and the image it would give in each contrast.

The maps come with nilearn (ICBM/McGill: free use with notice). They are skull-stripped, so every comparison
with a whole head is restricted to the brain and a thin shell around it.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.imaging.contrast import Contrast

_MAPS = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"

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
    grey, white, brain = (_block_means(one, step_mm) for one in (full.grey, full.white, full.brain))
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
    for plane in brain:
        ndimage.binary_fill_holes(plane, output=plane)
    maps = [np.where(brain, np.asarray(one.dataobj).T.astype(np.float32) / 255, 0) for one in (grey, white)]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(t1.affine, dtype=np.float64)
    return Template(maps[0].astype(np.float32), maps[1].astype(np.float32), brain, affine)


def _block_means(values: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Means over blocks of `step` voxels along each axis of a (k, j, i) array."""
    shape = [length // step for length in values.shape]
    cut = values[tuple(slice(0, length * step) for length in shape)]
    means: NDArray[np.float32] = cut.reshape(shape[0], step, shape[1], step, shape[2], step).mean(
        axis=(1, 3, 5), dtype=np.float32
    )
    return means
