import pickle

import numpy as np
import pytest

from rules.anatomy import Region, Role, Side
from rules.findings import Why
from tests.workers.imaging.heads import refusal, volume_of, whole_head
from workers.imaging.anatomy import lay
from workers.imaging.brain_map import map_brain
from workers.imaging.regions import parts_of

AXIAL = np.diag([1.0, 1.0, 4.0, 1.0])
COARSE = np.diag([1.5, 1.5, 4.0, 1.0])


@pytest.fixture(scope="session")
def head():
    return whole_head()


@pytest.fixture(scope="session")
def anatomy(head):
    return lay(head.volume, map_brain(head.volume))


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_brain_of_a_whole_head_is_found(head, anatomy):
    assert dice(anatomy.brain, head.labels > 0) > 0.93


@pytest.mark.parametrize("role", [Role.T2, Role.T1])
def test_brain_is_found_without_a_flair(role):
    head = whole_head(role=role)
    anatomy = lay(head.volume, map_brain(head.volume))
    assert dice(anatomy.brain, head.labels > 0) > 0.95
    for region, least in ((Region.THALAMUS, 0.8), (Region.CEREBELLUM, 0.9), (Region.VENTRICLES, 0.75)):
        assert dice(anatomy.region(region), np.isin(head.labels, parts_of(region))) > least
    white = anatomy.white > 0.95
    assert np.median(anatomy.corrected[white & anatomy.is_left]) == pytest.approx(1.0, rel=0.04)
    assert np.median(anatomy.corrected[white & ~anatomy.is_left]) == pytest.approx(1.0, rel=0.04)


@pytest.mark.parametrize(
    ("region", "least"),
    [
        (Region.PARIETO_OCCIPITAL, 0.88),
        (Region.FRONTAL, 0.88),
        (Region.THALAMUS, 0.70),
        (Region.CEREBELLUM, 0.88),
    ],
)
@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_regions_lie_where_they_were_put_on_the_patients_own_side(head, anatomy, region, least, side):
    half = head.is_left if side is Side.LEFT else ~head.is_left
    assert dice(anatomy.region(region, side), np.isin(head.labels, parts_of(region)) & half) > least


def test_left_is_where_lps_x_is_larger(head, anatomy):
    i_left = np.nonzero(anatomy.region(Region.TEMPORAL, Side.LEFT))[2].mean()
    i_right = np.nonzero(anatomy.region(Region.TEMPORAL, Side.RIGHT))[2].mean()
    assert (i_left - i_right) * head.volume.affine[0, 0] > 0


def test_receive_field_is_taken_out(anatomy):
    white = anatomy.white > 0.95
    left, right = anatomy.corrected[white & anatomy.is_left], anatomy.corrected[white & ~anatomy.is_left]
    assert np.median(left) == pytest.approx(np.median(right), rel=0.03)
    assert np.median(anatomy.corrected[white]) == pytest.approx(1.0, rel=0.03)


def test_all_regions_are_covered_by_a_whole_head(anatomy):
    assert min(anatomy.covered.values()) > 0.9


def test_anatomy_travels_through_a_cache(anatomy):
    again = pickle.loads(pickle.dumps(anatomy))  # noqa: S301 - our own bytes
    assert np.array_equal(again.parts, anatomy.parts)
    assert again.covered == anatomy.covered


def test_a_constant_volume_is_refused():
    assert refusal(map_brain, volume_of(np.full((20, 64, 64), 7.0), AXIAL)) is Why.QUALITY


def test_noise_is_refused():
    noise = np.random.default_rng(0).normal(100, 30, (16, 120, 120))
    assert refusal(map_brain, volume_of(np.abs(noise), COARSE)) is Why.ANATOMY


def test_three_slices_are_refused_for_their_coverage(head):
    few = volume_of(head.volume.array[20:23], head.volume.affine)
    assert refusal(map_brain, few) is Why.COVERAGE
