"""A result made again beside the one that was stored: what differs, rule by rule, finding by finding and field by field."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from rules.codec import to_plain
from rules.decision import Decision, Floor, Pattern
from rules.findings import Finding, Lesion
from rules.messages import StudyTriaged

NOTHING = "nothing"
"""What stands for a rule or floor that only one of the decisions has."""
_BY_PART = frozenset({"patterns", "floors"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not the same in both decisions."""

    where: str
    """`decision`, a rule with its name, or a floor."""
    field: str
    stored: str
    replayed: str


def differences(stored: Decision, replayed: Decision) -> tuple[Difference, ...]:
    """Everything in which two decisions differ; none if they are equal."""
    whole = (field.name for field in fields(Decision) if field.name not in _BY_PART)
    return (
        *_fields("decision", stored, replayed, whole),
        *_parts(_rules(stored), _rules(replayed)),
        *_parts(_floors(stored), _floors(replayed)),
    )


def measured_differences(stored: StudyTriaged, again: StudyTriaged) -> tuple[Difference, ...]:
    """Everything in which two analyses of the same images differ: findings, lesions and the use of each series; none if they are equal.

    The decisions that rest on them are compared by `differences`; versions, times and reports are not compared.
    """
    return (
        *_parts(_findings(stored.findings), _findings(again.findings)),
        *_parts(_lesions(stored.lesions), _lesions(again.lesions)),
        *_parts(*({f"series {one.series_instance_uid}": one for one in of.series} for of in (stored, again))),
        *_fields("analysis", stored, again, iter(("unreadable", "failure"))),
    )


def _findings(found: Iterable[Finding]) -> dict[str, Finding]:
    return _numbered((f"{one.quantity} of {one.side} {one.region}", one) for one in found)


def _lesions(found: Iterable[Lesion]) -> dict[str, Lesion]:
    return _numbered((f"lesion of {one.check}", one) for one in found)


def _numbered(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """By name, and by number among those of the same name."""
    found: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    for name, one in named:
        counts[name] += 1
        found[name + (f" no. {counts[name]}" if counts[name] > 1 else "")] = one
    return found


def _rules(decision: Decision) -> dict[str, Pattern]:
    return {pattern.rule: pattern for pattern in decision.patterns}


def _floors(decision: Decision) -> dict[str, Floor]:
    return _numbered((f"floor {floor.code}", floor) for floor in decision.floors)


def _parts(stored: Mapping[str, Any], replayed: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*stored, *replayed]):
        one, other = stored.get(name), replayed.get(name)
        where = f"{name} {known.name}" if isinstance(known := one or other, Pattern) else name
        if one is None or other is None or type(one) is not type(other):
            yield Difference(where, "itself", _words(one), _words(other))
        else:
            yield from _fields(where, one, other, (field.name for field in fields(one)))


def _fields(where: str, stored: Any, replayed: Any, names: Iterator[str]) -> Iterator[Difference]:
    for name in names:
        one, other = getattr(stored, name), getattr(replayed, name)
        if one != other:
            yield Difference(where, name, _words(one), _words(other))


def _words(value: Any) -> str:
    """A value as the trail would write it: text as it is, anything else as JSON."""
    if value is None:
        return NOTHING
    plain = to_plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, sort_keys=True)
