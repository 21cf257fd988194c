"""Agreement of masks whose agreement is known."""

import nibabel as nib
import numpy as np
import pytest

from workers.evaluation.overlap import TrueLesion, agreement, overlap_of

VOXEL_MM3 = 4.0


def _boxes(*corners: tuple[int, int, int]) -> np.ndarray:
    """Cubes of 3 voxels a side, 108 mm3 each."""
    mask = np.zeros((20, 20, 20), dtype=bool)
    for k, j, i in corners:
        mask[k : k + 3, j : j + 3, i : i + 3] = True
    return mask


def test_the_same_mask_agrees_wholly():
    mask = _boxes((2, 2, 2), (10, 10, 10))
    found = agreement("flair", mask, mask, VOXEL_MM3)
    assert (found.dice, found.lesions, found.lesions_found, found.false_clusters) == (1.0, 2, 2, 0)
    assert found.true_ml == pytest.approx(54 * 0.004)


def test_half_of_a_lesion_is_two_thirds_of_dice():
    truth = np.zeros((20, 20, 20), dtype=bool)
    truth[4:8, 4:8, 4:8] = True
    found = truth.copy()
    found[6:8] = False
    assert agreement("flair", found, truth, VOXEL_MM3).dice == pytest.approx(2 * 32 / (32 + 64))


def test_a_missed_lesion_and_a_false_one_are_counted():
    found = agreement("flair", _boxes((2, 2, 2), (15, 2, 2)), _boxes((2, 2, 2), (10, 10, 10)), VOXEL_MM3)
    assert (found.lesions, found.lesions_found, found.false_clusters) == (2, 1, 1)


def test_every_lesion_and_every_false_cluster_has_its_size():
    truth = _boxes((2, 2, 2), (10, 10, 10))
    found = agreement("flair", _boxes((2, 2, 4), (15, 2, 2)), truth, VOXEL_MM3)
    assert found.true_lesions == (
        TrueLesion(pytest.approx(0.108), pytest.approx(1 / 3)),
        TrueLesion(pytest.approx(0.108), 0.0),
    )
    assert found.false_ml == (pytest.approx(0.108),)


def test_false_clusters_below_27_mm3_are_no_lesions():
    speck = np.zeros((20, 20, 20), dtype=bool)
    speck[5, 5, 5:11] = True  # 24 mm3
    assert agreement("flair", speck, np.zeros_like(speck), VOXEL_MM3).false_clusters == 0
    speck[5, 5, 11] = True  # 28 mm3
    assert agreement("flair", speck, np.zeros_like(speck), VOXEL_MM3).false_clusters == 1


def test_nothing_in_either_mask_has_no_dice():
    empty = np.zeros((4, 4, 4), dtype=bool)
    assert agreement("flair", empty, empty, VOXEL_MM3).dice is None


def test_touching_corners_are_one_lesion():
    assert agreement("flair", _boxes((2, 2, 2), (5, 5, 5)), _boxes((2, 2, 2), (5, 5, 5)), 4.0).lesions == 1


def test_a_truth_on_another_grid_is_carried_over(tmp_path):
    truth, coarse = np.zeros((40, 40, 40), np.uint8), np.zeros((20, 20, 20), np.uint8)
    truth[10:20, 10:20, 10:20], coarse[5:10, 5:10, 5:10] = 1, 1
    fine_affine, affine = np.diag([1.0, 1, 1, 1]), np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = 0.5
    nib.save(nib.Nifti1Image(truth, fine_affine), tmp_path / "truth.nii.gz")
    nib.save(nib.Nifti1Image(coarse, affine), tmp_path / "found.nii.gz")
    assert overlap_of("flair", tmp_path / "found.nii.gz", tmp_path / "truth.nii.gz").dice == 1.0


def test_a_check_without_a_mask_found_nothing(tmp_path):
    truth = _boxes((2, 2, 2)).astype(np.uint8)
    nib.save(nib.Nifti1Image(truth, np.eye(4)), tmp_path / "truth.nii.gz")
    found = overlap_of("flair", None, tmp_path / "truth.nii.gz")
    assert (found.dice, found.found_ml, found.lesions_found) == (0.0, 0.0, 0)
