"""Headers: the few elements of a received dataset that routing rests on, read without decoding the rest."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pydicom.charset import decode_bytes, python_encoding
from pydicom.tag import Tag

from service.elements import PIXEL_DATA, Buffer, find_elements
from service.errors import MalformedError, Refusal, RefusedError

_IMPLEMENTATION_CLASS_UID = "2.25.191349598565253519821850212079007699276"
"""Ours (a version 5 UUID of `cartriage.node`), fixed for ever: it is part of the stored bytes, and so of their digest."""
_IMPLEMENTATION_VERSION_NAME = "CARTRIAGE"
"""Without a number, for the same reason."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
"""PS3.5 9.1, but for components with a leading zero, which real devices send and nothing here parses."""
_UID_LENGTH = 64
_TEXT_KEYWORDS = {
    "PatientID": 64,
    "IssuerOfPatientID": 64,
    "PatientName": 324,
    "AccessionNumber": 16,
    "StudyDescription": 64,
    "SeriesDescription": 64,
    "RequestedProcedurePriority": 16,
    "Modality": 16,
    "BodyPartExamined": 16,
    "Manufacturer": 64,
}
"""Keyword to the length of its column."""
_UID_KEYWORDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_DATE_KEYWORDS = ("PatientBirthDate", "StudyDate")
_KEYWORDS = (*_TEXT_KEYWORDS, *_UID_KEYWORDS, *_DATE_KEYWORDS, "SpecificCharacterSet")
_KEYWORD_OF = {int(Tag(keyword)): keyword for keyword in _KEYWORDS}
_WANTED = frozenset(_KEYWORD_OF)
PIXEL_CLASSES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{suffix}" for suffix in ("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4")
)
"""CT and MR images: without pixel data they do not match their SOP Class."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a dataset says of itself. Texts are empty, dates None where the dataset has none or nonsense."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str
    issuer: str
    patient_name: str
    birth_date: date | None
    accession_number: str
    study_description: str
    series_description: str
    study_date: date | None
    order_priority: str
    modality: str
    body_part: str
    manufacturer: str


def read_header(dataset: Buffer, transfer_syntax_uid: str) -> Header:
    """The header of an encoded dataset.

    Raises RefusedError if it is no dataset, or if a UID is missing or malformed.
    """
    try:
        found, tags = find_elements(dataset, transfer_syntax_uid, _WANTED)
    except MalformedError as error:
        raise RefusedError(Refusal.UNREADABLE, error.detail) from error
    values = {_KEYWORD_OF[tag]: value for tag, value in found.items()}
    if not values.keys() & set(_UID_KEYWORDS):
        raise RefusedError(Refusal.UNREADABLE, "no identifying element")
    if (
        values.get("SOPClassUID", b"").strip(b"\x00 ").decode("latin-1") in PIXEL_CLASSES
        and not tags & PIXEL_DATA
    ):
        raise RefusedError(Refusal.CLASS_MISMATCH, "an image without pixel data")
    decode = _decoder(values.get("SpecificCharacterSet", b""))
    uids = {keyword: _uid(values.get(keyword, b"")) for keyword in _UID_KEYWORDS}
    text = {key: _text(values.get(key, b""), decode, length) for key, length in _TEXT_KEYWORDS.items()}
    return Header(
        sop_class_uid=uids["SOPClassUID"],
        sop_instance_uid=uids["SOPInstanceUID"],
        study_instance_uid=uids["StudyInstanceUID"],
        series_instance_uid=uids["SeriesInstanceUID"],
        patient_id=text["PatientID"],
        issuer=text["IssuerOfPatientID"],
        patient_name=text["PatientName"],
        birth_date=_date(values.get("PatientBirthDate", b"")),
        accession_number=text["AccessionNumber"],
        study_description=text["StudyDescription"],
        series_description=text["SeriesDescription"],
        study_date=_date(values.get("StudyDate", b"")),
        order_priority=text["RequestedProcedurePriority"].upper(),
        modality=text["Modality"].upper(),
        body_part=text["BodyPartExamined"].upper(),
        manufacturer=text["Manufacturer"],
    )


def is_uid(text: str) -> bool:
    """Whether a text is a UID (PS3.5 9.1)."""
    return len(text) <= _UID_LENGTH and bool(_UID.fullmatch(text))


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble and file meta information (PS3.10 7.1), the same bytes for the same object for ever.

    Who sent it, when, and our version are left out: they would give one object many digests.
    """
    elements = b"".join(
        (
            struct.pack("<HH2sHI2s", 2, 0x0001, b"OB", 0, 2, b"\x00\x01"),
            _short(0x0002, b"UI", sop_class_uid),
            _short(0x0003, b"UI", sop_instance_uid),
            _short(0x0010, b"UI", transfer_syntax_uid),
            _short(0x0012, b"UI", _IMPLEMENTATION_CLASS_UID),
            _short(0x0013, b"SH", _IMPLEMENTATION_VERSION_NAME),
        )
    )
    group_length = struct.pack("<HH2sHI", 2, 0x0000, b"UL", 4, len(elements))
    return b"\x00" * 128 + b"DICM" + group_length + elements


def _short(element: int, vr: bytes, value: str) -> bytes:
    encoded = value.encode("ascii")
    if len(encoded) % 2:
        encoded += b"\x00" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 2, element, vr, len(encoded)) + encoded


def _uid(value: bytes) -> str:
    text = value.decode("latin-1").rstrip("\x00 ").lstrip(" ")
    if not text:
        raise RefusedError(Refusal.UID_MISSING)
    if not is_uid(text):
        raise RefusedError(Refusal.UID_INVALID)
    return text


def _date(value: bytes) -> date | None:
    """A date (PS3.5 6.2, VR DA); the ACR-NEMA form with dots is met too."""
    digits = value.strip(b"\x00 ").replace(b".", b"")
    if len(digits) != 8 or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _decoder(character_set: bytes) -> Callable[[bytes], str]:
    """A decoder of the character set (PS3.3 C.12.1.1.2) that replaces what it cannot read."""
    terms = [term.strip() for term in character_set.decode("ascii", "replace").split("\\")]
    encodings = [python_encoding.get(term, "latin-1") for term in terms]

    def decode(value: bytes) -> str:
        if b"\x1b" in value:
            return decode_bytes(value, encodings, set())
        return value.decode(encodings[0], "replace")

    return decode


def _text(value: bytes, decode: Callable[[bytes], str], length: int) -> str:
    """The first printable `length` characters of the first value."""
    text = decode(value)
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text.strip()[:length]
