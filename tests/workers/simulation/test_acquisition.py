import numpy as np
import pytest
from scipy import ndimage

from workers.simulation.acquisition import profile, sample
from workers.simulation.geometry import StackSize, stack_around
from workers.simulation.space import LOW, SHAPE
from workers.simulation.subject import Warp

WARP = Warp(
    np.diag([-1.0, -1.0, 1.0]), np.zeros(3), np.zeros((3, 35, 34, 28), dtype=np.float32), 1.0, np.eye(3)
)  # fmt: skip
AXIAL = (np.array([1.0, 0, 0]), np.array([0.0, 1, 0]))


def _stack(side: int, slices: int = 5):
    return stack_around(np.array([0.0, 0.0, 0.0]), AXIAL, StackSize(side, side, slices, 1.1, 4.0, 4.5))


def _ball() -> np.ndarray:
    image = np.zeros(SHAPE, dtype=np.float32)
    z, y, x = (np.arange(size) + LOW[2 - n] for n, size in enumerate(SHAPE))
    away = (z[:, None, None] - 8) ** 2 + (y[None, :, None] + 30) ** 2 + (x[None, None, :] - 41) ** 2
    image[away < 20**2] = 1.0
    return image


@pytest.mark.parametrize("side", [128, 161, 200])
def test_air_left_out_of_the_sampling_changes_nothing(side):
    image, stack = _ball(), _stack(side)
    offsets, weights = profile(stack.thickness_mm)
    expected = np.zeros((stack.slices, side, side))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    for k in range(stack.slices):
        for offset, weight in zip(offsets, weights, strict=True):
            start = stack.position(k) + stack.normal * offset
            points = start[:, None] + stack.pixel_mm * (
                stack.column[:, None] * grid[0].ravel() + stack.row[:, None] * grid[1].ravel()
            )
            values = ndimage.map_coordinates(image, WARP.voxels(points), order=1)
            expected[k] += weight * values.reshape(side, side)
    assert sample(image, stack, WARP) == pytest.approx(expected, abs=2e-3)
    assert expected.max() == pytest.approx(1.0)


def test_distortion_moves_the_skull_base_and_not_the_vertex():
    image = np.ones(SHAPE, dtype=np.float32)
    low = stack_around(np.array([0.0, -10.0, -56.0]), AXIAL, StackSize(120, 120, 1, 1.2, 4.0, 4.0))
    high = stack_around(np.array([0.0, -10.0, 60.0]), AXIAL, StackSize(120, 120, 1, 1.2, 4.0, 4.0))
    assert np.ptp(sample(image, low, WARP, distortion=1.0)) > 0.2
    assert np.ptp(sample(image, high, WARP, distortion=1.0)) < 1e-3


def test_the_way_back_from_template_to_scanner_is_the_inverse(healthy_subject):
    warp = healthy_subject.warp
    template = np.array([[0.0, 30.0, -40.0], [-20.0, 10.0, -60.0], [10.0, 40.0, -20.0]])
    there = warp.voxels(warp.point(template))[::-1] + np.asarray(LOW)[:, None]
    assert there == pytest.approx(template, abs=0.1)
