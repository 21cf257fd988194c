"""AAL carried from the brain that it was drawn on to the template, by the T1 images of the two and nothing else."""

import io
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - as all its users write it
from nilearn.datasets import load_mni152_template
from numpy.typing import NDArray
from scipy import ndimage

from tests.workers.imaging import atlases
from workers.imaging.template import load_template

COMMAND = (
    "-V 0 -d 3 -threads 1 -i fixed moving -gm mask -m NCC 2x2x2 -noise 0 -n 50x40 -s 2vox 0.7vox -o warp"
)
"""Correlation over 5 x 5 x 5 voxels of 2 mm. A field at 1 mm takes 65 s of CPU and fits T1 better (correlation 0.90 for
0.84, from 0.58), yet moves no Dice of a nucleus by more than 0.05."""


@cache
def aal() -> NDArray[np.int16]:
    """AAL on the template's 1 mm grid, (k, j, i)."""
    template = load_template(1)
    places = np.stack(np.nonzero(template.brain)).astype(np.float32)
    # Voxel n of the 2 mm grid holds the voxels 2n and 2n + 1 of the 1 mm one.
    shift = [
        2 * ndimage.map_coordinates(one, (places - 0.5) / 2, order=1, mode="nearest") for one in _field()
    ]
    carried = np.zeros(template.brain.shape, dtype=np.int16)
    carried[template.brain] = ndimage.map_coordinates(atlases.aal(), places + shift, order=0)
    return carried


def _field() -> NDArray[np.float32]:
    """From each voxel of the 2 mm template to its place in Colin27, (3, k, j, i) in voxels, in the order (k, j, i)."""
    greedy = pytest.importorskip("picsl_greedy").Greedy3D()
    brain = load_template(2).brain
    template = np.asarray(load_mni152_template(resolution=1).dataobj).T.astype(np.float32)
    colin = atlases.on_template("ch2bet", atlases.AAL_SHIFT_MM).astype(np.float32)
    # The correlation needs some variance everywhere.
    grain = np.random.default_rng(0).normal(0.0, 1e-3, (2, *brain.shape))
    fixed, moving = (
        sitk.GetImageFromArray(
            (_halved(image / np.percentile(image[image > 0], 95)) + noise).astype(np.float32)
        )
        for image, noise in zip((template, colin), grain, strict=True)
    )
    mask = sitk.GetImageFromArray(ndimage.binary_dilation(brain).astype(np.float32))
    greedy.execute(COMMAND, out=io.StringIO(), fixed=fixed, moving=moving, mask=mask, warp=None)
    return np.moveaxis(sitk.GetArrayFromImage(greedy["warp"]), -1, 0)[::-1]


def _halved(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over blocks of 2 x 2 x 2 voxels."""
    nk, nj, ni = (length // 2 * 2 for length in image.shape)
    means: NDArray[np.float32] = ndimage.uniform_filter(image, 2, origin=-1)[:nk:2, :nj:2, :ni:2]
    return means
