"""Signal equations: from a tissue's properties and a sequence's timing to the signal of each tissue."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from workers.simulation.tissues import PROPERTIES, Properties, Tissue


class Technique(StrEnum):
    """How the signal is made."""

    SPIN_ECHO = "spin echo"
    INVERSION_RECOVERY = "inversion recovery"
    GRADIENT_ECHO = "gradient echo"


@dataclass(frozen=True, slots=True)
class Timing:
    """The parameters a signal depends on; times in ms, b-value in s/mm2."""

    technique: Technique
    te_ms: float
    tr_ms: float
    ti_ms: float = 0.0
    flip_degrees: float = 90.0
    b_value: float = 0.0
    contrast_agent: bool = False
    fat_signal: float = 1.0
    """Share of the fat signal that fat suppression leaves."""
    t2_star: bool = False
    """Without refocusing: T2* instead of T2."""


_FATTY = (Tissue.FAT, Tissue.MARROW)


def tissue_signals(timing: Timing, field_t: float) -> NDArray[np.float32]:
    """Signal of every tissue, (tissues,) float32 in the order of Tissue, relative to fully relaxed water."""
    signals = [_signal(PROPERTIES[tissue], timing, 1 if field_t > 2 else 0) for tissue in Tissue]
    for tissue in _FATTY:
        signals[tissue] *= timing.fat_signal
    return np.asarray(signals, dtype=np.float32)


def _signal(tissue: Properties, timing: Timing, field: int) -> float:
    rate = 1.0 / tissue.t1_ms[field] + (tissue.enhancement / 1000.0 if timing.contrast_agent else 0.0)
    t1 = 1.0 / rate
    t2 = (tissue.t2_star_ms if timing.t2_star else tissue.t2_ms)[field]
    decay = np.exp(-timing.te_ms / t2) * np.exp(-timing.b_value * tissue.adc * 1e-6)
    return float(tissue.pd * _longitudinal(timing, t1) * decay)


def _longitudinal(timing: Timing, t1_ms: float) -> float:
    """Magnetisation that the readout finds; the Ernst equation for the gradient echo."""
    recovered = np.exp(-timing.tr_ms / t1_ms)
    match timing.technique:
        case Technique.INVERSION_RECOVERY:
            return float(abs(1.0 - 2.0 * np.exp(-timing.ti_ms / t1_ms) + recovered))
        case Technique.GRADIENT_ECHO:
            flip = np.deg2rad(timing.flip_degrees)
            return float(np.sin(flip) * (1.0 - recovered) / (1.0 - np.cos(flip) * recovered))
        case Technique.SPIN_ECHO:
            return float(1.0 - recovered)
