"""Dots of known number, apart, touching, and within an even area."""

import numpy as np
import pytest

from rules.anatomy import Region
from tests.workers.imaging.heads import flat_anatomy
from workers.checks.dots import callosal_share, count_dots

SPACING = (1.0, 1.0, 4.5)
SHAPE = (5, 40, 40)
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def bright(*places: tuple[int, int, int], height: float = 0.4, width_mm: float = 2.0) -> np.ndarray:
    """Signal over white matter: bells around voxels (k, j, i)."""
    k, j, i = np.indices(SHAPE)
    signal = np.ones(SHAPE)
    for a, b, c in places:
        away = ((k - a) * 4.5) ** 2 + (j - b) ** 2 + (i - c) ** 2
        signal = np.maximum(signal, 1 + height * np.exp(-0.5 * away / width_mm**2))
    return signal.astype(np.float32)


def dots_of(signal: np.ndarray, region: np.ndarray = EVERYWHERE) -> int:
    return count_dots(signal, signal > 1.1, region, SPACING)


@pytest.mark.parametrize(
    ("places", "count"),
    [
        ([(2, 20, 20)], 1),
        ([(2, 20, 12), (2, 20, 28)], 2),
        ([(2, 20, 17), (2, 20, 24)], 2),
        ([(2, 20, 14), (2, 20, 21), (2, 27, 18)], 3),
        ([(1, 20, 20), (3, 20, 20)], 2),
    ],
)
def test_dots_are_counted_apart_or_touching(places, count):
    assert dots_of(bright(*places)) == count


def test_a_long_area_of_even_signal_is_one_whatever_the_noise():
    signal = np.ones(SHAPE, dtype=np.float32)
    signal[1:4, 18:23, 5:35] = 1.35
    signal += np.random.default_rng(4).normal(0, 0.04, SHAPE).astype(np.float32)
    assert count_dots(signal, signal > 1.2, EVERYWHERE, SPACING) == 1


def test_a_dot_counts_where_it_is_brightest():
    region = np.zeros(SHAPE, dtype=bool)
    region[:, :, :19] = True
    assert dots_of(bright((2, 20, 17), (2, 20, 24)), region) == 1
    assert dots_of(bright((2, 20, 24)), region) == 0
    assert dots_of(bright((2, 20, 24)), np.zeros(SHAPE, dtype=bool)) == 0


@pytest.mark.parametrize("axis", [1, 2])
def test_turning_the_grid_changes_nothing(axis):
    signal = np.flip(bright((2, 20, 14), (2, 20, 21), (2, 27, 18)), axis)
    assert dots_of(signal) == 3


def test_of_the_deep_white_matter_alone_a_share_is_callosal():
    _, anatomy = flat_anatomy()
    mask = anatomy.region(Region.CALLOSAL_BODY) | anatomy.region(Region.OCCIPITAL)
    assert callosal_share(mask, anatomy) == 100
    size = np.count_nonzero(anatomy.region(Region.CALLOSAL_BODY))
    for region in (Region.PERIVENTRICULAR, Region.CENTRUM_SEMIOVALE):
        mask[tuple(np.argwhere(anatomy.region(region) & ~mask)[:size].T)] = True
    assert callosal_share(mask, anatomy) == pytest.approx(100 / 3)
    assert callosal_share(anatomy.region(Region.OCCIPITAL), anatomy) is None
