"""What a changed cut does to its condition: whether it then holds less often or more often."""

from collections.abc import Iterator
from enum import Enum

from rules.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    ContextAtLeast,
    ContextAtMost,
    IfAssessed,
    Not,
    SomeOf,
)

CutLeaf = AtLeast | AtMost | ContextAtLeast | ContextAtMost


class Effect(Enum):
    """Of another value of a cut on the whole condition."""

    LESS_OFTEN = "holds less often"
    MORE_OFTEN = "holds more often"
    NONE = "holds as often"


def cut_leaves(condition: Condition, *, is_negated: bool = False) -> Iterator[tuple[CutLeaf, bool]]:
    """Every question with a cut, and whether it stands under a `not`, in the order of the policy."""
    match condition:
        case AllOf(parts) | AnyOf(parts) | SomeOf(_, parts):
            for part in parts:
                yield from cut_leaves(part, is_negated=is_negated)
        case Not(part):
            yield from cut_leaves(part, is_negated=not is_negated)
        case IfAssessed(part):
            yield from cut_leaves(part, is_negated=is_negated)
        case AtLeast() | AtMost() | ContextAtLeast() | ContextAtMost():
            yield condition, is_negated


def effect(leaf: CutLeaf, value: float, *, is_negated: bool) -> Effect:
    """What becomes of the whole condition if the leaf's cut becomes `value`."""
    if value == leaf.cut.value:
        return Effect.NONE
    is_stricter = (value > leaf.cut.value) is isinstance(leaf, AtLeast | ContextAtLeast)
    return Effect.LESS_OFTEN if is_stricter is not is_negated else Effect.MORE_OFTEN
