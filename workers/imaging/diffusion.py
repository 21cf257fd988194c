"""Maps of the apparent diffusion coefficient: the scanner's own brought to one unit, or computed from its images."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Role
from rules.findings import Why
from workers.errors import CannotAssess
from workers.imaging.volume import Volume

FloatArray = NDArray[np.float32]

UNIT_EXPONENTS = (0, -3, -6, -12)
"""Powers of ten of a map's unit over 1e-6 mm2/s: as such (most scanners), 1e-3 mm2/s or um2/ms, mm2/s, m2/s."""
USUAL_ADC = 760.0
"""Where the histogram of a brain has its peak: white matter 700-750, grey matter 750-890 (clinical knowledge base M2)."""
PEAK_DECADES = 0.2
"""How far from it the peak may lie: 480 to 1200."""
_BIN_DECADES = 0.025
LEAST_STEPS = 30
"""Different values below which a map was rounded until nothing was left of it."""
HIGHEST_ADC = 4000.0
"""More than free water at body temperature (3000); what lies above is noise."""
SAME_PLACE_MM = 0.1
"""Corners of two grids that lie nearer are the same grid."""


def in_usual_unit(volume: Volume) -> Volume:
    """A scanner's map in 1e-6 mm2/s.

    The unit is told from the peak of the histogram, for headers seldom name it and are wrong when they do: a brain's
    peak lies within a third of 760, and the units in use are a factor of 1000 apart.
    Raises CannotAssess(QUALITY) if it fits none.
    """
    found = _middle(volume.array)
    found = found[found > 0]
    if np.unique(found).size < LEAST_STEPS:
        raise CannotAssess(Why.QUALITY, "the ADC map has too few different values")
    decades = np.log10(_peak(found) / USUAL_ADC)
    for exponent in UNIT_EXPONENTS:
        if abs(decades - exponent) <= PEAK_DECADES:
            return replace(volume, array=(volume.array * 10.0**-exponent).astype(np.float32))
    raise CannotAssess(Why.QUALITY, "the ADC map is in no known unit")


def _middle(array: FloatArray) -> NDArray[np.float64]:
    """The middle half of each axis: hardly anything there is not brain."""
    box = tuple(slice(n // 4, n - n // 4) for n in array.shape)
    return array[box].astype(np.float64).reshape(-1)


def _peak(values: NDArray[np.float64]) -> float:
    """The commonest value, on a logarithmic scale; values : positive."""
    logs = np.log10(values)
    low, high = float(logs.min()), float(logs.max())
    counts, edges = np.histogram(logs, bins=max(int((high - low) / _BIN_DECADES), 1))
    smooth = np.convolve(counts, (1, 2, 3, 2, 1), mode="same")
    at = int(np.argmax(smooth))
    return float(10.0 ** ((edges[at] + edges[at + 1]) / 2))


def computed_adc(weighted: Volume, plain: Volume) -> Volume:
    """ln(S0 / Sb) / (b - b0) voxel by voxel, in 1e-6 mm2/s; zero where there is no signal.

    weighted, plain : the same slices with and without diffusion weighting, in one scale. Raises CannotAssess: GEOMETRY
    if they lie on different grids, QUALITY if a b value is missing or if they do not share a scale.
    References: doi:10.1148/radiology.161.2.3763909
    """
    if weighted.b_value is None or plain.b_value is None:
        raise CannotAssess(Why.QUALITY, "no ADC map, and no b value to compute one with")
    if not same_grid(weighted, plain):
        raise CannotAssess(Why.GEOMETRY, "no ADC map, and the images with and without weighting do not match")
    difference = weighted.b_value - plain.b_value
    signal = (weighted.array > 0) & (plain.array > 0)
    ratio = np.divide(plain.array, weighted.array, out=np.ones_like(plain.array), where=signal)
    adc = np.clip(1e6 * np.log(ratio.astype(np.float64)) / difference, 0.0, HIGHEST_ADC)
    # Air is noise in both images: a signal far below the head's own has no meaning.
    adc[plain.array < _faint(plain.array)] = 0.0
    computed = replace(weighted, array=adc.astype(np.float32), role=Role.ADC, b_value=None)
    _refuse_another_scale(computed)
    return computed


def _faint(array: FloatArray) -> float:
    """A tenth of the signal of the middle of the head."""
    return 0.1 * float(np.median(_middle(array)))


def _refuse_another_scale(computed: Volume) -> None:
    found = _middle(computed.array)
    found = found[found > 0]
    if not found.size or abs(np.log10(_peak(found) / USUAL_ADC)) > PEAK_DECADES:
        raise CannotAssess(
            Why.QUALITY, "no ADC map, and the images with and without weighting have different scales"
        )


def same_grid(one: Volume, other: Volume) -> bool:
    """Whether two volumes share their voxels: frame of reference, matrix, and place of the corners."""
    if one.array.shape != other.array.shape or one.frame_of_reference_uid != other.frame_of_reference_uid:
        return False
    nk, nj, ni = one.array.shape
    corners = np.array([[i, j, k, 1] for i in (0, ni) for j in (0, nj) for k in (0, nk)], dtype=np.float64)
    apart = np.linalg.norm(corners @ (one.affine - other.affine).T, axis=1)
    return float(apart.max()) <= SAME_PLACE_MM
