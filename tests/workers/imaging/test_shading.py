from dataclasses import replace

import numpy as np
import pytest

from workers.imaging.contrast import FLAIR, T1
from workers.imaging.shading import evened, log_field
from workers.imaging.template import load_template


def coil(shape):
    """A receive field that is a third stronger at the left and back than opposite."""
    k, j, i = (np.linspace(-1, 1, n) for n in shape)
    return np.exp(0.2 * i[None, None, :] - 0.15 * j[None, :, None] + 0.1 * k[:, None, None] ** 2)


@pytest.fixture(scope="module")
def template():
    return load_template(2)


@pytest.fixture(scope="module")
def noisy(template):
    rng = np.random.default_rng(0)
    return (template.image(FLAIR) * (1 + rng.normal(0, 0.06, template.brain.shape))).astype(np.float32)


def lit(template, gain):
    """A ball of 20 mm of either occipital lobe brightened."""
    k, j, i = np.indices(template.brain.shape)
    sides = [(k - 42) ** 2 + (j - 26) ** 2 + (i - middle) ** 2 < 10**2 for middle in (36, 62)]
    return np.where((sides[0] | sides[1]) & template.brain & (template.fluid < 0.3), gain, 1.0)


def test_a_smooth_field_is_found(template, noisy):
    field = coil(noisy.shape)
    found = log_field((noisy * field).astype(np.float32), template)
    true = np.log(field)
    wrong = (found - true)[template.brain]
    assert np.std(wrong) < 0.015


def test_a_broad_lesion_is_not_taken_for_the_field(template, noisy):
    gain = lit(template, 1.2)
    clean, ill = (
        log_field((noisy * coil(noisy.shape) * one).astype(np.float32), template) for one in (1.0, gain)
    )
    lost = (ill - clean)[gain > 1.1].mean()
    assert lost < 0.2 * np.log(1.2)


def test_in_t1_a_broad_dark_lesion_is_not_taken_for_the_field(template):
    rng = np.random.default_rng(0)
    noisy = template.image(T1) * (1 + rng.normal(0, 0.04, template.brain.shape)) * coil(template.brain.shape)
    loss = 1 / lit(template, 1.2)

    def lost(contrast):
        """What the field takes of the lesion."""
        clean, ill = (log_field((noisy * one).astype(np.float32), template, contrast) for one in (1.0, loss))
        return -(ill - clean)[loss < 0.9].mean()

    assert lost(T1) < 0.25 * np.log(1.2)
    assert lost(T1) < 0.8 * lost(replace(T1, has_dark_lesions=False))


def test_too_few_voxels_have_no_field(template, noisy):
    assert not log_field(np.zeros_like(noisy), template).any()


@pytest.mark.parametrize("grey_level", [0.6, 1.3])
def test_white_matter_is_one_in_any_contrast(template, grey_level):
    signal = (
        300
        * coil(template.brain.shape)
        * (template.white + grey_level * template.grey + 0.3 * template.fluid)
    )
    depth = np.where(template.brain, 5.0, 0.0).astype(np.float16)
    grey, white = template.grey.astype(np.float16), template.white.astype(np.float16)
    even = evened(signal.astype(np.float32), grey, white, depth)
    assert np.median(even[template.white > 0.98]) == pytest.approx(1.0, abs=0.03)
    assert np.median(even[template.grey > 0.95]) == pytest.approx(grey_level, abs=0.05)
    assert not even[~template.brain].any()
