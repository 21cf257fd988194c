"""How much of a finding there is: which measurements a short report shows, and which slices it points to."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rules.findings import Measured, Quantity

AMOUNTS = frozenset(
    {
        Quantity.FLAIR_VOLUME,
        Quantity.RESTRICTED_VOLUME,
        Quantity.MICROBLEED_COUNT,
        Quantity.HAEMORRHAGE_VOLUME,
        Quantity.SULCAL_ENHANCEMENT_VOLUME,
        Quantity.ENHANCING_VOLUME,
        Quantity.FLAIR_NEW_VOLUME,
        Quantity.MICROBLEED_NEW_COUNT,
        Quantity.HAEMORRHAGE_NEW_VOLUME,
        Quantity.RESTRICTED_NEW_VOLUME,
    }
)
"""Quantities that say how much there is, so that nothing is zero."""

T = TypeVar("T")


def check_name(measured: Measured) -> str:
    """The check without its version: a new version measures the same thing."""
    return measured.evidence.check.split(" ")[0]


def turn_of(check: str) -> str:
    """Whose turn a check takes in a short report: what compares with an earlier study shares one, or it would crowd out the rest.

    >>> turn_of("bleed_change"), turn_of("susceptibility")
    ('change', 'susceptibility')
    """
    return "change" if check.endswith("change") else check


def amount(measured: Iterable[Measured]) -> float:
    """The largest amount among measurements of one place; 0 where none says how much."""
    return max((one.value for one in measured if one.quantity in AMOUNTS), default=0.0)


def in_turn(ranked: Sequence[T], kind: Callable[[T], str]) -> list[T]:
    """Best first, but one of each kind before a second of any: no check may crowd out another.

    >>> in_turn(["a1", "a2", "b1"], lambda item: item[0])
    ['a1', 'b1', 'a2']
    """
    turns: dict[str, int] = {}
    places = []
    for order, item in enumerate(ranked):
        turn = turns[kind(item)] = turns.get(kind(item), -1) + 1
        places.append((turn, order, item))
    return [item for _, _, item in sorted(places, key=lambda place: place[:2])]
