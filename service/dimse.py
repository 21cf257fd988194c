"""DIMSE messages of the storage service as bytes: command sets are always implicit VR little endian (PS3.7 6.3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct, error, pack

from service.errors import MalformedError

C_STORE_RQ = 0x0001
NO_DATASET = 0x0101
"""Command Data Set Type of a message without a dataset (PS3.7 E.1)."""
P_DATA = 0x04
"""Type of a P-DATA-TF PDU (PS3.8 9.3.5)."""
LAST_COMMAND, LAST_DATA = 0x03, 0x02
"""Message control headers of a last fragment (PS3.8 E.2)."""

_ELEMENT = Struct("<HHI")
_PDU = Struct(">BBI")
_PDV = Struct(">IBB")
_C_STORE_RSP = 0x8001


@dataclass(frozen=True, slots=True)
class Command:
    """A command set, as far as it decides what happens to the dataset behind it."""

    field: int
    message_id: int
    has_dataset: bool
    sop_class_uid: str
    sop_instance_uid: str


def read_command(encoded: bytes | bytearray) -> Command:
    """A received command set.

    Raises MalformedError if it is none.
    """
    found: dict[int, bytes] = {}
    at = 0
    try:
        while at < len(encoded):
            group, element, length = _ELEMENT.unpack_from(encoded, at)
            at += _ELEMENT.size
            if group or at + length > len(encoded):
                raise MalformedError("command set")
            found[element] = bytes(encoded[at : at + length])
            at += length
        return Command(
            field=_short(found[0x0100]),
            message_id=_short(found.get(0x0110, b"\0\0")),
            has_dataset=_short(found[0x0800]) != NO_DATASET,
            sop_class_uid=_text(found.get(0x0002, b"")),
            sop_instance_uid=_text(found.get(0x1000, b"")),
        )
    except (error, KeyError, ValueError) as trouble:
        raise MalformedError("command set") from trouble


def store_response(command: Command, status: int) -> bytes:
    """The command set of a C-STORE-RSP (PS3.7 9.3.1.2)."""
    elements = b"".join(
        (
            _element(0x0002, _padded(command.sop_class_uid)),
            _element(0x0100, pack("<H", _C_STORE_RSP)),
            _element(0x0120, pack("<H", command.message_id)),
            _element(0x0800, pack("<H", NO_DATASET)),
            _element(0x0900, pack("<H", status)),
            _element(0x1000, _padded(command.sop_instance_uid)),
        )
    )
    return _element(0x0000, pack("<I", len(elements))) + elements


def pdus_of(command: bytes, context_id: int, maximum_length: int) -> Iterator[bytes]:
    """A command set in P-DATA-TF PDUs that are no longer than the peer takes; 0 is without limit (PS3.8 D.1)."""
    room = max(maximum_length - _PDV.size, 2) if maximum_length else len(command)
    for at in range(0, len(command), room):
        fragment = command[at : at + room]
        control = LAST_COMMAND if at + room >= len(command) else LAST_COMMAND & 1
        yield (
            _PDU.pack(P_DATA, 0, len(fragment) + _PDV.size)
            + _PDV.pack(len(fragment) + 2, context_id, control)
            + fragment
        )


def _short(value: bytes) -> int:
    if len(value) != 2:
        raise ValueError
    return int.from_bytes(value, "little")


def _text(value: bytes) -> str:
    return value.decode("latin-1").rstrip("\0 ")


def _padded(uid: str) -> bytes:
    encoded = uid.encode("latin-1")
    return encoded + b"\0" * (len(encoded) % 2)


def _element(element: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0, element, len(value)) + value
