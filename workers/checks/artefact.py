"""Echo-planar artefact: what air beside the brain makes bright on DWI, told from restricted diffusion (case A38).

Air cells of the skull base bend the field; the image is stretched or piled up there. Such areas lie at the temporal base,
the orbital roof or beside the mastoid, near the brain's surface, on both sides alike or with an ADC that scatters, and
FLAIR, which is no echo-planar image, shows nothing.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rules.measures import Measure
from workers.checks.areas import EDGES
from workers.checks.restriction import FloatArray, Restriction, mirrored
from workers.imaging.anatomy import Anatomy
from workers.imaging.cuts import cut_of

BoolArray = NDArray[np.bool_]

AROUND_MM = 6.0


def artefacts(
    anatomy: Anatomy,
    seen: Restriction,
    counterpart: FloatArray | None,
    spacing_mm: tuple[float, float, float],
) -> BoolArray:
    """The restricted voxels that are artefact, (k, j, i).

    counterpart : contrast of FLAIR on this grid (see restriction.Brightness); None where there is no FLAIR: then both
        symmetry and scatter are asked for
    """
    areas, count = ndimage.label(seen.mask | seen.shine, EDGES)
    if not count:
        return np.zeros_like(seen.mask)
    at = np.nonzero(areas)
    number = areas[at]
    size = np.maximum(np.bincount(number, minlength=count + 1), 1)

    def share(where: BoolArray) -> NDArray[np.float64]:
        """Of each area, by its number."""
        return np.bincount(number, where[at], minlength=count + 1) / size

    most = cut_of(Measure.ARTEFACT_AREA_SHARE)
    suspect = share(near_air(anatomy)) >= most
    across = mirrored(anatomy, seen.brightness.bright) >= 0.5
    symmetric = share(across) >= cut_of(Measure.ARTEFACT_MIRRORED_SHARE)
    scattered = share(_scattered(seen, spacing_mm)) >= most
    if counterpart is None:
        false = suspect & symmetric & scattered
    else:
        visible = counterpart >= cut_of(Measure.ARTEFACT_COUNTERPART_CONTRAST)
        shown = share(visible) >= cut_of(Measure.ARTEFACT_COUNTERPART_SHARE)
        false = suspect & ~shown & (symmetric | scattered)
    false[0] = False
    found: BoolArray = false[areas]
    return found


def near_air(anatomy: Anatomy) -> BoolArray:
    """Brain beside the orbits, the paranasal sinuses, the petrous bone and the mastoid.

    Places in MNI mm, by the usual landmarks. [P]
    """
    x, y, z = (axis.astype(np.float32) for axis in anatomy.template_mm)
    orbit = (y > 5) & (z < -4.0 + 0.10 * (y - 5.0)) & (np.abs(x) < 50)
    temporal = (np.abs(x) > 18) & (y > -75) & (z < -10)
    mastoid = (np.abs(x) > 25) & (z < -22)
    reached = anatomy.depth_mm <= cut_of(Measure.ARTEFACT_DEPTH)
    near: BoolArray = anatomy.brain & reached & (orbit | temporal | mastoid)
    return near


def _scattered(seen: Restriction, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Where only a part of the bright voxels around has a low ADC."""
    sigma = [AROUND_MM / 2 / mm for mm in spacing_mm[::-1]]
    bright = ndimage.gaussian_filter(seen.brightness.bright.astype(np.float32), sigma)
    low = ndimage.gaussian_filter((seen.mask & seen.brightness.bright).astype(np.float32), sigma)
    scattered: BoolArray = low < cut_of(Measure.ARTEFACT_LOW_SHARE) * bright
    return scattered
