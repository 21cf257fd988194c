import sys

import numpy as np
import pytest

from workers.imaging import affine
from workers.imaging.affine import axes, rotation
from workers.imaging.contrast import FLAIR
from workers.imaging.similarity import BINS, Head, Points, information, quick_information
from workers.imaging.template import load_template
from workers.imaging.warp import deformation


@pytest.fixture(scope="module")
def pair():
    """A smooth image and points that see it exactly, shifted by nothing."""
    rng = np.random.default_rng(3)
    z, y, x = np.mgrid[0:24, 0:24, 0:24]
    signal = 14 + 6 * np.sin(x / 3.0) * np.cos(y / 4.0) + 4 * np.sin(z / 3.5)
    head = Head(signal.astype(np.float32), np.zeros(3), 2.0)
    voxels = rng.integers(4, 20, (4000, 3))
    bins = np.clip(signal[voxels[:, 2], voxels[:, 1], voxels[:, 0]], 0, BINS - 1).astype(np.intp)
    return Points(voxels * 2.0, bins), head


def test_information_is_highest_where_the_images_agree(pair):
    points, head = pair
    there = information(points, head, np.eye(3), np.zeros(3))[0]
    for shift in ((3.0, 0, 0), (0, -3.0, 0), (0, 0, 4.0)):
        assert information(points, head, np.eye(3), np.array(shift))[0] < there
        assert quick_information(points, head, np.eye(3), np.array(shift)) < quick_information(
            points, head, np.eye(3), np.zeros(3)
        )


def test_gradient_is_the_slope_of_the_information(pair):
    points, head = pair
    matrix, shift = np.eye(3) * 0.97, np.array([1.3, -0.7, 0.9])
    _, for_matrix, for_shift = information(points, head, matrix, shift)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1e-4
        up = information(points, head, matrix, shift + step)[0]
        down = information(points, head, matrix, shift - step)[0]
        assert for_shift[axis] == pytest.approx((up - down) / 2e-4, rel=0.1, abs=1e-4)
    turn = np.zeros((3, 3))
    turn[0, 1] = 1e-6
    up = information(points, head, matrix + turn, shift)[0]
    down = information(points, head, matrix - turn, shift)[0]
    assert for_matrix[0, 1] == pytest.approx((up - down) / 2e-6, rel=0.1)


def test_a_rotation_turns_about_its_axes_as_its_angles_grow():
    angles = np.array([0.4, -0.3, 0.7])
    for step, axis in zip(np.eye(3) * 1e-6, axes(angles), strict=True):
        slope = (rotation(angles + step) - rotation(angles - step)) / 2e-6
        assert slope == pytest.approx(np.cross(axis, rotation(angles).T).T, abs=1e-8)


def test_an_absurd_step_of_the_search_costs_much_and_is_a_number(pair, monkeypatch):
    """One of some eighty simulated heads was met with a scale beyond all numbers, and its study was lost."""
    search = affine.optimize.minimize

    def minimize(cost, start, **options):
        absurd = start.copy()
        absurd[3] = 1e5
        value, slope = cost(absurd)
        assert np.isfinite(value)
        assert value > cost(start)[0] + 1e3
        assert np.isfinite(slope).all()
        return search(cost, start, **options)

    monkeypatch.setattr(affine.optimize, "minimize", minimize)
    assert affine._similarity(*pair, np.zeros(4), np.zeros(3)).information > 0


def test_information_at_the_edge_of_the_head_has_no_slope_beyond_it(pair):
    points, head = pair
    value, for_matrix, for_shift = information(points, head, np.eye(3), np.full(3, 500.0))
    assert value == pytest.approx(0.0, abs=1e-6)
    assert not for_matrix.any()
    assert not for_shift.any()


def test_information_is_the_same_number_every_time(pair):
    points, head = pair
    first, second = (information(points, head, np.eye(3), np.full(3, 0.5))[0] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("has_greedy", [True, False], ids=["greedy", "demons"])
def test_deformation_finds_a_shift_of_one_voxel(has_greedy, monkeypatch):
    """Demons stand in on platforms for which there is no greedy."""
    if not has_greedy:
        monkeypatch.setitem(sys.modules, "picsl_greedy", None)
    template = load_template(4)
    moved = deformation(np.roll(template.image(FLAIR), 1, axis=1), template)
    inner = np.s_[:, 12:28, 20:38, 14:34]
    assert np.median(moved[inner][1]) == pytest.approx(-1.0, abs=0.35)
    assert np.median(np.abs(moved[inner][2])) < 0.2
