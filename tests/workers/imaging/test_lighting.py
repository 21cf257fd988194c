import numpy as np
import pytest

from workers.imaging.lighting import evenly_lit


@pytest.fixture(scope="module")
def ball():
    """A ball of 160 mm on a grid of 4 mm, of two tissues in stripes, in air."""
    k, j, i = np.indices((48, 48, 48))
    inside = (k - 24) ** 2 + (j - 24) ** 2 + (i - 24) ** 2 < 20**2
    return np.where(inside, np.where(j // 3 % 2, 1.0, 0.8), 0.0), inside


def test_a_steep_field_is_taken_out_and_tissues_keep_their_contrast(ball):
    signal, inside = ball
    x = np.linspace(-1, 1, 48)[None, None, :]
    even = evenly_lit((300 * signal * np.exp(0.8 * x)).astype(np.float32), 4.0)
    inner = inside & (np.abs(np.indices(inside.shape)[2] - 24) < 12)
    bright, dark = even[inner & (signal == 1.0)], even[inner & (signal == 0.8)]
    assert np.std(np.log(bright)) < 0.08
    assert np.median(dark) / np.median(bright) == pytest.approx(0.8, abs=0.03)
    assert not even[~inside].any()


def test_one_very_bright_spot_does_not_darken_what_lies_beside_it(ball):
    signal, inside = ball
    spot = signal.copy()
    spot[22:26, 22:26, 22:26] = 20.0
    plain, lit = (evenly_lit(one.astype(np.float32), 4.0) for one in (signal, spot))
    beside = inside & (spot < 20.0)
    assert np.abs(lit / np.maximum(plain, 1e-6) - 1)[beside].max() < 0.05


def test_an_empty_image_stays_empty():
    assert not evenly_lit(np.zeros((8, 8, 8), dtype=np.float32), 4.0).any()
