"""Conditions as they stand in policy files: `{at_least: {quantity: …, region: …, side: …, cut: …}}` and their kin."""

from collections.abc import Callable

from rules.anatomy import Region, Side
from rules.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    ContextAtLeast,
    ContextAtMost,
    ContextIs,
    ContextUnknown,
    Cut,
    HasModality,
    IfAssessed,
    NoOtherPattern,
    Not,
    NothingAssessed,
    SomeOf,
    Subject,
)
from rules.fields import FIELD_CHOICES, FIELD_UNITS, Field
from rules.findings import UNITS, Quantity
from rules.measurable import FOLLOWING, MEASURABLE, places
from rules.policy_reading import Entry, Table

_BOTH = "both"


def read_condition(entry: Entry) -> Condition:
    """One condition. Raises PolicyError with file and line."""
    name, body = entry.only()
    reader = _READERS.get(name)
    if reader is None:
        body.fail(f"unknown condition `{name}`; known: {', '.join(_READERS)}")
    return reader(body)


def read_cut(entry: Entry, unit: str) -> Cut:
    """A threshold; refuses another unit than the quantity's own."""
    table = entry.table("value unit source date")
    if table["unit"].text() != unit:
        table["unit"].fail(f"unit `{table['unit'].text()}` is wrong here; this is measured in `{unit}`")
    return Cut(table["value"].number(), unit, table["source"].text(), table["date"].day())


def read_subjects(words: str, entry: Entry) -> tuple[Subject, ...]:
    """What words such as `flair_volume left thalamus` are about; `both` is each side. Raises PolicyError at the entry."""
    parts = words.split()
    if len(parts) != 3:
        entry.fail(
            f"`{words}` is no subject; write quantity, side and region, as in `flair_volume left thalamus`"
        )
    quantity, region = entry.one_of(Quantity, parts[0]), entry.one_of(Region, parts[2])
    sides = (Side.LEFT, Side.RIGHT) if parts[1] == _BOTH else (entry.one_of(Side, parts[1]),)
    return tuple(Subject(quantity, region, side) for side in sides)


def _subject(table: Table, side: Side | None = None) -> Subject:
    """What is asked about; refused if no check measures it, for the question would stay open for ever."""
    quantity, region = table["quantity"].choice(Quantity), table["region"].choice(Region)
    subject = Subject(quantity, region, side or table["side"].choice(Side))
    if subject not in MEASURABLE and subject not in FOLLOWING:
        found = f"no check measures {quantity} of {subject.side} {region}"
        table["region"].fail(f"{found}; it is measured of: {places(quantity)}")
    return subject


def _at_least(entry: Entry) -> Condition:
    table = entry.table("quantity region side cut")
    subject = _subject(table)
    return AtLeast(subject, read_cut(table["cut"], UNITS[subject.quantity]))


def _at_most(entry: Entry) -> Condition:
    table = entry.table("quantity region side cut", "magnitude")
    subject = _subject(table)
    magnitude = table.get("magnitude")
    cut = read_cut(table["cut"], UNITS[subject.quantity])
    return AtMost(subject, cut, is_magnitude=magnitude.flag() if magnitude else False)


def _both_sides(entry: Entry) -> Condition:
    """Bilateral: each side by itself reaches the cut (knowledge base M4)."""
    table = entry.table("quantity region cut")
    subjects = (_subject(table, Side.LEFT), _subject(table, Side.RIGHT))
    return AllOf(tuple(AtLeast(one, read_cut(table["cut"], UNITS[one.quantity])) for one in subjects))


def _parts(entry: Entry) -> tuple[Condition, ...]:
    return tuple(read_condition(item) for item in entry.items())


def _some_of(entry: Entry) -> Condition:
    table = entry.table("count of")
    parts = _parts(table["of"])
    count = table["count"].whole()
    if not 1 <= count <= len(parts):
        table["count"].fail(f"count must lie between 1 and {len(parts)}")
    return SomeOf(count, parts)


def _context_number(entry: Entry, kind: type[ContextAtLeast | ContextAtMost]) -> Condition:
    table = entry.table("field cut")
    field = table["field"].choice(Field)
    if field not in FIELD_UNITS:
        table["field"].fail(f"`{field}` is not a number; ask it with `context_is`")
    return kind(field, read_cut(table["cut"], FIELD_UNITS[field]))


def _context_is(entry: Entry) -> Condition:
    table = entry.table("field values")
    field = table["field"].choice(Field)
    if field not in FIELD_CHOICES:
        table["field"].fail(f"`{field}` is a number; ask it with `context_at_least` or `context_at_most`")
    for item in table["values"].items():
        if item.text() not in FIELD_CHOICES[field]:
            item.fail(f"`{item.text()}` is none of {', '.join(FIELD_CHOICES[field])}")
    return ContextIs(field, table["values"].texts())


def _context_unknown(entry: Entry) -> Condition:
    return ContextUnknown(entry.table("field")["field"].choice(Field))


def _nothing_assessed(entry: Entry) -> Condition:
    entry.table("")
    return NothingAssessed()


def _no_other_pattern(entry: Entry) -> Condition:
    entry.table("")
    return NoOtherPattern()


def _has_modality(entry: Entry) -> Condition:
    return HasModality(entry.table("modality")["modality"].text())


_READERS: dict[str, Callable[[Entry], Condition]] = {
    "at_least": _at_least,
    "at_most": _at_most,
    "both_sides": _both_sides,
    "all_of": lambda entry: AllOf(_parts(entry)),
    "any_of": lambda entry: AnyOf(_parts(entry)),
    "some_of": _some_of,
    "not": lambda entry: Not(read_condition(entry)),
    "if_assessed": lambda entry: IfAssessed(read_condition(entry)),
    "context_at_least": lambda entry: _context_number(entry, ContextAtLeast),
    "context_at_most": lambda entry: _context_number(entry, ContextAtMost),
    "context_is": _context_is,
    "context_unknown": _context_unknown,
    "nothing_assessed": _nothing_assessed,
    "no_other_pattern": _no_other_pattern,
    "has_modality": _has_modality,
}
