"""Volumes of a phantom whose value at each point of the patient is known: what is read must be that, in the right place."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.anatomy import Role
from rules.findings import Why
from tests.workers.imaging.phantoms import (
    AXES,
    DWI,
    OBLIQUE,
    SAGITTAL,
    Phantom,
    decimals,
    fill_pixels,
    one,
    store,
    value_at,
)
from tests.workers.imaging.reading_of_phantoms import assert_in_place, centres, read, refusal_of
from workers.imaging.reading import read_volume
from workers.imaging.series import read_study


@pytest.mark.parametrize("orientation", AXES.values(), ids=AXES.keys())
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7188, 0.9102)])
def test_every_voxel_lies_where_its_header_says(orientation, spacing, tmp_path):
    phantom = Phantom(orientation, spacing, step_mm=3.3)
    volume = read(phantom.slices(), tmp_path)
    assert volume.affine == pytest.approx(phantom.affine(), abs=1e-6)
    assert volume.array.shape == phantom.shape
    assert volume.array.dtype == np.float32
    assert volume.spacing_mm == pytest.approx((spacing[1], spacing[0], 3.3))
    assert_in_place(volume)


def test_slices_run_along_the_normal_whatever_the_instance_numbers(tmp_path):
    phantom = Phantom(OBLIQUE)
    backwards = phantom.slices()
    for number, ds in enumerate(reversed(backwards), start=1):
        ds.InstanceNumber = number
    volume = read(backwards, tmp_path)
    assert volume.affine == pytest.approx(phantom.affine(), abs=1e-6)
    assert volume.sop_instance_uids == tuple(f"1.2.3.1.{k + 1}" for k in range(10))


@given(st.permutations(range(10)))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_volume_does_not_depend_on_the_order_of_files(tmp_path, order):
    slices = Phantom(OBLIQUE).slices()
    files = store(slices, tmp_path)
    (straight,), _ = read_study(files, tmp_path)
    (shuffled,), _ = read_study([files[n] for n in order], tmp_path)
    assert shuffled.files == straight.files
    assert np.array_equal(read_volume(shuffled).array, read_volume(straight).array)
    assert np.array_equal(read_volume(shuffled).affine, read_volume(straight).affine)


@pytest.mark.parametrize("flip", [(1, 1, -1), (-1, 1, 1), (1, -1, 1), (-1, -1, -1)])
def test_the_patient_is_the_same_when_rows_columns_or_slices_run_the_other_way(flip, tmp_path):
    phantom = Phantom(OBLIQUE)
    cosines = np.array(OBLIQUE)
    turned = np.concatenate([cosines[:3] * flip[0], cosines[3:] * flip[1]])
    # The far corner becomes the origin along each flipped axis; the normal turns with rows and columns.
    slices, rows, columns = phantom.shape
    origin = np.array(phantom.origin)
    origin = origin + (flip[0] < 0) * cosines[:3] * phantom.spacing[1] * (columns - 1)
    origin = origin + (flip[1] < 0) * cosines[3:] * phantom.spacing[0] * (rows - 1)
    turned_normal = np.sign(flip[0] * flip[1])
    origin = origin + (turned_normal < 0) * phantom.step * (slices - 1)
    volume = read(phantom.but(orientation=tuple(turned), origin=tuple(origin)).slices(), tmp_path / "turned")
    straight = read(phantom.slices(), tmp_path / "straight")
    assert_in_place(volume)
    assert np.linalg.det(volume.affine[:3, :3]) == pytest.approx(np.linalg.det(straight.affine[:3, :3]))
    axes = tuple(axis for axis, sign in ((0, turned_normal), (1, flip[1]), (2, flip[0])) if sign < 0)
    assert np.array_equal(np.flip(volume.array, axes), straight.array)


def test_a_known_voxel_has_its_known_value_and_place(tmp_path):
    """Golden: value and place as SimpleITK 2.5.7's own series reader (GDCM) gave them for this series on 2026-11-20."""
    volume = read(Phantom(OBLIQUE, (1.25, 0.8), step_mm=3.6, origin=(-10, 20, -40)).slices(), tmp_path)
    assert volume.array[7, 5, 3] == 1961
    assert (volume.affine @ [3, 5, 7, 1])[:3] == pytest.approx([-7.270929, 19.298927, -14.078519], abs=1e-5)


def test_a_uniform_shear_stays_in_the_affine(tmp_path):
    phantom = Phantom(SAGITTAL, shear_mm=(0.0, 0.4, 0.0))
    volume = read(phantom.slices(), tmp_path)
    assert volume.affine == pytest.approx(phantom.affine(), abs=1e-6)
    assert_in_place(volume)


