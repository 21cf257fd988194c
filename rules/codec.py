"""Dataclasses to plain JSON data and back, strictly: an unknown or missing field is an error, not a guess."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

TYPE = "type"
"""Key that tells the members of a union of dataclasses apart; its value is the class name."""


class MessageError(ValueError):
    """Data that does not have the shape its type promises."""


def to_plain(value: Any) -> Any:
    """A value as dicts, lists, strings, numbers, booleans and None; a dataclass carries its name under `type`."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {TYPE: type(value).__name__, **members}
    if isinstance(value, date):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, dict):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def from_plain(shape: Any, data: Any) -> Any:
    """The value of type `shape` that `to_plain` wrote.

    Raises MessageError if the data does not fit the shape.
    """
    origin = typing.get_origin(shape)
    if origin in (types.UnionType, typing.Union):
        return _member_of(typing.get_args(shape), data)
    if origin is tuple:
        return _tuple(typing.get_args(shape), data)
    if origin in (dict, Mapping):
        key, item = typing.get_args(shape)
        return {from_plain(key, k): from_plain(item, v) for k, v in _expect(dict, data).items()}
    if dataclasses.is_dataclass(origin or shape):
        return _dataclass(shape, data)
    if isinstance(shape, type) and issubclass(shape, tuple) and hasattr(shape, "_fields"):  # a NamedTuple
        return shape(*_tuple(tuple(_hints(shape).values()), data))
    return _scalar(shape, data)


def _member_of(members: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in members:
        return None
    choices = [member for member in members if member is not type(None)]
    if len(choices) == 1:
        return from_plain(choices[0], data)
    name = _expect(dict, data).get(TYPE)
    for choice in choices:
        if (typing.get_origin(choice) or choice).__name__ == name:
            return from_plain(choice, data)
    raise MessageError(f"none of {[str(c) for c in choices]} is of type {name!r}")


def _tuple(members: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    items = _expect(list, data)
    if len(members) == 2 and members[1] is Ellipsis:
        return tuple(from_plain(members[0], item) for item in items)
    if len(members) != len(items):
        raise MessageError(f"expected {len(members)} items, found {len(items)}")
    return tuple(from_plain(member, item) for member, item in zip(members, items, strict=True))


def _dataclass(shape: Any, data: Any) -> Any:
    cls = typing.get_origin(shape) or shape
    hints = _hints(cls)
    parameters: tuple[Any, ...] = getattr(cls, "__parameters__", ())
    fill = dict(zip(parameters, typing.get_args(shape), strict=False))
    members = {key: item for key, item in _expect(dict, data).items() if key != TYPE}
    if unknown := members.keys() - hints.keys():
        raise MessageError(f"{cls.__name__} has no field {sorted(unknown)}")
    values = {name: from_plain(fill.get(hints[name], hints[name]), item) for name, item in members.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise MessageError(str(error)) from error


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _scalar(shape: Any, data: Any) -> Any:
    try:
        if shape in (datetime, date):
            return shape.fromisoformat(_expect(str, data))
        if isinstance(shape, type) and issubclass(shape, Enum):
            return shape(data)
    except ValueError as error:
        raise MessageError(str(error)) from error
    if shape is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    return data if shape is Any else _expect(shape, data)


def _expect(shape: type[T], data: Any) -> T:
    is_bool_for_number = isinstance(data, bool) and shape in (int, float)
    if not isinstance(data, shape) or is_bool_for_number:
        raise MessageError(f"expected {shape.__name__}, found {type(data).__name__}")
    return data
