"""Echo-planar artefact: what air beside the brain makes bright on DWI, told from restricted diffusion (case A38).

Air cells of the skull base bend the field; the image is stretched or piled up there. Such areas lie at the temporal base,
the orbital roof or beside the mastoid, near the brain's surface, on both sides alike or with an ADC that scatters, and
FLAIR, which is no echo-planar image, shows nothing.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.checks.restriction import FloatArray, Restriction, mirrored
from workers.imaging.anatomy import Anatomy

BoolArray = NDArray[np.bool_]

NEAR_MM = 14.0
"""How deep the field of an air cell reaches. [P]"""
MOST = 0.6
"""Share of an area that has to lie in such a place. [P]"""
COUNTERPART_CONTRAST, COUNTERPART_SHARE = 0.12, 0.25
"""Contrast of FLAIR that is a counterpart, and the share of an area that has to show it: a clearly visible lesion
starts at 1.18 (knowledge base M1), a distorted one lies a little aside. [P]"""
MIRRORED_SHARE = 0.3
"""Share of an area whose mirror image is bright too, from which it is symmetric. [P]"""
LOW_SHARE = 0.5
"""Share of the bright voxels in and around an area that have a low ADC; of a lesion most have. [P]"""
AROUND_MM = 6.0

_TOUCHING = ndimage.generate_binary_structure(3, 2)


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
    found = np.zeros_like(seen.mask)
    areas, count = ndimage.label(seen.mask | seen.shine, _TOUCHING)
    if not count:
        return found
    zone = near_air(anatomy)
    symmetric = mirrored(anatomy, seen.brightness.bright) >= 0.5
    scattered = _scattered(seen, spacing_mm)
    for number in range(1, count + 1):
        area = areas == number
        if zone[area].mean() < MOST or _shows(counterpart, area):
            continue
        signs = (symmetric[area].mean() >= MIRRORED_SHARE, scattered[area].mean() >= MOST)
        if all(signs) or (counterpart is not None and any(signs)):
            found |= area
    return found


def near_air(anatomy: Anatomy) -> BoolArray:
    """Brain beside the orbits, the paranasal sinuses, the petrous bone and the mastoid.

    Places in MNI mm, by the usual landmarks. [P]
    """
    x, y, z = (axis.astype(np.float32) for axis in anatomy.template_mm)
    orbit = (y > 5) & (z < -4.0 + 0.10 * (y - 5.0)) & (np.abs(x) < 50)
    temporal = (np.abs(x) > 18) & (y > -75) & (z < -10)
    mastoid = (np.abs(x) > 25) & (z < -22)
    near: BoolArray = anatomy.brain & (anatomy.depth_mm <= NEAR_MM) & (orbit | temporal | mastoid)
    return near


def _shows(counterpart: FloatArray | None, area: BoolArray) -> bool:
    """Whether FLAIR shows the area too."""
    if counterpart is None:
        return False
    return float((counterpart[area] >= COUNTERPART_CONTRAST).mean()) >= COUNTERPART_SHARE


def _scattered(seen: Restriction, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """Where only a part of the bright voxels around has a low ADC."""
    sigma = [AROUND_MM / 2 / mm for mm in spacing_mm[::-1]]
    bright = ndimage.gaussian_filter(seen.brightness.bright.astype(np.float32), sigma)
    low = ndimage.gaussian_filter((seen.mask & seen.brightness.bright).astype(np.float32), sigma)
    scattered: BoolArray = low < LOW_SHARE * bright
    return scattered