def test_each_slice_is_scaled_by_its_own_slope(tmp_path):
    slices = Phantom().slices()
    for k, ds in enumerate(slices):
        slope, intercept = 0.5 + 0.25 * k, 10.0 * k
        fill_pixels(ds, np.rint((Phantom().plane(k) - intercept) / slope).astype(np.uint16))
        ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
    volume = read(slices, tmp_path)
    assert np.abs(volume.array - value_at(centres(volume))).max() <= 0.5 * (0.5 + 0.25 * 9) + 1e-3


def test_signed_pixels_keep_their_sign(tmp_path):
    slices = Phantom().slices()
    for k, ds in enumerate(slices):
        fill_pixels(ds, (Phantom().plane(k).astype(np.int16) - 2500))
        ds.RescaleSlope, ds.RescaleIntercept = 1, 2500
    assert_in_place(read(slices, tmp_path))


@pytest.mark.parametrize("bits", [12, 16])
def test_monochrome1_is_turned_so_that_larger_is_brighter(bits, tmp_path):
    slices = Phantom().slices()
    for k, ds in enumerate(slices):
        fill_pixels(ds, (2**bits - 1 - Phantom().plane(k)).astype(np.uint16))
        ds.PhotometricInterpretation, ds.BitsStored, ds.HighBit = "MONOCHROME1", bits, bits - 1
    assert_in_place(read(slices, tmp_path))


def test_padding_gets_the_lowest_value_of_its_image(tmp_path):
    slices = Phantom().slices()
    for ds, k in zip(slices, range(10), strict=True):
        stored = Phantom().plane(k).astype(np.int16)
        stored[0, :3] = -32768
        fill_pixels(ds, stored)
        ds.PixelPaddingValue = -32768
    volume = read(slices, tmp_path)
    assert volume.array.min() == min(Phantom().plane(k).min() for k in range(10)) + 3
    assert volume.array[2, 0, 0] == volume.array[2, 0, 3]


@pytest.mark.parametrize("order", [range(10), [3, 0, 9, 1, 2, 8, 4, 7, 5, 6]], ids=["in order", "mixed"])
def test_an_enhanced_multi_frame_object_reads_like_its_slices(order, tmp_path):
    phantom = Phantom(OBLIQUE)
    volume = read([phantom.enhanced(order)], tmp_path / "enhanced")
    classic = read(phantom.slices(), tmp_path / "classic")
    assert np.array_equal(volume.array, classic.array)
    assert volume.affine == pytest.approx(classic.affine)
    assert volume.sop_instance_uids == ("1.2.3.1.1",) * 10
    assert volume.frame_numbers == tuple([*order].index(k) + 1 for k in range(10))
    assert classic.frame_numbers == (1,) * 10


def test_enhanced_frames_are_scaled_one_by_one(tmp_path):
    ds = Phantom().enhanced()
    del ds.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    for k, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
        group.PixelValueTransformationSequence = one(
            RescaleSlope=k + 1, RescaleIntercept=-k, RescaleType="US"
        )
    volume = read([ds], tmp_path)
    assert volume.array[3] == pytest.approx(Phantom().plane(3) * 4.0 - 3)


def test_an_enhanced_object_of_two_stacks_is_refused(tmp_path):
    refusal = refusal_of([Phantom().enhanced([*range(10), *range(10)])], tmp_path)
    assert (refusal.why, refusal.detail) == (Why.GEOMETRY, "several images at one position (10 times)")


def test_frames_without_positions_are_refused(tmp_path):
    ds = Phantom().slice(0)
    fill_pixels(ds, np.stack([Phantom().plane(k) for k in range(10)]))
    ds.NumberOfFrames = 10
    refusal = refusal_of([ds], tmp_path)
    assert (refusal.why, refusal.detail) == (
        Why.GEOMETRY,
        "several frames in one file without a position for each",
    )


def diffusion(b: float, number: int, kinds=("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"), offset=0):
    phantom = Phantom(attributes={**DWI, "ImageType": list(kinds), "DiffusionBValue": b})
    slices = phantom.slices()
    for k, ds in enumerate(slices):
        fill_pixels(ds, phantom.plane(k) + np.uint16(offset))
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}.{k + 1}"
        ds.InstanceNumber = number * 100 + k
    return slices


def test_of_a_diffusion_series_the_weighted_images_are_read(tmp_path):
    volume = read([*diffusion(0, 1), *diffusion(1000, 2, offset=7), *diffusion(2000, 3)], tmp_path)
    assert volume.role is Role.DWI
    assert volume.array[4] == pytest.approx(Phantom().plane(4) + 7)


def test_of_directions_and_traces_the_traces_are_read(tmp_path):
    traces = diffusion(1000, 5, ("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"), offset=9)
    volume = read([*diffusion(1000, 2), *diffusion(1000, 3), *traces], tmp_path)
    assert volume.array[4] == pytest.approx(Phantom().plane(4) + 9)


def test_directions_without_a_trace_are_refused(tmp_path):
    refusal = refusal_of([*diffusion(1000, 2), *diffusion(1000, 3)], tmp_path)
    assert "several images at one position" in refusal.detail


