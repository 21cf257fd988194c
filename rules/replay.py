"""A decision made again beside the one that was stored: what differs, rule by rule and field by field."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from rules.codec import to_plain
from rules.decision import Decision, Floor, Pattern

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


def _rules(decision: Decision) -> dict[str, Pattern]:
    return {pattern.rule: pattern for pattern in decision.patterns}


def _floors(decision: Decision) -> dict[str, Floor]:
    """By code, and by number among those of the same code."""
    found: dict[str, Floor] = {}
    for floor in decision.floors:
        same = sum(name.partition(" no. ")[0] == f"floor {floor.code}" for name in found)
        found[f"floor {floor.code}" + (f" no. {same + 1}" if same else "")] = floor
    return found


def _parts(stored: Mapping[str, Any], replayed: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*stored, *replayed]):
        one, other = stored.get(name), replayed.get(name)
        where = f"{name} {known.name}" if isinstance(known := one or other, Pattern) else name
        if one is None or other is None:
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
