"""What another policy would have made of a study that was decided: raised, lowered, otherwise, or the same, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rules.decision import Decision, Floor, Pattern, Status

_NO_RULE = "no such rule"


class Movement(StrEnum):
    """Of the priority, from the stored decision to the new one."""

    RAISED = "raised"
    LOWERED = "lowered"
    OTHER = "same priority, decided otherwise"
    """A pattern or floor differs."""
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A stored decision beside that of another policy."""

    movement: Movement
    before: Decision
    after: Decision
    reasons: tuple[str, ...]
    """Every pattern and floor that differs, each pattern with the conditions that answer otherwise."""


def compare(before: Decision, after: Decision) -> Comparison:
    """The difference between two decisions on the same study."""
    reasons = (*_patterns(before, after), *_floors(before, after))
    return Comparison(_movement(before, after, is_otherwise=bool(reasons)), before, after, reasons)


def _movement(before: Decision, after: Decision, *, is_otherwise: bool) -> Movement:
    if after.priority.is_above(before.priority):
        return Movement.RAISED
    if before.priority.is_above(after.priority):
        return Movement.LOWERED
    return Movement.OTHER if is_otherwise else Movement.UNCHANGED


def _patterns(before: Decision, after: Decision) -> Iterator[str]:
    old, new = ({pattern.rule: pattern for pattern in one.patterns} for one in (before, after))
    for rule in dict.fromkeys([*new, *old]):
        one, other = old.get(rule), new.get(rule)
        # A rule that was not asked, or is no longer, changes nothing where it is absent.
        is_silent = {_standing(one), _standing(other)} <= {_NO_RULE, Status.ABSENT.value}
        if _standing(one) != _standing(other) and not is_silent:
            name = (other or one or after.patterns[0]).name
            lines = [line for line in (other.reasons if other else ()) if not one or line not in one.reasons]
            told = f": {'; '.join(lines)}" if lines else ""
            yield f"{rule} {name}: {_standing(one)} → {_standing(other)}{told}"


def _standing(pattern: Pattern | None) -> str:
    if pattern is None:
        return _NO_RULE
    return f"{pattern.status}, {pattern.priority}" if pattern.priority else f"{pattern.status}"


def _floors(before: Decision, after: Decision) -> Iterator[str]:
    old, new = ({(floor.code, floor.priority): floor for floor in one.floors} for one in (before, after))
    yield from (f"{_floor(new[key])} holds now" for key in new if key not in old)
    yield from (f"{_floor(old[key])} holds no longer" for key in old if key not in new)


def _floor(floor: Floor) -> str:
    return f"floor {floor.code} ({floor.priority}, {floor.because})"
