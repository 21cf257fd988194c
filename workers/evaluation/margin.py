"""How far a study is from a rule's border: one number for each rule, so that a curve can be drawn through it."""

from collections.abc import Mapping
from math import inf

from rules.conditions import AllOf, AnyOf, AtLeast, AtMost, Condition, IfAssessed, Not, SomeOf, Subject

OPEN = -inf
"""Rests on something that was not measured, or on the context, which an evaluation does not have: surely not given."""
NO = -1e9
"""Counts as no for sure (`if_assessed` of what was not measured), so that its negation holds."""


def margin(condition: Condition, measured: Mapping[Subject, float]) -> float:
    """Signed distance to fulfilment in units of the cuts: at least 0 where the condition holds; larger is surer.

    A leaf is (value - cut) / cut; "and" is its least part, "or" its largest, "at least k of" its k-th largest.
    """
    match condition:
        case AllOf(parts) | AnyOf(parts) | SomeOf(_, parts):
            return sorted((margin(part, measured) for part in parts), reverse=True)[_needed(condition) - 1]
        case Not(part):
            inner = margin(part, measured)
            return OPEN if inner == OPEN else -inner
        case IfAssessed(part):
            return max(margin(part, measured), NO)
        case AtLeast() | AtMost():
            return _leaf(condition, measured)
        case _:
            return OPEN


def _needed(condition: AllOf | AnyOf | SomeOf) -> int:
    """How many of its parts have to hold."""
    match condition:
        case AllOf(parts):
            return len(parts)
        case AnyOf():
            return 1
        case SomeOf(count, _):
            return count


def _leaf(leaf: AtLeast | AtMost, measured: Mapping[Subject, float]) -> float:
    value, cut = measured.get(leaf.subject), leaf.cut.value
    if value is None:
        return OPEN
    unit = abs(cut) or 1.0
    match leaf:
        case AtLeast():
            return (value - cut) / unit
        case AtMost(_, _, is_magnitude):
            return (cut - (abs(value) if is_magnitude else value)) / unit
