"""Phase of a gradient echo: the field that iron, blood and lime make around themselves.

Susceptibilities relative to brain water in ppm (SI) after Liu et al. doi:10.1002/nbm.3569 and Haacke et al.
doi:10.1016/j.mri.2014.10.004; the field is that of magnetic dipoles, by convolution in Fourier space
(Salomir et al. doi:10.1002/cmr.b.10083).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from workers.simulation.acquisition import Pixels
from workers.simulation.brain import BOX
from workers.simulation.fields import Field
from workers.simulation.space import SHAPE
from workers.simulation.subject import Subject
from workers.simulation.tissues import Tissue

_PPM: dict[Tissue, float] = {
    Tissue.WHITE: -0.03,
    Tissue.DIRTY_WHITE: -0.02,
    Tissue.STRIATUM: 0.06,
    Tissue.PALLIDUM: 0.14,
    Tissue.IRON: 0.26,
    Tissue.VEIN: 0.35,
    Tissue.HAEMOSIDERIN: 1.4,
    Tissue.ACUTE_BLOOD: 0.6,
    Tissue.SUBACUTE_BLOOD: 0.5,
    Tissue.CALCIFIED: -1.3,
}
_GYROMAGNETIC_MHZ = 42.577
_HIGH_PASS_MM = 9.0
"""Width of the scanner's filter, which takes away what changes slowly [P]."""
MIDDLE = 2048
"""Stored value of phase zero; a whole turn is 4096."""


def phase_map(subject: Subject, field_t: float, te_ms: float) -> Field:
    """Filtered phase in radians over the head grid (z, y, x); paramagnetic sources are positive along the main field."""
    ppm = np.zeros_like(subject.brain.inside)
    for tissue, value in _PPM.items():
        if tissue in subject.brain.fractions:
            ppm += subject.brain.fractions[tissue] * np.float32(value)
    along = subject.warp.matrix @ np.array([0.0, 0.0, 1.0])
    shift = _dipole_field(ppm, along / np.linalg.norm(along))
    shift -= ndimage.gaussian_filter(shift, _HIGH_PASS_MM, truncate=2.5)
    whole = np.zeros(SHAPE, dtype=np.float32)
    turns = _GYROMAGNETIC_MHZ * field_t * te_ms / 1000.0
    whole[BOX] = shift * np.float32(2.0 * np.pi * turns) * subject.brain.inside
    return whole


def _dipole_field(ppm: Field, along: NDArray[np.float64]) -> Field:
    """Field shift in ppm of a susceptibility map (z, y, x) in a main field along (x, y, z)."""
    z, y = (np.fft.fftfreq(size).astype(np.float32) for size in ppm.shape[:2])
    x = np.fft.rfftfreq(ppm.shape[2]).astype(np.float32)
    squared = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2
    projected = along[2] * z[:, None, None] + along[1] * y[None, :, None] + along[0] * x[None, None, :]
    squared[0, 0, 0] = 1.0
    kernel = (1.0 / 3.0 - projected**2 / squared).astype(np.float32)
    kernel[0, 0, 0] = 0.0
    return np.asarray(fft.irfftn(fft.rfftn(ppm) * kernel, s=ppm.shape), dtype=np.float32)


def stored_phase(phase: Pixels, noise: Pixels, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Stored values of a phase image with noise of a standard deviation in radians for each pixel; wrapped."""
    noisy = phase + rng.standard_normal(phase.shape, dtype=np.float32) * np.minimum(noise, np.float32(50.0))
    turns = np.mod(noisy / (2.0 * np.pi) + 0.5, 1.0)
    return np.clip(np.rint(turns * 2 * MIDDLE), 0, 2 * MIDDLE - 1).astype(np.uint16)
