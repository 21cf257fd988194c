"""The clinical context of a case, in the words of docs/context.md, with age and day instead of dates, and ages of values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from math import prod
from typing import Any

import yaml

from rules.conditions import ContextAtLeast, ContextAtMost, leaves
from rules.context import PatientContext
from rules.context_file import OBSERVED, ContextError, context_from_mapping
from rules.policy import Policy
from rules.policy_reading import Entry, Table

KEYS = "context order mismatch"
"""What a case may say of its patient."""
NOW = datetime(2026, 5, 16, 12, 0, tzinfo=UTC)
"""When the first step of a case is decided."""
STUDY_DATE = date(2026, 5, 16)
USUAL_AGE_H = 3.0
"""How long before the decision a value was recorded, unless the case says otherwise."""

_OLDEST = 150
"""Years."""
_LONGEST_H = 100_000
"""Eleven years: what was recorded longer ago, or is announced for later, is a typing error."""
_RANGE = re.compile(r"(\d{1,5}) to (\d{1,5})")
_RANGED = frozenset({"age", "day", "icans_grade", "ice_score", "capd_score", "crs_grade", "platelets"})
_ORDER = {"priority": "order_priority", "text": "order_text"}


@dataclass(frozen=True, slots=True)
class _Said:
    """One field as it was written, and when it was recorded."""

    entry: Entry
    at: datetime | None = None

    def value(self) -> Entry:
        return self.entry.mapping()["value"] if self._is_table() else self.entry

    def moment(self, now: datetime) -> datetime | None:
        """When the value was recorded: its own `hours_before`, or that of the whole context."""
        own = self.entry.table("value", "hours_before").get("hours_before") if self._is_table() else None
        return _moment(own, now) if own else self.at

    def _is_table(self) -> bool:
        return isinstance(self.entry.node, yaml.MappingNode)


@dataclass(frozen=True, slots=True)
class Patient:
    """What a case says of its patient, up to one of its steps."""

    said: Mapping[str, _Said] = field(default_factory=dict)
    mismatch: str = ""
    """Why the images may be of somebody else: then nothing that is said of the patient is used."""

    def told(self, table: Table, now: datetime) -> "Patient":
        """The patient after one more step of the case. Raises PolicyError with file and line."""
        entries = dict(table["context"].mapping()) if table.get("context") else {}
        age = entries.pop("hours_before", None)
        at = _moment(age, now) if age else now - timedelta(hours=USUAL_AGE_H)
        said = {name: _Said(entry, at) for name, entry in entries.items()}
        dated = {name: replace(one, at=one.moment(now)) for name, one in said.items()}
        for key, entry in (
            table["order"].table("", " ".join(_ORDER)).entries.items() if table.get("order") else ()
        ):
            dated[_ORDER[key]] = _Said(entry)
        mismatch = table["mismatch"].text() if table.get("mismatch") else self.mismatch
        return Patient({**self.said, **dated}, mismatch)

    def variants(self, policy: Policy) -> Iterator[tuple[str, PatientContext]]:
        """Every way in which the ranges of the context can decide, named by their values. Raises PolicyError."""
        ranges = self._ranges(policy)
        for values in product(*ranges.values()):
            chosen = dict(zip(ranges, values, strict=True))
            yield ", ".join(f"{name} {value}" for name, value in chosen.items()), self._context(chosen)

    def count(self, policy: Policy) -> int:
        """How many variants there are."""
        return prod(len(values) for values in self._ranges(policy).values())

    def _ranges(self, policy: Policy) -> dict[str, tuple[int, ...]]:
        ranges = {}
        for name, one in self.said.items():
            ends = _ends(one.value()) if name in _RANGED else None
            if ends:
                ranges[name] = _points(*ends, policy)
        return ranges

    def _context(self, chosen: Mapping[str, int]) -> PatientContext:
        values: dict[str, Any] = {}
        for name, one in self.said.items():
            key, value = _plain(name, one.value(), chosen.get(name))
            values[key] = {"value": value, "at": one.at} if key in OBSERVED else value
        try:
            context = context_from_mapping(values, source="case")
            return PatientContext() if self.mismatch else context
        except ContextError as error:
            self._fail(error)
            raise

    def _fail(self, error: ContextError) -> None:
        """The complaint at the line of its field."""
        name = error.value if error.field == "field" else error.field.partition(".")[0]
        told_as = {"birth_date": "age", "infusion_date": "day"}
        one = self.said.get(str(name)) or self.said.get(told_as.get(str(name), ""))
        if one:
            one.entry.fail(str(error).removeprefix("case: "))


def _plain(name: str, entry: Entry, chosen: int | None) -> tuple[str, Any]:
    """The field and value as a context file has them."""
    if name == "age":
        years = entry.whole() if chosen is None else chosen
        if not 0 <= years <= _OLDEST:
            entry.fail(f"expected an age from 0 to {_OLDEST} years")
        return "birth_date", date(STUDY_DATE.year - years, 1, 1)
    if name == "day":
        days = entry.whole() if chosen is None else chosen
        return "infusion_date", STUDY_DATE - timedelta(days=days)
    if isinstance(entry.node, yaml.SequenceNode):
        return name, entry.texts()
    return name, entry.raw() if chosen is None else chosen


def _moment(entry: Entry, now: datetime) -> datetime | None:
    """`unknown`, or hours before the decision."""
    if entry.raw() == "unknown":
        return None
    hours = entry.number()
    if abs(hours) > _LONGEST_H:
        entry.fail(f"expected at most {_LONGEST_H} hours")
    return now - timedelta(hours=hours)


def _ends(entry: Entry) -> tuple[int, int] | None:
    found = _RANGE.fullmatch(entry.raw())
    if not found:
        return None
    low, high = int(found[1]), int(found[2])
    if low >= high:
        entry.fail(f"the range `{found[0]}` runs backwards")
    return low, high


def _points(low: int, high: int, policy: Policy) -> tuple[int, ...]:
    """The ends, and what lies on and beside every number that the policy asks of the context."""
    scores = policy.limits.scores
    marks = [scores.ice_from_age, scores.capd_below_age, *(start for start, _ in (*scores.ice, *scores.capd))]
    for condition in policy.conditions():
        marks += [
            leaf.cut.value for leaf in leaves(condition) if isinstance(leaf, ContextAtLeast | ContextAtMost)
        ]
    beside = {int(mark) + step for mark in marks for step in (-1, 0, 1)}
    return tuple(sorted({low, high, *(mark for mark in beside if low < mark < high)}))
