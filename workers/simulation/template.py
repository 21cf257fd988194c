"""The ICBM152 2009a template that comes with nilearn: T1 contrast, grey and white matter maps.

Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University:
permission to use, copy, modify and distribute for any purpose, with this notice. Fonov et al. doi:10.1016/j.neuroimage.2010.07.033
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workers.simulation.space import LOW, SHAPE

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Maps over the whole head grid, (z, y, x) float32, 0..1; zero outside the brain."""

    t1: Map
    grey: Map
    white: Map


@lru_cache(maxsize=1)
def load_template() -> Template:
    """Read the maps once for each process."""
    from nilearn.datasets import (  # noqa: PLC0415 - heavy, and only the simulator's
        load_mni152_gm_template,
        load_mni152_template,
        load_mni152_wm_template,
    )

    return Template(
        *(
            _place(load(resolution=1))
            for load in (load_mni152_template, load_mni152_gm_template, load_mni152_wm_template)
        )
    )


def _place(image: object) -> Map:
    """The image's array in the head grid; nilearn's maps are 1 mm and axis-aligned."""
    data = np.asarray(image.dataobj, dtype=np.float32).transpose(2, 1, 0)  # type: ignore[attr-defined]
    origin = image.affine[:3, 3]  # type: ignore[attr-defined]
    placed = np.zeros(SHAPE, dtype=np.float32)
    start = [round(origin[2 - axis] - LOW[2 - axis]) for axis in range(3)]
    placed[tuple(slice(s, s + n) for s, n in zip(start, data.shape, strict=True))] = data
    return placed
