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


@pytest.mark.parametrize(("core", "rim", "there"), [(0.98, 0.44, False), (0.78, 0.44, True)])
def test_a_lesion_ends_where_the_network_believes_half_as_much(core, rim, there):
    share = share_of_rim(disc(core, rim), disc(1.5, 1.5))
    assert share > 0.55 if there else share < 0.35


@pytest.mark.parametrize(("core", "rim", "there"), [(1.9, 1.1, False), (1.2, 1.1, True)])
def test_the_blurred_rim_of_a_bright_lesion_is_none_and_a_faint_lesion_has_no_such_rim(core, rim, there):
    share = share_of_rim(disc(0.9, 0.9), disc(core, rim))
    assert share > 0.9 if there else share < 0.2


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
