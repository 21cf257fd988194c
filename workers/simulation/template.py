"""The ICBM152 2009a template that comes with nilearn: T1 contrast, grey and white matter maps.

Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University:
permission to use, copy, modify and distribute for any purpose, with this notice. Fonov et al. doi:10.1016/j.neuroimage.2010.07.033
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from workers.simulation.space import LOW, SHAPE

Map = NDArray[np.float32]

_MAPS = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Maps over the whole head grid, (z, y, x) float32, 0..1; zero outside the brain."""

    t1: Map
    grey: Map
    white: Map


@lru_cache(maxsize=1)
def load_template() -> Template:
    """Read the maps once for each process."""
    # The package is found without importing it: its import costs three seconds, the files a third of one.
    spec = find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nilearn, which carries the ICBM152 template, is not installed")
    folder = Path(spec.submodule_search_locations[0])
    t1, grey, white = (_place(nib.load(folder / _MAPS.format(name))) for name in ("t1", "gm", "wm"))
    return Template(t1, grey, white)


def _place(image: nib.Nifti1Image) -> Map:
    """The image's array in the head grid, 1 at its brightest; nilearn's maps are 1 mm and axis-aligned."""
    data = np.asarray(image.dataobj).astype(np.float32).transpose(2, 1, 0)
    data /= data.max()
    origin = image.affine[:3, 3]
    placed = np.zeros(SHAPE, dtype=np.float32)
    start = [round(origin[2 - axis] - LOW[2 - axis]) for axis in range(3)]
    placed[tuple(slice(s, s + n) for s, n in zip(start, data.shape, strict=True))] = data
    return placed
