from dataclasses import replace

import numpy as np
import pytest

from rules.anatomy import Region, Role
from tests.workers.imaging.heads import in_wide_air
from workers.imaging.quality import quality_of


@pytest.fixture(scope="module")
def clean():
    """A brain in wide air, without noise: white matter 300."""
    return in_wide_air()


def seen_as(scan, signal, *, sigma=15.0, **changes):
    """The quality of the scan with other pixels, in magnitude noise."""
    noise = np.random.default_rng(0).normal(0, sigma, (2, *signal.shape))
    array = np.hypot(signal + noise[0], noise[1]).astype(np.float32)
    return quality_of(replace(scan, volume=replace(scan.volume, array=array, **changes)))


def test_signal_to_noise_is_that_of_white_matter(clean):
    quality = seen_as(clean, clean.volume.array)
    assert quality.signal_to_noise == pytest.approx(20, rel=0.1)
    assert quality.ghosting == pytest.approx(0.0, abs=0.01)
    assert quality.is_usable
    assert not quality.problems


def test_ghosts_along_one_axis_are_told(clean):
    signal = clean.volume.array
    ghosts = signal + 0.2 * (np.roll(signal, 60, axis=1) + np.roll(signal, -60, axis=1))
    quality = seen_as(clean, ghosts, sigma=5.0, role=Role.T2)
    assert quality.is_usable
    assert quality.ghosting == pytest.approx(0.2, abs=0.05)
    assert quality.problems[0].startswith("motion ghosts (")


@pytest.mark.parametrize(("count", "is_usable"), [(4, True), (40, False)])
def test_few_slices_with_ghosts_are_left_out_and_many_refuse_the_series(clean, count, is_usable):
    slices = np.zeros(len(clean.volume.array), dtype=bool)
    slices[30 : 30 + count] = True
    quality = quality_of(clean, slices)
    told = f"motion ghosts in {count} of {np.count_nonzero(clean.anatomy.brain.any(axis=(1, 2)))} slices"
    assert quality.is_usable is is_usable
    assert quality.problems == (told + (", which are left out" if is_usable else ""),)


def test_a_series_drowned_in_noise_cannot_be_measured(clean):
    quality = seen_as(clean, clean.volume.array, sigma=140.0)
    assert not quality.is_usable
    assert "noise" in quality.problems[0]


def test_stripped_images_have_no_air_to_judge(clean):
    quality = quality_of(clean)
    assert quality.signal_to_noise is None
    assert quality.is_usable


def test_half_a_brain_cannot_be_measured(clean):
    anatomy = replace(clean.anatomy, covered={**clean.anatomy.covered, Region.BRAIN: 0.4})
    quality = quality_of(replace(clean, anatomy=anatomy))
    assert not quality.is_usable
    assert quality.problems == ("only 40 % of the brain lies within the slices",)


def test_a_flair_after_contrast_agent_is_told_and_used(clean):
    quality = seen_as(clean, clean.volume.array, is_after_contrast=True)
    assert quality.is_usable
    assert quality.problems == ("taken after contrast agent",)
    assert not seen_as(clean, clean.volume.array, is_after_contrast=True, role=Role.T1C).problems


def test_blur_widens_the_edges(clean):
    signal = clean.volume.array
    blurred = (signal + np.roll(signal, 1, 2) + np.roll(signal, -1, 2)) / 3
    assert seen_as(clean, blurred, sigma=2.0).sharpness > seen_as(clean, signal, sigma=2.0).sharpness


@pytest.mark.parametrize(("moved_voxels", "is_told"), [(0, False), (6, True)])
def test_tissue_bent_away_on_echo_planar_images_is_told(clean, moved_voxels, is_told):
    bent = np.roll(clean.volume.array, moved_voxels, axis=1)
    quality = seen_as(clean, bent, sigma=5.0, role=Role.DWI)
    assert any("distortion" in problem for problem in quality.problems) is is_told
    assert quality.is_usable
    assert seen_as(clean, bent, sigma=5.0).dark_tissue is None
