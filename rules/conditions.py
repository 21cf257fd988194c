"""Conditions: a closed set of questions to findings and context, as data. `rules.evaluation` answers them."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from rules.anatomy import Region, Side
from rules.fields import Field
from rules.findings import Quantity


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold with its unit (UCUM), its source and the day it was set."""

    value: float
    unit: str
    source: str
    """A reference, or `[P] proposed` for an engineering default without a published value."""
    date: date


class Subject(NamedTuple):
    """What a finding is about. A tuple, for it is looked up a thousand times in a decision: its hash is C, not Python."""

    quantity: Quantity
    region: Region
    side: Side


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The measured value reaches the cut."""

    subject: Subject
    cut: Cut


@dataclass(frozen=True, slots=True)
class AtMost:
    """The measured value, or its magnitude, stays within the cut."""

    subject: Subject
    cut: Cut
    is_magnitude: bool = False


@dataclass(frozen=True, slots=True)
class ContextAtLeast:
    field: Field
    cut: Cut


@dataclass(frozen=True, slots=True)
class ContextAtMost:
    field: Field
    cut: Cut


@dataclass(frozen=True, slots=True)
class ContextIs:
    """The field has one of the values; not known stays unknown."""

    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextUnknown:
    """The field is not known; for floors that the knowledge base grants to missing dates."""

    field: Field


@dataclass(frozen=True, slots=True)
class NothingAssessed:
    """FLAIR hyperintensity could be measured nowhere: neither pattern nor its absence can be told (knowledge base 1b)."""


@dataclass(frozen=True, slots=True)
class NoOtherPattern:
    """Every imaging rule that asks for more than P4 is absent."""


@dataclass(frozen=True, slots=True)
class HasModality:
    """The study holds a series of this modality (0008,0060)."""

    modality: str


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class SomeOf:
    """At least `count` of the parts."""

    count: int
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Condition"


@dataclass(frozen=True, slots=True)
class IfAssessed:
    """The part holds for sure; what could not be assessed counts as no.

    Only for what the knowledge base asks for "if there is one" (a baseline, tonsils in the field of view): a rule must
    not stay open for ever because nobody scanned the patient before. What was not assessed is still listed.
    """

    part: "Condition"


Leaf = (
    AtLeast
    | AtMost
    | ContextAtLeast
    | ContextAtMost
    | ContextIs
    | ContextUnknown
    | NothingAssessed
    | NoOtherPattern
    | HasModality
)
Condition = Leaf | AllOf | AnyOf | SomeOf | Not | IfAssessed


def leaves(condition: Condition) -> tuple[Leaf, ...]:
    """The questions a condition is made of, in the order of the policy."""
    match condition:
        case AllOf(parts) | AnyOf(parts) | SomeOf(_, parts):
            return tuple(leaf for part in parts for leaf in leaves(part))
        case Not(part) | IfAssessed(part):
            return leaves(part)
        case leaf:
            return (leaf,)
