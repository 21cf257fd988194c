import numpy as np
import pytest

from workers.simulation.contrast import Technique, Timing, tissue_signals
from workers.simulation.tissues import PROPERTIES, Tissue

FLAIR = Timing(Technique.INVERSION_RECOVERY, 89, 9000, 2500, fat_signal=0.1)
T1 = Timing(Technique.SPIN_ECHO, 12, 550)
T1C = Timing(Technique.SPIN_ECHO, 12, 550, contrast_agent=True)


def test_every_tissue_has_properties():
    assert set(PROPERTIES) == set(Tissue)


@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_flair_nulls_fluid_and_shows_cortex_slightly_brighter_than_white(field_t):
    signal = tissue_signals(FLAIR, field_t)
    assert signal[Tissue.CSF] < 0.1 * signal[Tissue.WHITE]
    assert 1.02 < signal[Tissue.CORTEX] / signal[Tissue.WHITE] < 1.35
    assert signal[Tissue.LIMBIC] > signal[Tissue.CORTEX]


@pytest.mark.parametrize("kind", [Tissue.VASOGENIC, Tissue.CYTOTOXIC, Tissue.DEMYELINATED, Tissue.GLIOTIC])
def test_lesions_are_bright_on_flair(kind):
    signal = tissue_signals(FLAIR, 3.0)
    assert signal[kind] > 1.15 * signal[Tissue.WHITE]
    assert signal[kind] > 1.05 * signal[Tissue.CORTEX]


def test_t1_shows_white_brighter_than_cortex_brighter_than_fluid():
    signal = tissue_signals(T1, 3.0)
    assert signal[Tissue.WHITE] > signal[Tissue.CORTEX] > signal[Tissue.CSF]


def test_contrast_agent_brightens_sinus_and_mucosa_but_not_brain():
    gain = tissue_signals(T1C, 3.0) / np.maximum(tissue_signals(T1, 3.0), 1e-9)
    assert gain[Tissue.SINUS] > 1.5
    assert gain[Tissue.MUCOSA] > 1.3
    assert gain[Tissue.WHITE] < 1.02
    assert gain[Tissue.VASOGENIC] < 1.1


def test_two_b_values_give_back_the_diffusion_coefficient():
    b0, b1000 = (tissue_signals(Timing(Technique.SPIN_ECHO, 80, 5000, b_value=b), 3.0) for b in (0, 1000))
    for tissue in (Tissue.WHITE, Tissue.CORTEX, Tissue.CYTOTOXIC, Tissue.CSF):
        assert 1e3 * np.log(b0[tissue] / b1000[tissue]) == pytest.approx(PROPERTIES[tissue].adc, rel=1e-3)


def test_haemosiderin_is_dark_only_without_refocusing():
    swi = tissue_signals(Timing(Technique.GRADIENT_ECHO, 20, 28, flip_degrees=15, t2_star=True), 3.0)
    assert swi[Tissue.HAEMOSIDERIN] < 0.3 * swi[Tissue.WHITE]
    assert tissue_signals(FLAIR, 3.0)[Tissue.HAEMOSIDERIN] > 0.3 * tissue_signals(FLAIR, 3.0)[Tissue.WHITE]
