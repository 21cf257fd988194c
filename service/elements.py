"""Elements: one walk over an encoded dataset that finds what routing needs, and proves that nothing was cut off (PS3.5 7).

Values are stepped over, not read: a file may be mapped into memory, however large it is.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from service.errors import MalformedError

PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float, double and integer pixel data."""

Buffer = bytes | bytearray | memoryview
"""Encoded bytes; a memoryview may stand on a mapped file."""

_UNDEFINED = 0xFFFFFFFF
_DELIMITERS = 0xFFFE
"""Group of the three that follow."""
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
"""Explicit VRs with a length of four bytes (PS3.5 7.1.2)."""
_IMPLICIT_SYNTAX, _DEFLATED_SYNTAX, _BIG_ENDIAN_SYNTAX = map(
    str, (ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)
)
_HEADER = 8
_DEPTH_LIMIT = 32
"""Deeper nesting is no image, but an attack on the stack."""
_VALUE_LIMIT = 4096
"""Longest value that is kept: names and UIDs are shorter."""
_INFLATED_HEAD = 8 << 20
"""So much of a deflated dataset is inflated to be looked at; its header is far shorter."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Coding:
    is_implicit: bool
    tag_and_length: Struct
    tag_vr_and_length: Struct
    length: Struct


_IMPLICIT = _Coding(True, Struct("<HHI"), Struct("<HH2sH"), Struct("<I"))
_EXPLICIT = _Coding(False, Struct("<HHI"), Struct("<HH2sH"), Struct("<I"))
_EXPLICIT_BIG = _Coding(False, Struct(">HHI"), Struct(">HH2sH"), Struct(">I"))


def find_elements(
    dataset: Buffer, transfer_syntax_uid: str, wanted: frozenset[int]
) -> tuple[dict[int, bytes], frozenset[int]]:
    """The raw values of the wanted top-level elements, and the tags of all that stand there.

    Every length is followed to the dataset's end, inside sequences of undefined length and compressed pixel data too.

    Raises MalformedError if the bytes are no dataset of that transfer syntax, or if it is cut off.
    """
    if transfer_syntax_uid == _DEFLATED_SYNTAX:
        return _find_in_deflated(dataset, wanted)
    with memoryview(
        dataset
    ) as view:  # let go of at once, also on an error: a mapped file could not be closed
        return _collect(view, _coding_of(view, transfer_syntax_uid), wanted)


def _collect(
    view: memoryview, coding: _Coding, wanted: frozenset[int], *, is_head: bool = False
) -> tuple[dict[int, bytes], frozenset[int]]:
    values: dict[int, bytes] = {}
    places: dict[int, slice] = {}
    at = 0
    try:
        while at < len(view):
            at = at if coding.is_implicit else _plain_run(view, at, coding, places)
            # Behind the last element stands nothing, or padding: noted as 0, which is no tag of a dataset.
            tag, start, length = next(_elements(view, at, coding, 0), (0, at, len(view) - at))
            at = start + length
            places[tag] = slice(start, at)
    except MalformedError:
        if not is_head:  # a head is cut off by our own hand
            raise
    for tag in wanted & places.keys():
        place = places[tag]
        if place.stop - place.start <= _VALUE_LIMIT:
            values[tag] = bytes(view[place])
    return values, frozenset(places.keys() - {0})


def _plain_run(view: memoryview, at: int, coding: _Coding, places: dict[int, slice]) -> int:
    """Note the elements from there on whose VRs have short lengths, and return where another one begins.

    They are nearly all of a header, and most of the work of reading it: so without a call of a function for each.
    """
    end, unpack = len(view), coding.tag_vr_and_length.unpack_from
    while at + _HEADER <= end:
        group, element, vr, length = unpack(view, at)
        if vr in _LONG_VRS or group == _DELIMITERS:
            return at
        start = at + _HEADER
        at = start + length
        if at > end:
            raise MalformedError("cut off in a value")
        places[group << 16 | element] = slice(start, at)
    return at


def _find_in_deflated(dataset: Buffer, wanted: frozenset[int]) -> tuple[dict[int, bytes], frozenset[int]]:
    """Only the head is kept, and nothing of the rest: a bomb of zeros costs time, not memory."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    head = bytearray()
    try:
        for at in range(0, len(dataset), _CHUNK):
            pending = bytes(dataset[at : at + _CHUNK])
            while pending:
                piece = inflate.decompress(pending, _CHUNK)
                head += piece[: _INFLATED_HEAD - len(head)]
                pending = inflate.unconsumed_tail
    except zlib.error as error:
        raise MalformedError("not a deflated dataset") from error
    if not inflate.eof:
        raise MalformedError("deflated stream cut off")
    with memoryview(head) as inflated:
        return _collect(inflated, _coding_of(inflated, ""), wanted, is_head=len(head) == _INFLATED_HEAD)


