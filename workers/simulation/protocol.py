"""What a series and a scanner are: the words the vendors' tables are written in."""

from dataclasses import dataclass

from rules.anatomy import Role
from workers.simulation.contrast import Technique, Timing
from workers.simulation.geometry import StackSize


@dataclass(frozen=True, slots=True)
class Weighting:
    """One kind of image within a series."""

    role: Role
    timing: Timing
    image_type: tuple[str, ...]
    """Image Type (0008,0008) of these images."""


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """One series of a protocol, with the header words of its vendor (PS3.3 C.8.3.1)."""

    number: int
    description: str
    protocol_name: str
    weightings: tuple[Weighting, ...]
    size: StackSize
    scanning_sequence: tuple[str, ...]
    sequence_variant: tuple[str, ...]
    scan_options: tuple[str, ...] = ()
    sequence_name: str = ""
    """Left out of the header where the vendor writes none."""
    acquisition: str = "2D"
    echo_train: int = 1
    bandwidth: float = 200.0
    averages: float = 1.0
    snr: float = 30.0
    """White matter signal over noise in the middle of the head."""
    planes: tuple[str, ...] = ("axial",)
    blur: float = 0.0
    """Extra in-plane blur in pixels, as of long echo trains and echo-planar readouts."""

    @property
    def role(self) -> Role:
        """The role that the series is known by: that of its last weighting."""
        return self.weightings[-1].role


@dataclass(frozen=True, slots=True)
class Scanner:
    """One scanner with its protocol."""

    manufacturer: str
    model: str
    field_t: float
    frequency_mhz: float
    software: str
    station: str
    serial: str
    coil: str
    body_coil: str
    full_scale: int
    """Stored value of the brightest percent of pixels."""
    study_description: str
    contrast_agent: str
    series: tuple[SeriesPlan, ...]
    spacing_attribute: bool = True
    """Whether it writes Spacing Between Slices."""


PLANES = ("axial", "sagittal", "coronal")
"""The planes of a localizer."""


def only(role: Role, timing: Timing, *image_type: str) -> tuple[Weighting, ...]:
    """The weightings of a series with one kind of image."""
    return (Weighting(role, timing, image_type),)


def diffusion(te_ms: float, tr_ms: float, b_value: float) -> Timing:
    """Timing of an echo-planar diffusion sequence: fat is suppressed, else it would be shifted over the brain."""
    return Timing(Technique.SPIN_ECHO, te_ms, tr_ms, b_value=b_value, fat_signal=0.04)
