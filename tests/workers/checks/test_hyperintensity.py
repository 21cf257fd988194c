"""How bright thalami may be before they count as diseased."""

import numpy as np
import pytest

from rules.anatomy import Region, Side
from tests.workers.imaging.heads import flat_anatomy
from workers.checks.hyperintensity import find_hyperintensity
from workers.imaging.tissue import level


def thalami_ml(*, grey: float, thalamus: float) -> list[float]:
    """Hyperintense volume of each thalamus where grey matter and thalami have these levels over white matter."""
    _, anatomy = flat_anatomy()
    signal, inside = anatomy.corrected, anatomy.region(Region.THALAMUS)
    white, cortex = level(signal[anatomy.white > 0.9]), level(signal[anatomy.grey > 0.8])
    assert white
    assert cortex
    gain = 1 + (grey * white.mode / cortex.mode - 1) * anatomy.grey.astype(np.float32)
    gain[inside] = thalamus * white.mode / np.median(signal[inside])
    volume, head = flat_anatomy(gain)
    mask = find_hyperintensity(head, volume.spacing_mm).mask
    return [
        np.count_nonzero(mask & head.region(Region.THALAMUS, side)) * volume.voxel_ml
        for side in (Side.LEFT, Side.RIGHT)
    ]


def test_where_grey_matter_is_bright_thalami_may_be_so_too():
    assert max(thalami_ml(grey=1.2, thalamus=1.15)) < 0.5


@pytest.mark.parametrize(("grey", "thalamus"), [(1.05, 1.2), (1.2, 1.25)])
def test_thalami_far_brighter_than_white_matter_are_a_lesion_however_bright_grey_is(grey, thalamus):
    assert min(thalami_ml(grey=grey, thalamus=thalamus)) > 3
