"""The ADC of FLAIR lesions: low is cytotoxic, high vasogenic oedema."""

import numpy as np
from numpy.typing import NDArray

from rules.anatomy import Region, Role
from rules.findings import Why
from rules.measures import Measure
from workers.checks.check import Inputs
from workers.errors import CannotAssess
from workers.imaging.cuts import cut_of
from workers.imaging.regions import parts_of
from workers.imaging.scan import Scan, carried

FLUID_ADC = 2000.0
"""Voxels above are fluid that a FLAIR lesion touches."""
_ALIKE = 4.0
"""Neighbouring voxels that say the same: images are interpolated and smoothed."""

Masked = dict[Region, tuple[float, float, NDArray[np.intp]]]


def lesion_adcs(inputs: Inputs, adc: Scan, regions: tuple[Region, ...], flair_check: str) -> Masked:
    """Mean ADC of the FLAIR lesions of each region that has any, its 95 % half width, and their slices.

    Raises CannotAssess where FLAIR lesions were not looked for.
    """
    flair = inputs.scan(Role.FLAIR)
    found = inputs.found.get(flair_check)
    if found is None or found.mask is None:
        raise CannotAssess(Why.QUALITY, "FLAIR lesions could not be looked for")
    values = adc.volume.array
    lesions = carried(found.mask, flair, adc) >= 0.5
    at = np.nonzero(lesions & adc.anatomy.brain & (values > 0) & (values < FLUID_ADC))
    parts, adcs = adc.anatomy.parts[at], values[at]
    told: Masked = {}
    for region in regions:
        inside = np.isin(parts, parts_of(region))
        if float(inside.sum()) * adc.volume.voxel_ml >= cut_of(Measure.RESTRICTION_LESION_ADC_FROM):
            told[region] = (*mean_of(adcs[inside]), at[0][inside])
    return told


def mean_of(values: NDArray[np.float32]) -> tuple[float, float]:
    """Mean, and the half width of its 95 % interval by the spread of the voxels."""
    exact = values.astype(np.float64)
    return float(exact.mean()), 1.96 * float(exact.std()) / float(np.sqrt(max(exact.size / _ALIKE, 1.0)))
