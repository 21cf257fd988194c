import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from rules.anatomy import Region, Role, Side
from tests.workers.imaging.heads import flat_anatomy, scans_of
from workers.checks.lesion_model import network_probability
from workers.checks.planes import CHANNELS, channels_of, orientation, view_of
from workers.models.card import Engine, ModelRefused, read_card
from workers.models.store import SHIPPED, shipped

AXIAL, SAGITTAL, CORONAL = ((1, 0, 0), (0, 1, 0)), ((0, 1, 0), (0, 0, -1)), ((1, 0, 0), (0, 0, -1))


def affine_of(row, column, mm=(1.0, 1.0, 5.0)):
    affine = np.eye(4)
    affine[:3, :3] = np.stack([row, column, np.cross(row, column)], axis=1) * mm
    return affine


@pytest.fixture(scope="module")
def scan():
    """A brain with a bright ball in the white matter of the left frontal lobe."""
    _, anatomy = flat_anatomy()
    inside = anatomy.region(Region.CENTRUM_SEMIOVALE, Side.LEFT) & (anatomy.depth_mm > 8)
    points = np.argwhere(inside)
    centre = points[np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1))]
    away = 2 * np.sqrt(((np.indices(anatomy.brain.shape) - centre[:, None, None, None]) ** 2).sum(axis=0))
    ball = np.clip((8 - away) / 3, 0, 1)
    made = scans_of(*flat_anatomy(1 + 0.6 * ndimage.gaussian_filter(ball, 0.5))).scans[Role.FLAIR]
    return made, away


@pytest.mark.parametrize(("row", "column"), [AXIAL, SAGITTAL, CORONAL])
def test_thick_slices_stay_slices_and_rows_and_columns_run_one_way(row, column):
    order, flipped = orientation(affine_of(row, column))
    assert order == (0, 1, 2)
    assert not {1, 2} & set(flipped)


@pytest.mark.parametrize("mirror", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
@pytest.mark.parametrize(("row", "column"), [AXIAL, SAGITTAL, CORONAL])
def test_a_scan_of_small_voxels_is_cut_into_axial_slices(row, column, mirror):
    affine = affine_of(row, column, (1.0, 1.0, 1.2)) @ np.diag([*mirror, 1])
    order, flipped = orientation(affine)
    turned = affine[:3, :3][:, ::-1][:, list(order)]
    turned[:, list(flipped)] *= -1
    assert np.allclose(np.argmax(turned, axis=0), [2, 1, 0])
    assert (turned.max(axis=0) > 0).all()


def test_what_goes_to_the_network_comes_back_in_its_place(scan):
    volume, anatomy = scan[0].volume, scan[0].anatomy
    view = view_of(anatomy.brain, volume.affine)
    channels = channels_of(anatomy, view)
    back = view.back(channels[:, CHANNELS.index("white")])
    inner = anatomy.depth_mm > 4
    assert channels.shape[1] == len(CHANNELS)
    assert np.corrcoef(back[inner], anatomy.white[inner].astype(np.float32))[0, 1] > 0.97


def test_a_brain_without_white_matter_has_no_planes(scan):
    nothing = replace(scan[0].anatomy, white=np.zeros_like(scan[0].anatomy.white))
    assert channels_of(nothing, view_of(nothing.brain, scan[0].volume.affine)) is None


def test_a_bright_ball_is_found_where_it_lies_and_twice_the_same(scan):
    made, away = scan
    first, second = (network_probability(made, shipped(Engine.PLANES)) for _ in range(2))
    assert first[away < 5].min() > 0.7
    assert first[(away > 16) & made.anatomy.brain].mean() < 0.02
    assert np.array_equal(first, second)
    assert not first[~made.anatomy.brain].any()


def test_a_scan_whose_axes_run_the_other_way_gives_the_same(scan):
    made, _ = scan
    volume, anatomy = made.volume, made.anatomy
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (volume.array.shape[2] - 1)
    affine[:3, 0] *= -1
    turned = {name: np.ascontiguousarray(getattr(anatomy, name)[..., ::-1])
              for name in ("brain", "corrected", "parts", "is_left", "grey", "white", "depth_mm", "template_mm")}  # fmt: skip
    other = replace(
        made,
        volume=replace(volume, array=volume.array[..., ::-1], affine=affine),
        anatomy=replace(anatomy, **turned),
    )
    card = shipped(Engine.PLANES)
    assert np.allclose(
        network_probability(other, card)[..., ::-1], network_probability(made, card), atol=1e-5
    )


def test_damaged_weights_are_refused(tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(SHIPPED[Engine.PLANES].parent, folder)
    weights = bytearray((folder / "model.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (folder / "model.onnx").write_bytes(weights)
    with pytest.raises(ModelRefused, match="not those of the card"):
        read_card(folder / "card.yaml")


@pytest.mark.parametrize("features", [CHANNELS[1:], CHANNELS[::-1]])
def test_a_network_for_other_channels_is_refused(scan, features):
    card = replace(shipped(Engine.PLANES), features=features)
    with pytest.raises(ModelRefused, match="other channels"):
        network_probability(scan[0], card)
