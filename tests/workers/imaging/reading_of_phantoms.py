"""Reading a phantom back, and whether each of its values came back at its place."""

import numpy as np
import pytest

from tests.workers.imaging.phantoms import store, value_at
from workers.errors import CannotAssess
from workers.imaging.reading import read_volume
from workers.imaging.series import read_study


def read(datasets, root):
    (series,), unreadable = read_study(store(datasets, root), root)
    assert unreadable == ()
    return read_volume(series)


def refusal_of(datasets, root) -> CannotAssess:
    with pytest.raises(CannotAssess) as refusal:
        read(datasets, root)
    return refusal.value


def centres(volume):
    """Patient coordinates (k, j, i, 3) of all voxels by the volume's own affine."""
    k, j, i = np.indices(volume.array.shape)
    return (np.stack([i, j, k, np.ones_like(i)], axis=-1) @ volume.affine.T)[..., :3]


def assert_in_place(volume):
    """Each voxel holds the phantom's value at the place where the affine says that it lies (half a unit of rounding)."""
    assert np.abs(volume.array - value_at(centres(volume))).max() <= 0.5 + 1e-3
