"""Ghosts of motion: measured in the air, slice by slice, and what is left without the slices that they spoil."""

from dataclasses import replace

import numpy as np
import pytest

from rules.anatomy import Region, Role
from tests.workers.imaging.heads import in_wide_air
from workers.imaging.ghosts import ghost_shares, spoiled, without

AWAY = 60
"""Voxels (2 mm) from the head to its ghost."""


@pytest.fixture(scope="module")
def clean():
    """A brain with noise of 5 % of white matter all round it."""
    scan = in_wide_air()
    return replace(scan, volume=replace(scan.volume, array=noisy(scan.volume.array)))


def noisy(signal, sigma=15.0):
    noise = np.random.default_rng(0).normal(0, sigma, (2, *signal.shape))
    return np.hypot(signal + noise[0], noise[1]).astype(np.float32)


def with_ghosts(scan, slices, share=0.1, axis=1):
    """The scan with a ghost of its head on either side of it, in some slices."""
    signal = scan.volume.array.copy()
    near = signal[slices]
    signal[slices] = near + share * (np.roll(near, AWAY, axis) + np.roll(near, -AWAY, axis))
    return replace(scan.volume, array=signal)


@pytest.mark.parametrize("axis", [1, 2])
def test_the_slices_with_ghosts_are_told_whatever_the_phase_direction(clean, axis):
    ghosted = slice(44, 50)
    found = spoiled(with_ghosts(clean, ghosted, axis=axis), clean.anatomy)
    assert found[ghosted].all()
    assert found.sum() == 6


def test_noise_all_round_is_no_ghost(clean):
    shares = ghost_shares(clean.volume, clean.anatomy)
    assert shares.max() < 0.02
    drowned = replace(clean.volume, array=noisy(clean.volume.array, sigma=60.0))
    assert not spoiled(drowned, clean.anatomy).any()


def test_a_ghost_is_measured_as_a_share_of_the_signal(clean):
    shares = ghost_shares(with_ghosts(clean, slice(None), share=0.15), clean.anatomy)
    inside = clean.anatomy.brain.any(axis=(1, 2))
    assert np.median(shares[inside]) == pytest.approx(0.15, rel=0.4)
    assert not shares[~inside].any()


def test_a_slice_that_shows_a_face_is_as_bad_as_the_nearest_without(clean):
    heights = clean.anatomy.template_mm[2]
    low = np.array([plane.any() for plane in clean.anatomy.brain & (heights < -20)])
    high = np.array([plane.any() for plane in clean.anatomy.brain & (heights > 20)])
    lowest = np.flatnonzero(high)[0]
    bad = spoiled(with_ghosts(clean, slice(lowest - 30, lowest)), clean.anatomy)
    assert bad[low].all()
    assert not bad[lowest + 2 :].any()


def test_a_scalp_fold_beside_the_head_is_no_ghost(clean):
    folded = clean.volume.array.copy()
    columns = np.flatnonzero(clean.anatomy.brain.any(axis=(0, 1)))
    middle = int(columns.mean())
    folded[:, :, middle - 2 : middle + 2] += 400
    assert not spoiled(replace(clean.volume, array=folded), clean.anatomy).any()


def test_stripped_and_cut_images_say_nothing_of_ghosts(clean):
    stripped = np.where(clean.anatomy.brain, clean.volume.array, 0)
    assert not spoiled(replace(clean.volume, array=stripped), clean.anatomy).any()
    nothing = replace(clean.anatomy, brain=np.zeros_like(clean.anatomy.brain))
    assert ghost_shares(clean.volume, nothing) is None


def test_slices_of_t1_and_t2_are_never_left_out(clean):
    volume = with_ghosts(clean, slice(None))
    assert spoiled(volume, clean.anatomy).any()
    for role in (Role.T1, Role.T1C, Role.T2):
        assert not spoiled(replace(volume, role=role), clean.anatomy).any()


def test_without_some_slices_there_is_less_brain_and_less_of_its_regions(clean):
    anatomy, slices = clean.anatomy, np.zeros(len(clean.volume.array), dtype=bool)
    thalamus = anatomy.region(Region.THALAMUS).any(axis=(1, 2))
    slices[np.flatnonzero(thalamus)[::2]] = True
    left = without(anatomy, slices)
    assert not left.brain[slices].any()
    assert np.array_equal(left.brain[~slices], anatomy.brain[~slices])
    for values in (left.corrected, left.parts, left.grey, left.white, left.depth_mm):
        assert not values[slices].any()
    lost = anatomy.region(Region.THALAMUS)[slices].sum() / anatomy.region(Region.THALAMUS).sum()
    assert left.covered[Region.THALAMUS] == pytest.approx(1 - lost)
    assert 0.8 < left.covered[Region.FRONTAL] < 1
    assert left.covered[Region.CEREBELLUM] == 1
    assert without(anatomy, np.zeros_like(slices)) is anatomy
