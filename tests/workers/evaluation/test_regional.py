"""Masks region by region."""

import numpy as np
import pytest

from rules.anatomy import Region, Side
from tests.workers.imaging.heads import flat_anatomy
from workers.evaluation.regional import by_region
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan


@pytest.fixture(scope="module")
def scan() -> Scan:
    return Scan(*flat_anatomy(), at_rest())


def _of(places, region, side):
    return next(one for one in places if (one.region, one.side) == (region, side))


def test_masks_are_measured_in_every_region(scan):
    truth = scan.anatomy.region(Region.THALAMUS, Side.LEFT).transpose(2, 1, 0)
    found = truth.copy()
    found[: int(np.median(np.nonzero(truth)[0]))] = False
    places = by_region("flair", scan, found, truth)
    left = _of(places, Region.THALAMUS, Side.LEFT)
    assert left.true_ml == pytest.approx(truth.sum() * 0.008)  # 2 mm voxels
    assert left.found_ml == left.common_ml == pytest.approx(found.sum() * 0.008)
    assert left.dice == pytest.approx(2 * found.sum() / (found.sum() + truth.sum()))
    right = _of(places, Region.THALAMUS, Side.RIGHT)
    assert (right.true_ml, right.found_ml) == (0.0, 0.0)
    assert _of(places, Region.BRAIN, Side.WHOLE).true_ml == pytest.approx(left.true_ml)


def test_where_nothing_is_every_region_is_empty(scan):
    places = by_region("restricted", scan, scan.anatomy.brain.transpose(2, 1, 0), None)
    assert len(places) > 40
    assert not any(one.true_ml or one.common_ml for one in places)
    assert _of(places, Region.BRAIN, Side.WHOLE).found_ml > 100
