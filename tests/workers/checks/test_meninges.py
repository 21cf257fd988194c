"""Places in which vessels and dura enhance in everybody."""

import numpy as np

from tests.workers.imaging.heads import flat_anatomy
from workers.checks.meninges import vessel_places


def test_beside_the_falx_more_is_left_out_where_veins_enter_the_sinus():
    volume, anatomy = flat_anatomy()
    x, y, z = (axis.astype(np.float32) for axis in anatomy.template_mm)
    beside = anatomy.brain & (np.abs(x) > 5) & (np.abs(x) < 8) & (np.abs(y) < 15)
    at_vertex, below, lateral = beside & (z > 46), beside & (z > 28) & (z < 44), anatomy.brain & (np.abs(x) > 9) & (z > 46)  # fmt: skip
    left_out = vessel_places(anatomy, volume.spacing_mm)
    assert np.count_nonzero(at_vertex) > 50
    assert left_out[at_vertex].all()
    assert not left_out[below].any()
    assert not left_out[lateral].any()