def _coding_of(view: memoryview, transfer_syntax_uid: str) -> _Coding:
    """As agreed; but a dataset without VRs under an explicit syntax is met, and plain to see."""
    if transfer_syntax_uid == _IMPLICIT_SYNTAX:
        return _IMPLICIT
    vr = bytes(view[4:6])
    if not (vr.isalpha() and vr.isupper()):
        return _IMPLICIT
    return _EXPLICIT_BIG if transfer_syntax_uid == _BIG_ENDIAN_SYNTAX else _EXPLICIT


def _elements(view: memoryview, at: int, coding: _Coding, depth: int) -> Iterator[tuple[int, int, int]]:
    """Tag, place and length of each value until the end of the bytes; of an item, until its delimiter (told as well)."""
    end = len(view)
    while at < end:
        if end - at < _HEADER:
            if any(view[at:]):
                raise MalformedError("cut off in an element's header")
            return  # zeros that pad the end
        tag, start, length, is_implicit_inside = _header(view, at, coding)
        if tag == _ITEM_END and depth:
            yield tag, start, 0
            return
        if tag >> 16 == _DELIMITERS:
            raise MalformedError("an item without its sequence")
        if length == _UNDEFINED:
            at = _after_items(view, start, _IMPLICIT if is_implicit_inside else coding, depth + 1)
            length = at - start
        else:
            at = start + length
        if at > end:
            raise MalformedError("cut off in a value")
        yield tag, start, length


def _header(view: memoryview, at: int, coding: _Coding) -> tuple[int, int, int, bool]:
    """Tag, start of the value, its length, and whether items in it have no VRs."""
    if coding.is_implicit:
        group, element, length = coding.tag_and_length.unpack_from(view, at)
        return group << 16 | element, at + 8, length, True
    group, element, vr, length = coding.tag_vr_and_length.unpack_from(view, at)
    if group == _DELIMITERS:
        return group << 16 | element, at + 8, coding.length.unpack_from(view, at + 4)[0], False
    if vr not in _LONG_VRS:
        return group << 16 | element, at + 8, length, False
    if at + 12 > len(view):
        raise MalformedError("cut off in an element's header")
    # UN of undefined length is a sequence without VRs (PS3.5 6.2.2, note 2).
    return group << 16 | element, at + 12, coding.length.unpack_from(view, at + 8)[0], vr == b"UN"


def _after_items(view: memoryview, at: int, coding: _Coding, depth: int) -> int:
    """The place behind the delimiter of a sequence, or of compressed pixel data, of undefined length."""
    if depth > _DEPTH_LIMIT:
        raise MalformedError("nested too deeply")
    while at + _HEADER <= len(view):
        group, element, length = coding.tag_and_length.unpack_from(view, at)
        tag, at = group << 16 | element, at + 8
        if tag == _SEQUENCE_END:
            return at
        if tag != _ITEM:
            raise MalformedError("no item where one must be")
        at = _after_item(view, at, coding, depth) if length == _UNDEFINED else at + length
    raise MalformedError("cut off in a sequence")


def _after_item(view: memoryview, at: int, coding: _Coding, depth: int) -> int:
    for tag, start, _ in _elements(view, at, coding, depth):
        if tag == _ITEM_END:
            return start
    raise MalformedError("cut off in an item")