def test_phases_beside_magnitudes_are_left_out(tmp_path):
    magnitudes, phases = Phantom().slices(), Phantom().slices()
    for k, ds in enumerate(phases):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "P"]
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.7.{k}"
    volume = read([*phases, *magnitudes], tmp_path)
    assert volume.sop_instance_uids[0] == "1.2.3.1.1"
    assert_in_place(volume)


def changed(which: int, **attributes) -> list:
    slices = Phantom().slices()
    for keyword, value in attributes.items():
        setattr(slices[which], keyword, value)
    return slices


def without(which: int, keyword: str) -> list:
    slices = Phantom().slices()
    del slices[which][keyword]
    return slices


@pytest.mark.parametrize(
    ("slices", "why", "words"),
    [
        (Phantom().slices()[:4] + Phantom().slices()[5:], Why.GEOMETRY, "one slice is missing between slices 4 and 5 of 9"),
        (changed(4, ImagePositionPatient=decimals((-20, 30, -23.0))), Why.GEOMETRY, "slices are unevenly spaced, 3.00 to 5.00 mm"),
        (changed(4, ImageOrientationPatient=decimals(OBLIQUE)), Why.GEOMETRY, "slices are not parallel"),
        (changed(4, PixelSpacing=[2.0, 1.1]), Why.GEOMETRY, "slices have different pixel spacings"),
        (changed(4, PixelSpacing=[2.0, 0.0]), Why.GEOMETRY, "PixelSpacing is not positive"),
        (changed(4, FrameOfReferenceUID="1.2.3.8"), Why.GEOMETRY, "slices lie in different frames of reference"),
        (changed(4, Rows=4), Why.GEOMETRY, "slices have different matrix sizes"),
        (without(4, "ImagePositionPatient"), Why.GEOMETRY, "no valid ImagePositionPatient in a header"),
        (without(4, "ImageOrientationPatient"), Why.GEOMETRY, "no valid ImageOrientationPatient in a header"),
        (without(4, "PixelSpacing"), Why.GEOMETRY, "no valid PixelSpacing in a header"),
        (without(4, "Rows"), Why.SERIES_UNREADABLE, "no image matrix in a header"),
        (without(4, "PixelData"), Why.SERIES_UNREADABLE, "an image without pixel data"),
        (without(4, "BitsStored"), Why.SERIES_UNREADABLE, "an image with an incomplete description of its pixels"),
        (changed(4, PixelData=b"\1\2\3\4"), Why.SERIES_UNREADABLE, "truncated pixel data"),
        (changed(4, RescaleSlope=0, RescaleIntercept=0), Why.QUALITY, "the rescale slope is zero"),
        (changed(4, ModalityLUTSequence=one(ModalityLUTType="US")), Why.SERIES_UNREADABLE, "values are given by a lookup table"),
        (Phantom().slices()[:7], Why.COVERAGE, "only 7 slices, 8 are needed"),
    ],
)  # fmt: skip
def test_a_series_that_is_no_volume_is_refused_with_the_reason(slices, why, words, tmp_path):
    refusal = refusal_of(slices, tmp_path)
    assert (refusal.why, refusal.detail) == (why, words)


def test_a_constant_image_is_refused(tmp_path):
    slices = [fill_pixels(ds, np.full((8, 6), 7, np.uint16)) for ds in Phantom().slices()]
    assert refusal_of(slices, tmp_path).detail == "all pixels have the same value"


def test_values_that_are_not_finite_are_refused(tmp_path):
    slices = Phantom().slices()
    slices[3].RescaleSlope, slices[3].RescaleIntercept = "1e300", "0"
    refusal = refusal_of(slices, tmp_path)
    assert (refusal.why, refusal.detail) == (Why.QUALITY, "pixel values that are not finite numbers")


def test_two_images_under_one_identifier_are_refused(tmp_path):
    slices = Phantom().slices()
    twin = Phantom().slice(3)
    fill_pixels(twin, Phantom().plane(3) + np.uint16(1))
    refusal = refusal_of([*slices, twin], tmp_path)
    assert (refusal.why, refusal.detail) == (
        Why.SERIES_UNREADABLE,
        "two different images under one identifier",
    )


def test_a_repeated_acquisition_in_one_series_is_refused(tmp_path):
    again = Phantom(uid="1.2.3.5").slices()
    for ds in again:
        ds.SeriesInstanceUID = "1.2.3.1"
    assert "several images at one position" in refusal_of([*Phantom().slices(), *again], tmp_path).detail


def test_a_matrix_beyond_the_limit_is_refused_before_anything_is_decoded(tmp_path):
    slices = Phantom().slices()
    for ds in slices:
        ds.Rows = ds.Columns = 65535
    refusal = refusal_of(slices, tmp_path)
    assert refusal.why is Why.SERIES_UNREADABLE
    assert "larger than is read here" in refusal.detail
