"""Compressed, odd and damaged files: the same volume, or a reason in words."""

import random
import subprocess
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openjpeg.utils import encode_array
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from rules.findings import Why
from tests.peers import need
from tests.workers.imaging.phantoms import FLAIR, Phantom, fill_pixels, store
from tests.workers.imaging.reading_of_phantoms import assert_in_place, read, refusal_of
from workers.errors import CannotAssess
from workers.imaging.reading import read_volume
from workers.imaging.series import read_study


@pytest.mark.parametrize(
    "command",
    [
        ["dcmcrle"],
        ["dcmcjpeg", "+e1"],
        ["dcmcjpeg", "+el"],
        ["dcmcjpls"],
        ["dcmconv", "+td"],
        ["dcmconv", "+tb"],
        ["dcmconv", "+ti"],
    ],
    ids=["RLE", "JPEG lossless SV1", "JPEG lossless", "JPEG-LS", "deflated", "big endian", "implicit"],
)
def test_lossless_transfer_syntaxes_of_dcmtk_decode_to_the_same_volume(command, tmp_path):
    program = need(command[0])
    files = store(Phantom().slices(), tmp_path)
    for file in files:
        path = tmp_path / file.path
        subprocess.run([program, *command[1:], path, path], check=True, timeout=20)
    (series,), _ = read_study(files, tmp_path)
    assert_in_place(read_volume(series))


@pytest.mark.parametrize("offset", [0, -2500], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", [12, 16])
def test_jpeg_2000_decodes_to_the_same_volume(bits, offset, tmp_path):
    phantom = Phantom(shape=(10, 64, 64))  # OpenJPEG refuses to encode tiny images
    slices = phantom.slices()
    for k, ds in enumerate(slices):
        plane = (phantom.plane(k).astype(np.int32) + offset).astype(np.int16 if offset else np.uint16)
        fill_pixels(ds, plane)
        ds.BitsStored, ds.HighBit = bits, bits - 1
        ds.RescaleSlope, ds.RescaleIntercept = 1, -offset
        ds.PixelData = encapsulate([encode_array(plane, bits_stored=bits)])
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert_in_place(read(slices, tmp_path))


def test_a_syntax_nobody_decodes_is_named(tmp_path):
    slices = Phantom().slices()
    for ds in slices:
        ds.PixelData = encapsulate([b"\0\0\0\1"])
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    refusal = refusal_of(slices, tmp_path)
    assert refusal.why is Why.SERIES_UNREADABLE
    assert refusal.detail == "pixel data in MPEG-4 AVC/H.264 High Profile / Level 4.1 cannot be decoded here"


def test_damaged_compressed_pixels_are_refused(tmp_path):
    slices = Phantom().slices()
    slices[5].PixelData = encapsulate([b"\0\0\0\1"])
    slices[5]["PixelData"].is_undefined_length = True
    slices[5].file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert (
        refusal_of(slices, tmp_path).detail
        == "damaged pixel data in JPEG 2000 Image Compression (Lossless Only)"
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_never_crash_the_reading(tmp_path, seed):
    """Bytes of one file are overwritten or cut off at random: it is read, unreadable or refused, but nothing else."""
    dice = random.Random(seed)
    datasets = Phantom(shape=(9, 4, 4), attributes=FLAIR).slices() if seed % 2 else [Phantom().enhanced()]
    files = store(datasets, tmp_path)
    path = tmp_path / dice.choice(files).path
    content = bytearray(path.read_bytes())
    for _ in range(dice.randint(1, 12)):
        content[dice.randrange(len(content))] = dice.randrange(256)
    path.write_bytes(content[: dice.choice([len(content), dice.randrange(len(content))])])
    series, _ = read_study(files, tmp_path)
    for one_series in series:
        with suppress(CannotAssess):
            read_volume(one_series)
