import numpy as np
import pytest

from workers.imaging.outlines import EDGE_MM, Stack
from workers.imaging.primitives import Axes

SQUARE = ((10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0))
HALF_SQUARE = ((10.0, 10.0), (15.0, 10.0), (15.0, 15.0), (10.0, 15.0))


def axes(step=1.0):
    values = np.arange(0.0, 40.0, step, dtype=np.float32)
    return Axes(values[None, None, :], values[None, :, None], values[:, None, None])


@pytest.mark.parametrize("coronal", [False, True])
def test_square_outlines_make_a_box_with_its_edge(coronal):
    inside = Stack(((5.0, SQUARE), (15.0, SQUARE)), coronal=coronal).inside(axes())
    k, j, i = np.nonzero(inside)
    slices, upward = (j, k) if coronal else (k, j)
    assert inside.sum() == 11**3
    assert (slices.min(), slices.max()) == (5, 15)
    assert (upward.min(), upward.max(), i.min(), i.max()) == (10, 20, 10, 20)


def test_outlines_reach_half_a_millimetre_beyond_what_was_traced():
    fine = Stack(((5.0, SQUARE), (15.0, SQUARE)), coronal=False).inside(axes(0.25))
    across = np.flatnonzero(fine.any(axis=(0, 1))) * 0.25
    assert (across.min(), across.max()) == (10.0 - EDGE_MM, 20.0 + EDGE_MM)


def test_outlines_run_straight_from_slice_to_slice():
    inside = Stack(((0.0, SQUARE), (10.0, HALF_SQUARE))).inside(axes())
    widths = [np.ptp(np.flatnonzero(inside[k].any(axis=0))) for k in (0, 4, 10)]
    assert widths == [10, 8, 5]
    assert not inside[11:].any()


def test_an_outline_may_bend_inwards_and_may_run_either_way():
    hook = ((10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (26.0, 30.0), (26.0, 14.0), (10.0, 14.0))
    forth, back = (Stack(((0.0, one), (2.0, one))).inside(axes()) for one in (hook, hook[::-1]))
    assert np.array_equal(forth, back)
    assert forth[1, 12, 12]
    assert forth[1, 28, 28]
    assert not forth[1, 25, 15]
