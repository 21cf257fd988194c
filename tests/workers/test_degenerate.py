"""Series that hold no usable picture, as files, all the way to the findings: a clear reason, no number, bounded time and memory."""

import time
import tracemalloc

import numpy as np
import pytest
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement

from rules.anatomy import Role
from rules.findings import Measured, Quantity, Why
from tests.workers.imaging.phantoms import DWI, FLAIR, Phantom, fill_pixels, store
from tests.workers.imaging.reading_of_phantoms import assert_in_place, read, refusal_of
from tests.workers.test_images import SEQUENCES
from workers.analysis import analyse
from workers.cache import Cache
from workers.checks.registry import checks
from workers.images import Images
from workers.imaging.reading import read_volume
from workers.imaging.series import read_study
from workers.simulation.contrast import tissue_signals
from workers.simulation.limb import build_limb
from workers.simulation.scanner_siemens import SIEMENS
from workers.simulation.tissues import Tissue
from workers.stages import Stages


def findings_of(datasets, root):
    """All checks on the study that these datasets are."""
    instances = store(datasets, root)
    series, unreadable = read_study(instances, root)
    assert unreadable == ()
    return analyse(Images(series, instances, Stages(Cache(None))), checks(), 50).findings


def eight_bit(phantom, lowest):
    """The phantom in bytes, each frame's odd number of them padded to an even one (PS3.5 8.1.1)."""
    slices = phantom.slices()
    for k, ds in enumerate(slices):
        fill_pixels(ds, (phantom.plane(k) - lowest).astype(np.uint8))
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        ds.PixelData += bytes(len(ds.PixelData) % 2)
        ds.RescaleSlope, ds.RescaleIntercept = 1, int(lowest)
    return slices


def test_eight_bit_pixels_are_read_as_what_they_are(tmp_path):
    phantom = Phantom(shape=(10, 7, 5))
    planes = np.stack([phantom.plane(k) for k in range(10)])
    assert np.ptp(planes) < 256
    assert_in_place(read(eight_bit(phantom, planes.min()), tmp_path))


def saturated(ds, k):
    """Half of the picture at the highest value of 12 bits, as a receiver leaves it that was overdriven."""
    plane = np.where(np.indices((8, 6))[1] < 3, 4095, Phantom().plane(k))
    return bits_12(fill_pixels(ds, plane.astype(np.uint16)))


def bits_12(ds):
    ds.BitsStored, ds.HighBit = 12, 11
    return ds


def no_numbers(ds, k):
    plane = Phantom().plane(k).astype(np.float32)
    plane[3, 3] = np.nan
    fill_pixels(ds, plane)
    ds.FloatPixelData, ds.BitsAllocated = ds.PixelData, 32
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        del ds[keyword]
    return ds


def slope_no_number(ds, k):
    if k == 4:
        ds[0x00281053] = DataElement(0x00281053, "DS", "nan", validation_mode=IGNORE)
    return ds


def one_slice(ds, k):
    return ds if k == 0 else None


def constant(ds, _):
    return fill_pixels(ds, np.full((8, 6), 300, np.uint16))


@pytest.mark.parametrize(
    ("spoil", "why", "words"),
    [
        (saturated, Why.QUALITY, "saturated: 50 % of the voxels have the highest value"),
        (no_numbers, Why.QUALITY, "pixel values that are not finite numbers"),
        (slope_no_number, Why.SERIES_UNREADABLE, "a rescale slope or intercept that is no number"),
        (one_slice, Why.COVERAGE, "only 1 slices, 8 are needed"),
        (constant, Why.QUALITY, "all pixels have the same value"),
    ],
)
def test_a_degenerate_flair_gives_no_number_and_says_why(spoil, why, words, tmp_path):
    slices = Phantom(attributes={**FLAIR, "BodyPartExamined": "HEAD"}).slices()
    spoiled = [ds for k, one in enumerate(slices) if (ds := spoil(one, k)) is not None]
    start = time.process_time()
    findings = findings_of(spoiled, tmp_path)
    assert time.process_time() - start < 5, "refused before anything is searched in it"
    assert not [one for one in findings if isinstance(one, Measured)]
    lesions = [one for one in findings if one.quantity is Quantity.FLAIR_VOLUME]
    assert lesions
    assert {(one.why, one.detail) for one in lesions} == {(why, words)}


