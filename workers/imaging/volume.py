"""A series as numbers on an exact patient grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Pixels of one series.

    array : (k, j, i) float32, slices from the first to the last along the normal, rows, columns
    affine : (4, 4) float64, maps (i, j, k, 1) to patient coordinates in mm, LPS (PS3.3 C.7.6.2.1.1)
    """

    array: NDArray[np.float32]
    affine: NDArray[np.float64]
    role: Role
    series_instance_uid: str
    frame_of_reference_uid: str
    sop_instance_uids: tuple[str, ...]
    """One for each slice, in the order of `array`; a multi-frame instance repeats."""
    frame_numbers: tuple[int, ...] = ()
    """Of each slice in its instance, from 1; empty stands for instances of one slice."""
    is_after_contrast: bool = False
    """Whether the headers say that contrast agent was given before."""
    b_value: float | None = None
    """Diffusion weighting in s/mm2, of a DWI or B0 volume."""
    dephasing: float | None = None
    """Echo time by field strength in ms T, of a SWI volume: a dark focus grows with it."""

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distances between voxel centres along (i, j, k), in mm."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, in mL."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0
