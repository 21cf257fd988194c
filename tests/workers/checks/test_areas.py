"""Areas of known shape and place in a brain of a few regions."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from rules.anatomy import Region, Role, Side
from rules.findings import Quantity
from workers.checks.areas import CORNERS, EDGES, FACES, Area, area_of, areas, key_slices, lesions, longest_mm
from workers.imaging.anatomy import Anatomy
from workers.imaging.motion import at_rest
from workers.imaging.regions import PARTS
from workers.imaging.scan import Scan
from workers.imaging.volume import Volume

SHAPE = (6, 20, 20)
SPACING = (1.0, 1.0, 4.0)
BOX = Area(tuple(axis.ravel() for axis in np.indices((3, 4, 5))))


def label(region: Region, number: int = 0) -> int:
    """The label of one of the pieces of a ground region."""
    return [n for n, part in enumerate(PARTS, 1) if part is region][number]


def brain(parts: np.ndarray) -> Scan:
    """A scan with these parts; the patient's left is where i is 10 or more."""
    signal = np.ones(SHAPE, dtype=np.float32)
    half = signal.astype(np.float16)
    left = np.broadcast_to(np.arange(SHAPE[2]) >= 10, SHAPE)
    anatomy = Anatomy(signal > 0, signal, parts, left, half, half, half, np.stack([half] * 3), {})
    uids = tuple(f"1.2.{k}" for k in range(SHAPE[0]))
    volume = Volume(signal, np.diag([*SPACING, 1.0]), Role.FLAIR, "1.3", "1.4", uids)
    return Scan(volume, anatomy, at_rest())


def block(*spans: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[spans] = True
    return mask


def lesion_of(parts: np.ndarray, mask: np.ndarray):
    (lesion,) = lesions("a check", brain(parts), [area_of(mask)], lambda _: ((Quantity.FLAIR_Z, 3.0),))
    return lesion


def filled(region: Region) -> np.ndarray:
    return np.full(SHAPE, label(region), dtype=np.uint8)


def test_an_area_of_mostly_fluid_belongs_to_its_tissue():
    parts = filled(Region.VENTRICLES)
    parts[:, :2] = label(Region.THALAMUS)
    assert lesion_of(parts, block(slice(2, 4), slice(0, 10), slice(0, 5))).region is Region.THALAMUS


def test_the_pieces_of_a_region_count_together():
    parts = filled(Region.PARIETAL)
    parts[:, 4:7], parts[:, 7:10] = label(Region.FRONTAL, 0), label(Region.FRONTAL, 1)
    assert lesion_of(parts, block(slice(2, 4), slice(0, 10), slice(0, 5))).region is Region.FRONTAL


def test_an_area_in_no_tissue_lies_in_the_brain():
    lesion = lesion_of(filled(Region.VENTRICLES), block(slice(2, 4), slice(0, 10), slice(0, 5)))
    assert (lesion.region, lesion.side) == (Region.BRAIN, Side.WHOLE)


@pytest.mark.parametrize(
    ("region", "columns", "side"),
    [
        (Region.FRONTAL, slice(0, 9), Side.RIGHT),
        (Region.FRONTAL, slice(12, 20), Side.LEFT),
        (Region.FRONTAL, slice(1, 11), Side.RIGHT),
        (Region.FRONTAL, slice(2, 12), Side.WHOLE),
        (Region.FRONTAL, slice(8, 18), Side.WHOLE),
        (Region.PONS, slice(0, 9), Side.MIDLINE),
    ],
)
def test_a_paired_region_has_a_side_unless_both_hold_a_good_share(region, columns, side):
    assert lesion_of(filled(region), block(slice(2, 4), slice(0, 10), columns)).side is side


def test_a_lesion_says_where_it_is_and_how_large():
    lesion = lesion_of(filled(Region.FRONTAL), block(slice(2, 4), slice(0, 11), slice(0, 5)))
    assert lesion.volume_ml == pytest.approx(2 * 11 * 5 * 4 / 1000)
    assert lesion.centre_mm == pytest.approx((2.0, 5.0, 10.0))
    assert lesion.longest_mm == pytest.approx(np.linalg.norm([4, 10, 4]) + 1)
    assert lesion.values == ((Quantity.FLAIR_Z, 3.0),)


def test_lesions_come_largest_first():
    found = areas(block(slice(0, 1), slice(0, 2)) | block(slice(3, 5)))
    volumes = [one.volume_ml for one in lesions("a check", brain(filled(Region.PONS)), found, lambda _: ())]
    assert len(volumes) == 2
    assert volumes[0] > volumes[1]


def test_the_longest_diameter_is_that_of_the_two_voxels_farthest_apart():
    there = np.random.default_rng(4).random(SHAPE) < 0.05
    everything = pdist(np.argwhere(there) * np.array(SPACING[::-1])).max()
    assert longest_mm(area_of(there).voxels, SPACING) == pytest.approx(everything + 1)


@pytest.mark.parametrize(
    ("mask", "longest"),
    [
        (block(slice(1, 2), slice(3, 4), slice(5, 6)), 1.0),
        (block(slice(1, 2), slice(0, 20), slice(5, 6)), 20.0),
        (block(slice(0, 6), slice(3, 4), slice(5, 6)), 21.0),
        (block(slice(1, 2), slice(0, 20), slice(0, 20)), 1 + np.sqrt(2) * 19),
    ],
    ids=["one voxel", "a row", "a column across the slices", "one slice"],
)
def test_flat_and_straight_areas_have_a_length_too(mask, longest):
    assert longest_mm(area_of(mask).voxels, SPACING) == pytest.approx(longest)


def test_what_touches_depends_on_the_neighbourhood():
    mask = block(slice(0, 1), slice(0, 1), slice(0, 1))
    mask[0, 1, 1] = mask[1, 2, 2] = True
    assert [len(list(areas(mask, touching))) for touching in (FACES, EDGES, CORNERS)] == [3, 2, 1]


def test_key_slices_are_the_three_with_most_of_it_and_the_first_of_equals():
    slices = np.repeat([1, 2, 3, 4], [2, 5, 2, 1])
    assert key_slices(brain(filled(Region.PONS)).volume, slices) == ("1.2.2", "1.2.1", "1.2.3")
    assert key_slices(brain(filled(Region.PONS)).volume, slices[:0]) == ()


def test_the_heart_of_an_area_is_a_voxel_of_it():
    ring = block(slice(0, 1), slice(0, 9), slice(0, 9)) & ~block(slice(0, 1), slice(2, 7), slice(2, 7))
    assert ring[area_of(ring).heart(brain(filled(Region.PONS)).volume)]
    assert BOX.heart(brain(filled(Region.PONS)).volume) == (1, 1, 2)
