import numpy as np

from rules.anatomy import Role
from tests.workers.imaging.heads import flat_anatomy, scans_of
from workers.checks.cropping import around_brain, put_back


def test_the_cut_scan_holds_the_whole_brain_where_it_was():
    scan = scans_of(*flat_anatomy()).scans[Role.FLAIR]
    cut, box = around_brain(scan)
    assert cut.volume.array.size < 0.9 * scan.volume.array.size
    assert len(cut.volume.array) == len(scan.volume.array)
    back = put_back(cut.anatomy.brain, box, scan.anatomy.brain.shape)
    assert np.array_equal(back, scan.anatomy.brain)
    assert np.array_equal(cut.volume.array, scan.volume.array[box])


def test_a_voxel_keeps_its_place_in_the_patient():
    scan = scans_of(*flat_anatomy()).scans[Role.FLAIR]
    cut, box = around_brain(scan)
    before = scan.volume.affine @ [box[2].start + 3, box[1].start + 5, 7, 1]
    assert np.allclose(cut.volume.affine @ [3, 5, 7, 1], before)
    assert np.array_equal(cut.anatomy.template_mm, scan.anatomy.template_mm[(..., *box)])
