import hashlib
from datetime import date
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from service.errors import Refusal, RefusedError
from service.headers import file_meta, read_header
from tests.service.conftest import STUDY, encoded, mr_slice

EXPLICIT = str(ExplicitVRLittleEndian)


def test_the_header_is_what_the_dataset_says():
    header = read_header(encoded(mr_slice(7)), EXPLICIT)
    assert header.sop_instance_uid == f"{STUDY}.1.7"
    assert header.study_instance_uid == STUDY
    assert (header.patient_id, header.birth_date) == ("P1", date(1970, 1, 2))
    assert (header.modality, header.body_part, header.series_description) == ("MR", "BRAIN", "AX FLAIR")


def test_implicit_syntax_reads_the_same():
    implicit = str(ImplicitVRLittleEndian)
    assert read_header(encoded(mr_slice(), implicit), implicit) == read_header(encoded(mr_slice()), EXPLICIT)


@pytest.mark.filterwarnings("ignore")  # pydicom tells of an odd set; the log keeps the place, not the text
@pytest.mark.parametrize(
    ("character_set", "raw", "expected"),
    [
        ("ISO_IR 100", b"M\xfcller", "Müller"),
        ("ISO_IR 192", "Müller".encode(), "Müller"),
        ("NO SUCH SET", b"M\xfcller", "Müller"),
        ("", b"M\xfcller", "Müller"),
        ("ISO_IR 192", b"M\xfcller", "M�ller"),
        ("ISO 2022 IR 6\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(B", "山田"),
    ],
)
def test_odd_character_sets_do_not_stop_an_image(character_set: str, raw: bytes, expected: str):
    marker = "@" * len(raw)
    content = encoded(mr_slice(SpecificCharacterSet="ISO_IR 100", StudyDescription=marker))
    term = character_set.encode()
    term += b" " * (len(term) % 2)
    old = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100"
    assert old in content
    new = b"\x08\x00\x05\x00CS" + len(term).to_bytes(2, "little") + term
    content = content.replace(old, new).replace(marker.encode(), raw)
    assert read_header(content, EXPLICIT).study_description == expected


def test_a_nonsense_birth_date_is_no_birth_date():
    content = encoded(mr_slice()).replace(b"19700102", b"1970ABCD")
    assert read_header(content, EXPLICIT).birth_date is None


def test_control_characters_and_excess_length_stay_out_of_the_database():
    content = encoded(mr_slice(StudyDescription="ab@cd")).replace(b"ab@cd", b"ab\x00cd")
    assert read_header(content, EXPLICIT).study_description == "abcd"


@pytest.mark.parametrize(
    "keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID"]
)
def test_a_missing_uid_is_refused(keyword: str):
    with pytest.raises(RefusedError) as caught:
        read_header(encoded(mr_slice(**{keyword: None})), EXPLICIT)
    assert caught.value.refusal is Refusal.UID_MISSING


@pytest.mark.parametrize("uid", [b"1.2.abc.4", b"1..2.345", b"1.2.34.6.", b"../../etc"])
def test_a_malformed_uid_is_refused(uid: bytes):
    content = encoded(mr_slice(study="1.2.3.4.5")).replace(b"1.2.3.4.5\x00", uid.ljust(10, b"\x00"))
    with pytest.raises(RefusedError) as caught:
        read_header(content, EXPLICIT)
    assert caught.value.refusal is Refusal.UID_INVALID


@pytest.mark.filterwarnings("ignore")
@given(content=st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_junk_is_refused_not_crashed_on(content: bytes):
    for syntax in (EXPLICIT, str(ImplicitVRLittleEndian), str(DeflatedExplicitVRLittleEndian)):
        with pytest.raises(RefusedError):
            read_header(content, syntax)


@pytest.mark.filterwarnings("ignore")
@given(at=st.integers(0, 700), value=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_a_flipped_byte_is_read_or_refused_never_crashed_on(at: int, value: int):
    content = bytearray(encoded(mr_slice()))
    content[at % len(content)] = value
    try:
        read_header(bytes(content), EXPLICIT)
    except RefusedError as error:
        assert error.refusal in Refusal  # noqa: PT017 - either outcome is right


def test_the_file_meta_information_reads_back():
    ds = mr_slice()
    content = file_meta(ds.SOPClassUID, ds.SOPInstanceUID, EXPLICIT) + encoded(ds)
    read = dcmread(BytesIO(content))
    assert read.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert read.file_meta.TransferSyntaxUID == EXPLICIT
    assert (
        read.file_meta.FileMetaInformationGroupLength
        == len(file_meta(ds.SOPClassUID, ds.SOPInstanceUID, EXPLICIT)) - 144
    )
    assert read == ds


def test_the_file_meta_information_never_changes():
    """Its bytes are part of every digest: a change would turn each re-send into a conflict."""
    meta = file_meta("1.2.840.10008.5.1.4.1.1.4", "1.2.3", EXPLICIT)
    assert (
        hashlib.sha256(meta).hexdigest() == "12d7417f34b298983decaf14cb2357cf3f1c54d85e7e33232a5a6c03ba23ddd2"
    )