@pytest.mark.parametrize("role", [Role.T2, Role.T1, Role.SWI])
def test_every_weighted_series_that_is_saturated_is_refused(role, tmp_path):
    slices = [saturated(ds, k) for k, ds in enumerate(Phantom(attributes=SEQUENCES[role]).slices())]
    assert refusal_of(slices, tmp_path).detail.startswith("saturated")


def test_a_computed_map_may_be_of_the_highest_value_outside_the_head(tmp_path):
    attributes = {**DWI, "ImageType": ["DERIVED", "PRIMARY", "ADC"]}
    slices = [saturated(ds, k) for k, ds in enumerate(Phantom(attributes=attributes).slices())]
    volume = read(slices, tmp_path)
    assert volume.role is Role.ADC
    assert (volume.array == 4095).mean() == 0.5


def test_a_few_voxels_at_the_highest_value_are_no_saturation(tmp_path):
    slices = Phantom().slices()
    for k, ds in enumerate(slices):
        plane = Phantom().plane(k)
        plane[0, :4] = 4095
        bits_12(fill_pixels(ds, plane))
    volume = read(slices, tmp_path)
    assert (volume.array == 4095).mean() == pytest.approx(4 / 48)


class Large(Phantom):
    """Many pixels, at no cost."""

    def plane(self, k):
        _, rows, columns = self.shape
        return (np.arange(rows * columns, dtype=np.uint16) + np.uint16(k)).reshape(rows, columns)


@pytest.mark.parametrize(("is_enhanced", "times"), [(False, 1.3), (True, 2.5)], ids=["files", "one file"])
def test_a_large_matrix_is_read_in_little_more_memory_than_it_fills(is_enhanced, times, tmp_path):
    """An enhanced object is decoded as a whole: its frames, two bytes a voxel, are there twice beside the volume."""
    large = Large(shape=(48, 512, 512), spacing=(0.5, 0.5), step_mm=2.0)
    files = store([large.enhanced()] if is_enhanced else large.slices(), tmp_path)
    (series,), _ = read_study(files, tmp_path)
    start = time.process_time()
    tracemalloc.start()
    try:
        volume = read_volume(series)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 20
    assert volume.array.shape == (48, 512, 512)
    assert volume.array.nbytes < peak < times * volume.array.nbytes


def limb():
    """A FLAIR of a simulated limb, 2 x 2 x 5 mm, under the headers of a head's."""
    timing = next(one.timing for plan in SIEMENS.series for one in plan.weightings if one.role is Role.FLAIR)
    signals = tissue_signals(timing, SIEMENS.field_t)
    signal = signals[build_limb(np.random.default_rng(1))[95:165:5, ::-2, ::-2]]
    noise = np.random.default_rng(2).normal(0, 0.04 * signals[Tissue.WHITE], (2, *signal.shape))
    pixels = np.rint(2000 / signal.max() * np.hypot(signal + noise[0], noise[1])).astype(np.uint16)
    named = {**FLAIR, "BodyPartExamined": "HEAD", "SeriesDescription": "t2_tirm_tra_dark-fluid"}
    phantom = Phantom(spacing=(2.0, 2.0), step_mm=5.0, shape=pixels.shape, attributes=named)
    return [fill_pixels(ds, plane) for ds, plane in zip(phantom.slices(), pixels, strict=True)]


def test_a_knee_whose_header_says_head_is_refused_by_its_pixels(tmp_path):
    findings = findings_of(limb(), tmp_path)
    assert not [one for one in findings if isinstance(one, Measured)]
    lesions = [one for one in findings if one.quantity is Quantity.FLAIR_VOLUME]
    assert {one.why for one in lesions} == {Why.ANATOMY}
    assert all(one.detail.startswith("the images do not match a brain") for one in lesions)
