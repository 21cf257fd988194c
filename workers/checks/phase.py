"""Blood or lime: both are dark on magnitude images, and turn the phase in opposite directions (sign M3).

What is dark is taken for a source of the field of magnetic dipoles (Salomir et al., doi:10.1002/cmr.b.10083), and the phase around
it is held against that field: on the slices beyond a focus more than in its middle, which is dark and noisy, and where a ball
makes no field at all; readers go by these borders as well (doi:10.3174/ajnr.A6597). Vendors count the phase in either direction.
Veins turn it as blood does, so what is dark in a brain tells the direction of the scan; the nuclei, whose iron and lime may cancel,
have no voice in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from workers.checks.cropping import box_around
from workers.checks.iron import IRON
from workers.imaging.diffusion import same_grid
from workers.imaging.regions import parts_of
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Triple = tuple[float, float, float]

SLOW_MM = 6.0
"""Standard deviation of the Gaussian that takes what changes slowly off phase and field, as a scanner's filter does. [P]"""
REACH_MM = 7.0
"""How far beyond a focus its field is looked for. [P]"""
LEAST_CERTAINTY = 0.15
"""Correlation of the phase with the field of what is dark from which its direction is believed: 0.30, 0.49 and 0.44 in three simulated
studies, the first with calcified pallida. [P]"""
CLEARLY_DARK = 0.1
"""Missing share of the surroundings' signal from which something counts as a source there."""
NUCLEI_MM = 12.0
"""Distance from nuclei that hold iron or lime within which their field outweighs that of veins. [P]"""
TRUSTED = 0.15
"""Signal over white matter below which a voxel's phase is noise. [P]"""


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """The phase of a susceptibility-weighted series on its grid, (k, j, i), turned as blood turns it.

    radians : without what changes slowly, positive where blood strengthens the field
    trusted : voxels of the brain with signal enough for a phase
    along : main field on the axes (i, j, k), a unit vector
    certainty : correlation of the phase with the field of what is dark, before it was turned
    """

    radians: FloatArray
    trusted: BoolArray
    along: Triple
    spacing_mm: Triple
    certainty: float

    def likeness_to_blood(self, voxels: NDArray[np.intp], darkness: FloatArray) -> float:
        """Correlation, -1 to 1, of the phase around a focus with the field that it would make as blood; lime has the opposite.

        voxels : (3, n) of the focus; darkness : (k, j, i) of the whole grid
        """
        mask = np.zeros(self.trusted.shape, dtype=bool)
        mask[tuple(voxels)] = True
        box = box_around(mask, 2 * REACH_MM, self.spacing_mm)
        assert box is not None  # noqa: S101 - a focus has voxels
        source = np.where(mask[box], darkness[box], 0).astype(np.float32)
        field = _without_slow(dipole_field(source, self.spacing_mm, self.along), self.spacing_mm)
        near = distance_mm(mask[box], self.spacing_mm) <= REACH_MM
        return _correlation(self.radians[box], field, self.trusted[box] & near)


def phase_of(images: Volume, scan: Scan, darkness: FloatArray) -> Phase | None:
    """The phase images of a scan, turned so that what is dark in the brain is blood and iron; None if that cannot be told.

    darkness : (k, j, i) missing share of the surroundings' signal, 0 outside the brain
    """
    if not same_grid(images, scan.volume):
        return None
    low, high = float(images.array.min()), float(images.array.max())
    if high <= low:
        return None
    anatomy, spacing = scan.anatomy, scan.volume.spacing_mm
    radians = ((images.array - (low + high) / 2) * (2 * np.pi / (high - low))).astype(np.float32)
    columns = scan.volume.affine[2, :3] / np.linalg.norm(scan.volume.affine[:3, :3], axis=0)
    along = (float(columns[0]), float(columns[1]), float(columns[2]))
    trusted = anatomy.brain & (anatomy.corrected > TRUSTED) & (anatomy.depth_mm > 2.0)
    even = _without_slow(radians, spacing)
    nuclei = np.isin(anatomy.parts, [part for region in IRON for part in parts_of(region)])
    sources = np.where(nuclei | (darkness < CLEARLY_DARK), 0, darkness).astype(np.float32)
    field = _without_slow(dipole_field(sources, spacing, along), spacing)
    certainty = _correlation(even, field, trusted & (distance_mm(nuclei, spacing) > NUCLEI_MM))
    if abs(certainty) < LEAST_CERTAINTY:
        return None
    return Phase(even * np.float32(np.sign(certainty)), trusted, along, spacing, certainty)


def dipole_field(source: FloatArray, spacing_mm: Triple, along: Triple) -> FloatArray:
    """Shape of the field shift that sources make, (k, j, i), in a main field along a unit vector on (i, j, k)."""
    shape = [fft.next_fast_len(size + 8, real=True) for size in source.shape]
    k, j = (np.fft.fftfreq(n, mm) for n, mm in zip(shape[:2], spacing_mm[:0:-1], strict=True))
    i = np.fft.rfftfreq(shape[2], spacing_mm[0])
    squared = k[:, None, None] ** 2 + j[None, :, None] ** 2 + i[None, None, :] ** 2
    projected = along[2] * k[:, None, None] + along[1] * j[None, :, None] + along[0] * i[None, None, :]
    squared[0, 0, 0] = 1.0
    kernel = (1.0 / 3.0 - projected**2 / squared).astype(np.float32)
    kernel[0, 0, 0] = 0.0
    whole = fft.irfftn(fft.rfftn(source.astype(np.float32), s=shape) * kernel, s=shape)
    k_size, j_size, i_size = source.shape
    return np.ascontiguousarray(whole[:k_size, :j_size, :i_size], dtype=np.float32)


def distance_mm(mask: BoolArray, spacing_mm: Triple) -> FloatArray:
    """Of every voxel from a mask; infinite where it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    away: FloatArray = ndimage.distance_transform_edt(~mask, sampling=spacing_mm[::-1]).astype(np.float32)
    return away


def _without_slow(values: FloatArray, spacing_mm: Triple) -> FloatArray:
    slow: FloatArray = ndimage.gaussian_filter(
        values, [SLOW_MM / mm for mm in spacing_mm[::-1]], truncate=2.5
    )
    return values - slow


def _correlation(one: FloatArray, other: FloatArray, inside: BoolArray) -> float:
    """Pearson's, over the voxels inside; 0 where one of them does not vary."""
    a, b = (values[inside].astype(np.float64) for values in (one, other))
    if a.size < 2:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0
