"""Dots of the callosal body that FLAIR and T2 show together, and what only looks like one."""

from dataclasses import replace

import numpy as np
import pytest

from rules.anatomy import Region, Role
from tests.workers.imaging.heads import flat_anatomy
from workers.checks.hyperintensity import Hyperintensity, Probability
from workers.checks.witnessed import foci_may_hide, witnessed
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan

THRESHOLD = 0.75


@pytest.fixture(scope="module")
def head():
    return flat_anatomy()


@pytest.fixture(scope="module")
def heart(head):
    """A voxel (k, j, i) in the middle of the callosal body."""
    places = np.argwhere(head[1].region(Region.CALLOSAL_BODY))
    return places[np.argmin(np.abs(places - np.median(places, axis=0)).sum(axis=1))]


def bell(anatomy, heart, height, width_mm=2.0):
    """A dot of 2 mm voxels in one slice."""
    k, j, i = np.indices(anatomy.brain.shape)
    away = 4 * ((j - heart[1]) ** 2 + (i - heart[2]) ** 2)
    return (height * np.exp(-0.5 * away / width_mm**2) * (k == heart[0])).astype(np.float32)


def dots_of(head, heart, *, flair, t2, probability=0.3, width_mm=2.0):
    """Voxels found where FLAIR and T2 rise by so much over white matter at one place."""
    volume, anatomy = head
    on_t2 = (1 + bell(anatomy, heart, t2, width_mm)) * anatomy.brain
    ratio = (1 + bell(anatomy, heart, flair, width_mm)) * anatomy.brain
    scans = [
        Scan(replace(volume, role=role), replace(anatomy, corrected=signal.astype(np.float32)), at_rest())
        for role, signal in ((Role.FLAIR, ratio), (Role.T2, 0.7 * on_t2))
    ]
    nothing = np.zeros_like(anatomy.brain)
    found = Hyperintensity(nothing, ratio.astype(np.float32), np.zeros_like(ratio))
    believed = bell(anatomy, heart, probability, width_mm)
    return np.argwhere(witnessed(*scans, found, Probability(believed, THRESHOLD)))


def test_a_faint_dot_that_both_series_show_is_found_at_its_place(head, heart):
    found = dots_of(head, heart, flair=0.15, t2=0.3)
    assert len(found)
    assert np.abs(found - heart).max() <= 1


@pytest.mark.parametrize(
    ("flair", "t2", "probability"),
    [(0.15, 0.1, 0.3), (0.05, 0.3, 0.3), (-0.5, 1.0, 0.3), (0.15, 0.3, 0.15)],
    ids=["not on T2", "not on FLAIR", "fluid", "not believed"],
)
def test_one_witness_alone_is_not_enough(head, heart, flair, t2, probability):
    assert not len(dots_of(head, heart, flair=flair, t2=t2, probability=probability))


def test_what_is_as_bright_around_it_is_no_dot(head, heart):
    assert not len(dots_of(head, heart, flair=0.15, t2=0.3, width_mm=12.0))


def test_without_a_callosal_body_or_white_matter_nothing_is_found(head, heart):
    volume, anatomy = head
    assert not len(dots_of((volume, replace(anatomy, parts=0 * anatomy.parts)), heart, flair=0.3, t2=0.4))
    assert not len(dots_of((volume, replace(anatomy, white=0 * anatomy.white)), heart, flair=0.3, t2=0.4))


@pytest.mark.parametrize(
    ("count", "apart_mm", "has_witness", "may_hide"),
    [
        (0, 5.0, False, False),
        (0, 6.0, False, False),
        (2, 7.2, False, True),
        (3, 7.2, False, False),
        (1, 7.2, True, False),
        (2, 7.2, True, True),
        (3, 7.2, True, False),
        (0, 7.6, True, True),
        (3, 9.0, True, False),
    ],
)
def test_few_foci_on_thick_slices_are_an_answer_only_beside_a_t2(count, apart_mm, has_witness, may_hide):
    assert foci_may_hide(count, apart_mm, has_witness=has_witness) is may_hide
