"""Lesions put into images that a study brought."""

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from rules.anatomy import Region, Side
from tests.workers.imaging.heads import flat_anatomy
from workers.evaluation.insertion import RECIPES, _copied, lesion_weight
from workers.imaging.motion import at_rest
from workers.imaging.scan import Scan


@pytest.fixture(scope="module")
def scan() -> Scan:
    return Scan(*flat_anatomy(), at_rest())


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_s_lesions_lie_in_its_regions_on_both_sides(scan, name):
    recipe = RECIPES[name]
    lesion = lesion_weight(scan, recipe, seed=1) >= 0.5
    allowed = np.logical_or.reduce([scan.anatomy.region(region) for region in recipe.regions])
    assert (lesion & allowed).sum() >= 0.9 * lesion.sum()
    left, right = (lesion & scan.anatomy.region(Region.BRAIN, side) for side in (Side.LEFT, Side.RIGHT))
    assert 0.6 < left.sum() / right.sum() < 1.6
    assert 5.0 < lesion.sum() * scan.volume.voxel_ml < 120.0


def test_the_same_seed_is_the_same_lesion(scan):
    first, second, other = (lesion_weight(scan, RECIPES["pres"], seed=n) for n in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def _image(path) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    ds.Rows = ds.Columns = 4
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.PixelData = np.full((4, 4), 1000, dtype=np.uint16).tobytes()
    ds.save_as(path, enforce_file_format=True)
    return ds


def test_a_copy_is_brighter_in_the_lesion_and_has_identifiers_of_its_own(tmp_path):
    image = _image(tmp_path / "a.dcm")
    gain = np.ones((4, 4))
    gain[1, 2], gain[0, 0] = 1.3, 9.0
    copy = _copied(tmp_path / "a.dcm", "pres", {image.SOPInstanceUID: gain})
    expected = np.full((4, 4), 1000)
    expected[1, 2], expected[0, 0] = 1300, 4095  # no more than the stored bits hold
    assert np.array_equal(copy.pixel_array, expected)
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert copy[keyword].value != image[keyword].value
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID


def test_images_of_one_series_stay_one_series(tmp_path):
    for name in "ab":
        _image(tmp_path / f"{name}.dcm")
    first, second = (_copied(tmp_path / f"{name}.dcm", "pres", {}) for name in "ab")
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert np.array_equal(first.pixel_array, dcmread(tmp_path / "a.dcm").pixel_array)
