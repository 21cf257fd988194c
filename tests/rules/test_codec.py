"""Plain data and back: what fits comes back the same, what does not is refused with what was expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

import pytest

from rules.codec import MessageError, from_plain, to_plain

T = TypeVar("T")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: float
    y: int


@dataclass(frozen=True)
class Small:
    name: str
    count: int = 0


@dataclass(frozen=True)
class Other:
    at: datetime | None = None


@dataclass(frozen=True)
class Box(Generic[T]):
    content: T


@dataclass(frozen=True)
class Whole:
    what: Small | Other
    colours: tuple[Colour, ...]
    pair: tuple[int, str]
    by_colour: Mapping[Colour, float]
    born: date | None
    number: Box[int]
    either: Box[int] | Other
    point: Point
    anything: Any = None
    plain: dict[str, int] = field(default_factory=dict)


WHOLE = Whole(
    what=Other(datetime(2026, 5, 4, 12, 30, tzinfo=UTC)),
    colours=(Colour.BLUE, Colour.RED),
    pair=(1, "one"),
    by_colour={Colour.RED: 0.5},
    born=None,
    number=Box(3),
    either=Box(4),
    point=Point(1.5, 2),
    anything=[1, "x"],
    plain={"a": 1},
)
PLAIN = {
    "type": "Whole",
    "what": {"type": "Other", "at": "2026-05-04T12:30:00+00:00"},
    "colours": ["blue", "red"],
    "pair": [1, "one"],
    "by_colour": {"red": 0.5},
    "born": None,
    "number": {"type": "Box", "content": 3},
    "either": {"type": "Box", "content": 4},
    "point": [1.5, 2],
    "anything": [1, "x"],
    "plain": {"a": 1},
}


def test_a_value_becomes_plain_data_with_the_names_of_its_types():
    assert to_plain(WHOLE) == PLAIN
    assert to_plain(date(2026, 5, 4)) == "2026-05-04"
    assert to_plain({Colour.RED: (Colour.BLUE,), 3: None}) == {"red": ["blue"], "3": None}


def test_plain_data_becomes_the_value_again():
    assert from_plain(Whole, PLAIN) == WHOLE
    assert from_plain(Whole, {**PLAIN, "born": "2001-02-03"}).born == date(2001, 2, 3)
    assert from_plain(Small, {"name": "a"}) == Small("a"), "the type is told only where there are several"


def test_a_whole_number_is_taken_for_a_float_only():
    taken = from_plain(float, 3)
    assert (taken, type(taken)) == (3.0, float)
    for shape in (int, float):
        with pytest.raises(MessageError, match=f"^expected {shape.__name__}, found bool$"):
            from_plain(shape, True)
    assert from_plain(bool, False) is False
    assert from_plain(Any, True) is True


@pytest.mark.parametrize(
    ("shape", "data", "complaint"),
    [
        (str, 3, "expected str, found int"),
        (int, 3.0, "expected int, found float"),
        (int, None, "expected int, found NoneType"),
        (tuple[int, ...], {}, "expected list, found dict"),
        (tuple[int, ...], ["1"], "expected int, found str"),
        (tuple[int, str], [1], "expected 2 items, found 1"),
        (tuple[int, str], [1, "one", 2], "expected 2 items, found 3"),
        (Point, [1.0], "expected 2 items, found 1"),
        (dict[str, int], [], "expected dict, found list"),
        (dict[str, int], {"a": "b"}, "expected int, found str"),
        (Mapping[Colour, int], {"green": 1}, "'green' is not a valid Colour"),
        (Colour, "green", "'green' is not a valid Colour"),
        (date, 20260504, "expected str, found int"),
        (date, "yesterday", "Invalid isoformat string: 'yesterday'"),
        (Small, [], "expected dict, found list"),
        (Small, {"name": "a", "weight": 1, "size": 2}, "Small has no field ['size', 'weight']"),
        (Small | Other, {"type": "Third"}, "'Third'"),
        (Small | Other, {"name": "a"}, "is of type None"),
        (Small | Other, [], "expected dict, found list"),
        (Small | None, 3, "expected dict, found int"),
        (Small | Other, None, "expected dict, found NoneType"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(shape, data, complaint):
    with pytest.raises(MessageError) as caught:
        from_plain(shape, data)
    assert str(caught.value).endswith(complaint)


def test_a_missing_field_is_named():
    with pytest.raises(MessageError, match="missing 1 required positional argument: 'name'"):
        from_plain(Small, {"count": 1})


def test_of_several_types_the_choices_are_told():
    with pytest.raises(MessageError, match=r"^none of \[.*Small.*Other.*\] is of type 'Third'$"):
        from_plain(Small | Other | None, {"type": "Third"})
