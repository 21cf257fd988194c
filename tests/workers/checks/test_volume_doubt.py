import numpy as np
import pytest

from workers.checks.hyperintensity import Hyperintensity, Probability
from workers.checks.volume_doubt import LEAST_ML, volume_doubt

SHAPE = (6, 40, 40)
VOXEL_ML = 0.01
CORE, RIM = np.zeros(SHAPE, dtype=bool), np.zeros(SHAPE, dtype=bool)
CORE[1:5, 10:20, 10:20] = True
RIM[1:5, 10:20, 20:26] = True
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def half_width(mask, probability=None, unknown=None, inside=EVERYWHERE):
    flat = np.zeros(SHAPE, dtype=np.float32)
    model = None if probability is None else Probability(probability.astype(np.float32), 0.75)
    doubt = volume_doubt(Hyperintensity(mask, flat, flat, model), unknown)
    return doubt.half_width(inside.reshape(-1), int((mask & inside).sum()), VOXEL_ML)


@pytest.mark.parametrize(("core", "rim"), [(0.99, 0.6), (0.78, 0.0)], ids=["left out", "called"])
def test_what_the_model_half_believes_may_be_lesion_or_not(core, rim):
    sure = half_width(CORE, 0.99 * CORE)
    doubtful = half_width(CORE, core * CORE + rim * RIM)
    assert doubtful > sure + 0.5 * RIM.sum() * VOXEL_ML * 0.5


def test_what_the_model_did_not_see_is_half_doubted():
    width = half_width(CORE, 0.1 * CORE)
    assert 0.5 * CORE.sum() * VOXEL_ML < width < 0.9 * CORE.sum() * VOXEL_ML


def test_the_truth_lies_within_though_the_rim_was_left_out():
    width = half_width(CORE, 0.99 * CORE + 0.4 * RIM)
    assert RIM.sum() * VOXEL_ML <= width < CORE.sum() * VOXEL_ML


def test_without_a_model_the_interval_is_wider():
    assert half_width(CORE) > 1.5 * half_width(CORE, 0.99 * CORE)


def test_where_white_matter_is_no_norm_all_of_it_may_be_lesion():
    unknown = CORE | RIM
    assert half_width(CORE, 0.99 * CORE, unknown) >= RIM.sum() * VOXEL_ML
    assert half_width(RIM & ~RIM, 0 * CORE, unknown) >= unknown.sum() * VOXEL_ML


def test_a_region_without_any_is_known_to_the_least():
    far = np.zeros(SHAPE, dtype=bool)
    far[:, 32:] = True
    assert half_width(CORE, 0.99 * CORE, inside=far) == LEAST_ML
