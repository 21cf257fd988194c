"""What the headers of a series say about how it was made: times, sequence family, diffusion, contrast, name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from workers.imaging.headers import (
    b_value,
    described_frames,
    functional_group,
    image_kinds,
    item,
    number,
    numbers,
    text,
    tokens,
)

_NO_AGENT = frozenset({"", "NO", "NONE", "N", "NIL", "0", "WITHOUT", "WO", "NO CONTRAST", "NON CONTRAST"})
"""What technicians type into ContrastBolusAgent to say that there was none."""
_POST = re.compile(
    r"(?<![a-z])(post(?![ _]?fossa)|postcontrast|gad|gado|gadolinium|gd|ce|km|contrast)(?![a-z])|\+ ?(c|gd|km)(?![a-z])|(?<![a-z])c\+"
)
_PRE = re.compile(
    r"(?<![a-z])(without|w/?o|non?|pre|nativ|native|ohne)[ _./-]*(contrast|gado?|gd|km|c)?(?![a-z])"
)
SAME_ECHO = 1.1
"""Echo times whose ratio is less belong to one echo; some scanners vary them a little between slices."""
_B_IN_SEQUENCE_NAME = re.compile(r"ep_b(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Physics:
    """The evidence of one series. None is unknown; times are medians over the images."""

    modality: str
    sop_class_uid: str
    samples_per_pixel: float
    kinds: frozenset[str]
    """Values of Image Type that every image carries."""
    any_kinds: frozenset[str]
    """Values of Image Type that some image carries."""
    sequences: frozenset[str]
    """Values of ScanningSequence and SequenceVariant; ScanOptions and enhanced attributes are translated into them."""
    acquisition_contrast: str
    te_ms: float | None
    tr_ms: float | None
    ti_ms: float | None
    field_t: float | None
    has_several_echoes: bool
    b_values: frozenset[float]
    planes: int
    """How many of the three main planes the images lie in."""
    has_agent: bool
    """A contrast agent is recorded."""
    name: str
    """SeriesDescription in small letters, else ProtocolName: a weak witness. (GE writes the protocol of the whole
    examination into ProtocolName of each series, so the two are never read together.)"""

    @property
    def is_inversion(self) -> bool:
        return "IR" in self.sequences or bool(self.ti_ms)

    @property
    def is_gradient(self) -> bool:
        return "GR" in self.sequences and "SE" not in self.sequences

    @property
    def is_epi(self) -> bool:
        return "EP" in self.sequences

    @property
    def is_bare(self) -> bool:
        """Nothing but a name speaks: neither echo nor repetition nor inversion time."""
        return self.te_ms is None and self.tr_ms is None and self.ti_ms is None

    @property
    def is_named_post(self) -> bool:
        """The name says `after contrast`."""
        return bool(_POST.search(self.name)) and not _PRE.search(self.name)

    @property
    def is_after_contrast(self) -> bool:
        return self.has_agent or self.is_named_post

    @property
    def times(self) -> str:
        """The known times in words, as in `TI 1800 ms, TE 397 ms, TR 5000 ms`."""
        known = (("TI", self.ti_ms), ("TE", self.te_ms), ("TR", self.tr_ms))
        return ", ".join(f"{name} {time:g} ms" for name, time in known if time)

    def is_named(self, pattern: str) -> bool:
        """Whether the name contains a word; a word ends at anything but a letter."""
        return bool(re.search(rf"(?<![a-z])(?:{pattern})(?![a-z])", self.name))


def physics_of(headers: Sequence[Dataset]) -> Physics:
    """The evidence of a series; headers : at least one."""
    first = headers[0]
    kinds = [frozenset(image_kinds(ds, n)) for ds, n in _frames(headers)]
    echo_times = [time for ds, n in _frames(headers) if (time := echo_time_of(ds, n))]
    return Physics(
        modality=text(first, "Modality").upper(),
        sop_class_uid=text(first, "SOPClassUID"),
        samples_per_pixel=number(first, "SamplesPerPixel") or 1,
        kinds=frozenset.intersection(*kinds),
        any_kinds=frozenset.union(*kinds),
        sequences=frozenset(_sequences(first)),
        acquisition_contrast=text(first, "AcquisitionContrast").upper(),
        te_ms=_median(echo_times),
        tr_ms=_median([time for ds in headers if (time := _repetition_time(ds))]),
        ti_ms=_median([time for ds in headers if (time := _inversion_time(ds))]),
        field_t=number(first, "MagneticFieldStrength"),
        has_several_echoes=bool(echo_times) and max(echo_times) > SAME_ECHO * min(echo_times),
        b_values=frozenset(_b_values(headers)),
        planes=len({plane for ds, n in _frames(headers) if (plane := _plane(ds, n)) is not None}),
        has_agent=_has_agent(headers),
        name=(text(first, "SeriesDescription") or text(first, "ProtocolName")).lower(),
    )


def _frames(headers: Sequence[Dataset]) -> Iterator[tuple[Dataset, int]]:
    return ((ds, n) for ds in headers for n in range(max(1, described_frames(ds))))


def _median(times: Sequence[float]) -> float | None:
    return float(np.median(times)) if times else None


def echo_time_of(ds: Dataset, frame: int = 0) -> float | None:
    """Echo time of a frame, in ms."""
    return number(functional_group(ds, frame, "MREchoSequence"), "EffectiveEchoTime") or number(
        ds, "EchoTime"
    )


def _repetition_time(ds: Dataset) -> float | None:
    return number(functional_group(ds, 0, "MRTimingAndRelatedParametersSequence"), "RepetitionTime")


def _inversion_time(ds: Dataset) -> float | None:
    """The longest, where several pulses invert."""
    return max(
        numbers(functional_group(ds, 0, "MRModifierSequence"), "InversionTimes"), default=None
    ) or number(ds, "InversionTime")


def _sequences(ds: Dataset) -> Iterator[str]:
    yield from tokens(ds, "ScanningSequence")
    yield from tokens(ds, "SequenceVariant")
    pulse = tokens(ds, "EchoPulseSequence")
    if pulse in (("SPIN",), ("BOTH",)):
        yield "SE"
    if pulse in (("GRADIENT",), ("BOTH",)):
        yield "GR"
    if "YES" in tokens(ds, "EchoPlanarPulseSequence"):
        yield "EP"
    modifier = functional_group(ds, 0, "MRModifierSequence")
    if "YES" in tokens(modifier, "InversionRecovery") or "IR" in tokens(ds, "ScanOptions"):
        yield "IR"


def b_value_of(ds: Dataset, frame: int = 0) -> float | None:
    """Diffusion weighting of a frame in s/mm2, from its attributes, else from the name of its sequence (Siemens)."""
    found = b_value(ds, frame)
    named = _B_IN_SEQUENCE_NAME.search(text(ds, "SequenceName")) if found is None else None
    return float(named[1]) if named else found


def _b_values(headers: Sequence[Dataset]) -> Iterator[float]:
    found = (b_value_of(ds, n) for ds, n in _frames(headers))
    return (b for b in found if b is not None)


def _plane(ds: Dataset, frame: int) -> int | None:
    """The axis (0, 1 or 2) nearest to the normal of a frame."""
    cosines = numbers(functional_group(ds, frame, "PlaneOrientationSequence"), "ImageOrientationPatient")
    if len(cosines) != 6:
        return None
    return int(np.argmax(np.abs(np.cross(cosines[:3], cosines[3:]))))


def _has_agent(headers: Sequence[Dataset]) -> bool:
    return any(
        text(ds, "ContrastBolusAgent").upper() not in _NO_AGENT or item(ds, "ContrastBolusAgentSequence")
        for ds in headers
    )
