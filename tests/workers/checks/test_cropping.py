import numpy as np

from rules.anatomy import Role
from tests.workers.imaging.heads import flat_anatomy, scans_of
from workers.checks.cropping import around_brain, box_around, box_of, cropped, put_back


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


def test_a_margin_ends_at_the_edge_of_the_grid():
    mask = np.zeros((6, 20, 20), dtype=bool)
    mask[1:3, 8:10, 18:20] = True
    assert box_of(mask) == (slice(1, 3), slice(8, 10), slice(18, 20))
    box = box_around(mask, 3.0, (1.0, 1.5, 4.0))
    assert mask[box].shape == (5, 8, 6)
    assert box_of(mask[box]) == (slice(1, 3), slice(3, 5), slice(4, 6))


def test_nothing_has_no_box():
    nothing = np.zeros((2, 3, 4), dtype=bool)
    assert box_of(nothing) is None
    assert box_around(nothing, 3.0, (1.0, 1.0, 1.0)) is None


def test_a_cut_across_the_slices_keeps_their_names():
    scan = scans_of(*flat_anatomy()).scans[Role.FLAIR]
    part = cropped(scan, (slice(4, 9), slice(10, 60), slice(20, 70)))
    assert part.volume.sop_instance_uids == scan.volume.sop_instance_uids[4:9]
    assert np.allclose(part.volume.affine[:, 3], scan.volume.affine @ [20, 10, 4, 1])
