"""How a volume is shown: slices in radiological convention, the patient's left on the right side of the picture."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

ANISOTROPIC = 1.5
"""From this ratio of the coarsest to the finest spacing on, the acquired slices are shown and nothing is reformatted."""
_SHOWN = {2: ((0, 1), (1, 1)), 1: ((0, 1), (2, -1)), 0: ((1, 1), (2, -1))}
"""Patient axis of the slices (0 left, 1 posterior, 2 superior) to (axis, sign) of rightwards and downwards."""
_NAMES = {0: "sagittal", 1: "coronal", 2: "axial"}
_LETTERS = {0: ("A", "P"), 1: ("R", "L"), 2: ("R", "L")}


@dataclass(frozen=True, slots=True)
class Plane:
    """A reading direction of a volume.

    axes : array axes of (slices, downwards, rightwards); turned : which of them run backwards
    """

    axes: tuple[int, int, int]
    turned: tuple[bool, bool, bool]
    spacing_mm: tuple[float, float, float]
    """Between slices, rows and columns as shown."""
    name: str
    letters: tuple[str, str]
    """What lies at the left and the right edge of the picture."""

    def shown(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """A (k, j, i) array as (slices, rows, columns)."""
        turned = array.transpose(self.axes)
        return np.flip(turned, tuple(axis for axis, is_turned in enumerate(self.turned) if is_turned))


def plane_of(affine: NDArray[np.float64]) -> Plane:
    """The acquired plane of an anisotropic volume, else the axial one.

    affine : (4, 4) from (i, j, k, 1) to LPS mm

    >>> plane_of(np.diag([-1.0, 1.0, 5.0, 1.0])).turned
    (False, False, True)
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    cosines = affine[:3, :3] / spacing
    # Patient axis a lies along voxel axis along[a]: the assignment with the smallest angles, as slices may be oblique.
    along = max(permutations(range(3)), key=lambda p: sum(abs(cosines[a, p[a]]) for a in range(3)))
    coarsest = along.index(int(spacing.argmax()))
    normal = coarsest if spacing.max() / spacing.min() >= ANISOTROPIC else 2
    right, down = _SHOWN[normal]
    wanted = ((normal, 1), down, right)
    axes = [along[axis] for axis, _ in wanted]
    turned = [bool(cosines[axis, along[axis]] * sign < 0) for axis, sign in wanted]
    return Plane(
        axes=(2 - axes[0], 2 - axes[1], 2 - axes[2]),
        turned=(turned[0], turned[1], turned[2]),
        spacing_mm=(float(spacing[axes[0]]), float(spacing[axes[1]]), float(spacing[axes[2]])),
        name=_NAMES[normal],
        letters=_LETTERS[normal],
    )
