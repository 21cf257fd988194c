import numpy as np
import pytest

from workers.imaging.tissue import level


def test_level_of_plain_tissue_is_its_mean_and_spread():
    seen = level(np.random.default_rng(0).normal(1.0, 0.08, 50_000).astype(np.float32))
    assert seen.mode == pytest.approx(1.0, abs=0.02)
    assert seen.spread == pytest.approx(0.08, rel=0.15)


def test_lesions_in_a_third_of_the_tissue_do_not_become_normal():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(1.0, 0.08, 40_000), rng.normal(1.5, 0.15, 20_000)])
    seen = level(values.astype(np.float32))
    assert seen.mode == pytest.approx(1.0, abs=0.03)
    assert seen.spread == pytest.approx(0.08, rel=0.25)


def test_a_handful_of_voxels_has_no_level():
    assert level(np.ones(50, dtype=np.float32)) is None


def test_tissue_mostly_diseased_is_read_from_what_is_left():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(1.0, 0.06, 20_000), rng.normal(1.5, 0.08, 35_000)])
    assert level(values.astype(np.float32)).mode == pytest.approx(1.0, abs=0.03)
