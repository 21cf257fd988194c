import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, Sequence, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from service.elements import find_elements
from service.errors import MalformedError
from tests.service.conftest import encoded, mr_slice

PATIENT_ID = 0x00100020
DEFLATED = str(DeflatedExplicitVRLittleEndian)
EXPLICIT = str(ExplicitVRLittleEndian)


def nested() -> Dataset:
    """A slice with sequences of undefined and of defined length within each other."""
    inner, outer = Dataset(), Dataset()
    inner.CodeValue = "1"
    outer.ConceptNameCodeSequence = Sequence([inner])
    ds = mr_slice()
    for keyword, is_undefined in (("RequestAttributesSequence", True), ("SourceImageSequence", False)):
        setattr(ds, keyword, Sequence([outer, outer]))
        ds[keyword].is_undefined_length = is_undefined
        ds[keyword].value[0].is_undefined_length_sequence_item = is_undefined
    return ds


def written(ds: Dataset, syntax: str) -> bytes:
    buffer = BytesIO()
    little = syntax != ExplicitVRBigEndian
    ds.save_as(buffer, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little)
    return buffer.getvalue()


def found(content: bytes, syntax: str = EXPLICIT) -> tuple[dict[int, bytes], frozenset[int]]:
    return find_elements(content, syntax, frozenset({PATIENT_ID}))


@pytest.mark.parametrize("syntax", [EXPLICIT, str(ImplicitVRLittleEndian), str(ExplicitVRBigEndian)])
def test_it_finds_what_pydicom_finds(syntax: str):
    ds = nested()
    values, tags = found(written(ds, syntax), syntax)
    assert values[PATIENT_ID].strip() == b"P1"
    assert tags == set(map(int, ds.keys()))


def test_compressed_pixel_data_is_followed_to_its_end():
    ds = nested()
    ds.PixelData = encapsulate([b"\x01" * 40, b"\x02" * 30])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    content = encoded(ds)
    assert 0x7FE00010 in found(content)[1]
    with pytest.raises(MalformedError):
        found(content[:-8])


@given(cut=st.integers(1, 2000))
@settings(max_examples=150, deadline=None)
def test_a_dataset_that_is_cut_off_inside_an_element_is_refused(cut: int):
    content = encoded(nested())
    cut %= len(content)
    try:
        _, tags = found(content[:cut])
    except MalformedError:
        return
    # Only at the border of two elements can nobody tell, other than by what is missing.
    at = dcmread(BytesIO(content), force=True)
    assert tags == frozenset(map(int, list(at.keys())[: len(tags)]))


def test_a_deflated_dataset_is_read_and_one_cut_off_is_refused():
    ds = mr_slice()
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    content = packer.compress(encoded(ds)) + packer.flush()
    assert found(content, DEFLATED)[0][PATIENT_ID].strip() == b"P1"
    with pytest.raises(MalformedError):
        found(content[:-5], DEFLATED)


def test_deep_nesting_is_refused_and_not_followed():
    level = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(MalformedError):
        found(level * 5000)
