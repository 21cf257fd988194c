"""Whether all of an ONNX model lies in its one file, which its digest then covers: tensors may lie in other files ("external data").

Only as much of the format is read as leads to its tensors (onnx.proto of ONNX 1.19, protobuf's wire format); nothing is copied, for a
model may have gigabytes.
"""

from collections.abc import Iterator

WAYS = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
}
"""For each kind of message the fields by which a tensor is reached, and what they hold."""
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""Fields of a tensor: where its data lies, and whether that is elsewhere (1)."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_SIZES = {_EIGHT: 8, _FOUR: 4}
_DEEPEST = 100
"""Messages within each other; protobuf's own libraries read no more."""


def has_external_data(model: bytes) -> bool:
    """Whether a tensor of an ONNX model lies in another file. Raises ValueError for what is no protobuf message."""
    return _is_outside(memoryview(model), "ModelProto", _DEEPEST)


def _is_outside(message: memoryview, kind: str, depth: int) -> bool:
    if not depth:
        raise ValueError("no ONNX model: too many parts within each other")
    if kind == "TensorProto":
        return any(
            number == EXTERNAL_DATA or (number == DATA_LOCATION and held) for number, held in _fields(message)
        )
    ways = WAYS[kind]
    return any(
        _is_outside(held, ways[number], depth - 1)
        for number, held in _fields(message)
        if number in ways and isinstance(held, memoryview)
    )


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and content of each field: bytes, or a whole number (0 for what has a fixed size, which no field of ours has)."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire not in (_BYTES, *_SIZES):
            raise ValueError("no ONNX model")
        size, place = _varint(message, place) if wire == _BYTES else (_SIZES[wire], place)
        if place + size > len(message):
            raise ValueError("an ONNX model that was cut off")
        yield number, message[place : place + size] if wire == _BYTES else 0
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("an ONNX model that was cut off")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("no ONNX model")
