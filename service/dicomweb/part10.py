"""Head of a DICOM file: preamble and file meta information (PS3.10 7.1), read as its bytes come."""

from dataclasses import dataclass
from struct import Struct

from pydicom.uid import ExplicitVRLittleEndian

from service.elements import find_elements
from service.errors import MalformedError

_PREAMBLE = 132
_LIMIT = 1 << 16
"""Longer meta information than this is none."""
_GROUP_LENGTH = Struct("<HH2sHI")
_SOP_CLASS, _SOP_INSTANCE, _SYNTAX = 0x00020002, 0x00020003, 0x00020010


@dataclass(frozen=True, slots=True)
class FileHead:
    """What the head says of the dataset behind it."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    length: int
    """Bytes of the head."""


def read_head(data: bytes | bytearray) -> FileHead | None:
    """The head that a file begins with, or None as long as more of it has to come.

    Raises MalformedError if the bytes are no DICOM file.
    """
    start = _PREAMBLE + _GROUP_LENGTH.size
    if len(data) < start:
        return None
    if data[_PREAMBLE - 4 : _PREAMBLE] != b"DICM":
        raise MalformedError("no DICOM file")
    group, element, _, _, length = _GROUP_LENGTH.unpack_from(data, _PREAMBLE)
    if (group, element) != (0x0002, 0x0000) or length > _LIMIT:
        raise MalformedError("file meta information")
    end = start + length
    if len(data) < end:
        return None
    wanted = frozenset({_SOP_CLASS, _SOP_INSTANCE, _SYNTAX})
    values, _ = find_elements(bytes(data[start:end]), ExplicitVRLittleEndian, wanted)
    uids = {tag: value.decode("latin-1").rstrip("\0 ") for tag, value in values.items()}
    return FileHead(uids.get(_SOP_CLASS, ""), uids.get(_SOP_INSTANCE, ""), uids.get(_SYNTAX, ""), end)
