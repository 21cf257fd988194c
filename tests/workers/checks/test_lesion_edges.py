import numpy as np
import pytest

from workers.checks.lesion_model import calmed, hysteresis
from workers.models.card import Engine
from workers.models.slices import slice_probabilities
from workers.models.store import shipped

MM = (1.0, 1.0, 5.0)
SEED = 0.75


def disc(core, rim):
    """A map (k, j, i) with a core of 6 mm radius and a rim of 3 mm around it, 0 beyond."""
    j, i = np.indices((40, 40)) - 20
    away = np.hypot(j, i)
    plane = np.where(away <= 6, core, np.where(away <= 9, rim, 0.0))
    return np.stack([np.zeros((40, 40)), plane, np.zeros((40, 40))]).astype(np.float32)


CORE = disc(1, 0) > 0
WHOLE = disc(1, 1) > 0


def share_of_rim(probability, ratio):
    found = hysteresis(calmed(probability, MM), SEED, ratio, MM)
    return (found & WHOLE & ~CORE).sum() / (WHOLE & ~CORE).sum()


@pytest.mark.parametrize(("core", "rim", "there"), [(0.98, 0.44, False), (0.78, 0.48, True)])
def test_a_lesion_ends_where_the_network_believes_half_as_much(core, rim, there):
    share = share_of_rim(disc(core, rim), disc(1.5, 1.5))
    assert share > 0.55 if there else share < 0.35


def torn(signal_in_gaps):
    """A lesion with a slit of 2 mm and a hole of 5 mm, in which neither probability nor signal is that of a lesion."""
    j, i = np.indices((40, 40)) - 20
    gaps = (np.abs(j + 3) <= 1) & (i > 0) | (np.hypot(j - 3, i) <= 2.5)
    hole = np.stack([np.zeros((40, 40), dtype=bool), gaps, np.zeros((40, 40), dtype=bool)])
    probability, ratio = disc(0.95, 0.95), disc(1.5, 1.5)
    probability[hole], ratio[hole] = 0.1, signal_in_gaps
    found = hysteresis(probability, SEED, ratio, MM)
    return (found & hole & CORE).sum() / (hole & CORE).sum(), found


def test_texture_tears_no_gaps_into_a_lesion_but_fluid_and_cavities_stay_out():
    bright, _ = torn(1.0)
    dark, _ = torn(0.6)
    assert bright == 1.0
    assert dark == 0.0


def test_a_lesion_is_closed_within_its_slice_only():
    _, found = torn(1.0)
    assert not found[0].any()
    assert not found[2].any()


def test_the_core_is_always_found():
    assert (
        hysteresis(calmed(disc(0.98, 0.42), MM), SEED, disc(1.9, 1.1), MM) & CORE
    ).sum() > 0.9 * CORE.sum()


def test_a_mirrored_slice_gets_the_mirrored_answer():
    card = shipped(Engine.PLANES)
    rng = np.random.default_rng(4)
    planes = rng.random((2, len(card.features), 64, 56), dtype=np.float32)
    inside = np.ones((2, 64, 56), dtype=bool)
    one = slice_probabilities(card, planes, inside)
    other = slice_probabilities(card, np.ascontiguousarray(planes[..., ::-1]), inside)
    assert one.max() > one.min()
    np.testing.assert_allclose(one, other[..., ::-1], atol=1e-6)
