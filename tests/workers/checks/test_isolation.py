"""Balls, tubes and crossings of known shape, alone and beside one another."""

import numpy as np
import pytest

from workers.checks.isolation import roundness, symmetry

GRIDS = [(1.0, 1.0, 1.0), (2.0, 0.9, 0.9), (4.0, 0.9, 0.9)]
"""Voxels, mm, (k, j, i)."""


def around(mm: tuple[float, float, float]) -> tuple[np.ndarray, tuple[int, int, int], np.ndarray]:
    """Places in mm from a middle voxel, (3, k, j, i); that voxel; the voxel size."""
    size = np.array(mm)
    reach = np.ceil(11 / size).astype(int)
    places = np.stack(
        np.meshgrid(*(np.arange(-n, n + 1) * one for n, one in zip(reach, mm, strict=True)), indexing="ij")
    )
    k, j, i = (int(n) for n in reach)
    return places, (k, j, i), size


def darkness(away: np.ndarray, radius: float = 1.5) -> np.ndarray:
    """Darkest in the middle, half as dark at the radius."""
    dark: np.ndarray = (0.5 * 0.5 ** ((away / radius) ** 2)).astype(np.float32)
    return dark


def off_axis(places: np.ndarray, along: tuple[float, float, float]) -> np.ndarray:
    """Distance from a line through the middle."""
    course = np.array(along) / np.linalg.norm(along)
    run = np.tensordot(course, places, 1)
    away: np.ndarray = np.linalg.norm(places - course[:, None, None, None] * run, axis=0)
    return away


@pytest.mark.parametrize("mm", GRIDS)
@pytest.mark.parametrize("radius", [1.5, 2.5])
def test_a_ball_is_round(mm, radius):
    places, at, size = around(mm)
    assert roundness(darkness(np.linalg.norm(places, axis=0), radius), at, size) > 0.35


@pytest.mark.parametrize("mm", GRIDS)
@pytest.mark.parametrize("along", [(1, 0, 0), (0, 1, 0), (0, 1, 1), (1, 0.5, 0.5)])
def test_a_tube_is_not_round_whichever_way_it_runs(mm, along):
    places, at, size = around(mm)
    assert roundness(darkness(off_axis(places, along)), at, size) < (0.25 if mm[0] > 3 else 0.1)


def test_a_crossing_of_tubes_is_not_round():
    places, at, size = around(GRIDS[1])
    crossing = np.maximum(darkness(off_axis(places, (0, 1, 0))), darkness(off_axis(places, (0, 0, 1))))
    assert roundness(crossing, at, size) < roundness(darkness(np.linalg.norm(places, axis=0)), at, size)


def test_what_is_brighter_than_its_surroundings_is_not_round():
    places, at, size = around(GRIDS[0])
    assert roundness(-darkness(np.linalg.norm(places, axis=0)), at, size) == 0.0


COURSES = [(0, 1, 0), (1, 0.5, 0.5), (1, 0, 0)]


@pytest.mark.parametrize("mm", GRIDS)
@pytest.mark.parametrize("radius", [1.5, 2.5])
def test_the_darkness_of_a_ball_depends_on_the_distance_alone(mm, radius):
    places, at, size = around(mm)
    ball = darkness(np.linalg.norm(places, axis=0), radius)
    assert symmetry(ball, at, size, radius) > 0.85


@pytest.mark.parametrize("mm", GRIDS)
@pytest.mark.parametrize("along", COURSES)
def test_a_tube_is_darker_along_its_course_than_beside_it(mm, along):
    places, at, size = around(mm)
    assert symmetry(darkness(off_axis(places, along)), at, size, 2.0) < 0.65


def test_a_crossing_of_tubes_is_less_symmetric_than_a_ball_in_a_tube():
    places, at, size = around(GRIDS[1])
    one, other = (darkness(off_axis(places, along)) for along in ((0, 1, 0), (0, 0, 1)))
    ball = darkness(np.linalg.norm(places, axis=0), 2.5)
    crossing = symmetry(np.maximum(one, other), at, size, 2.5)
    assert crossing < symmetry(np.maximum(one / 2, ball), at, size, 2.5) < symmetry(ball, at, size, 2.5)


def test_what_is_even_has_no_symmetry():
    places, at, size = around(GRIDS[0])
    assert symmetry(np.full(places[0].shape, 0.25, np.float32), at, size, 2.0) == 0.0
