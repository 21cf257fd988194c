"""Which checks there are, in an order in which each comes after those it reads."""

from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import entry_points

from workers.checks.check import Check

GROUP = "cartriage.checks"
"""Entry points of this group name an object of type Check, as in `flair = "workers.checks.flair:CHECK"`."""


@cache
def checks() -> tuple[Check, ...]:
    """All installed checks.

    Raises ValueError if two share a name, if one comes after a check that is not there, or if they wait for each other.
    """
    found = [point.load() for point in entry_points(group=GROUP)]
    return ordered(found)


def ordered(found: list[Check]) -> tuple[Check, ...]:
    """Checks by dependency, then by name."""
    named = {check.name: check for check in sorted(found, key=lambda one: one.name)}
    if len(named) != len(found):
        raise ValueError("two checks share a name")
    if missing := {name for check in found for name in check.after} - set(named):
        raise ValueError(f"no check is named {', '.join(sorted(missing))}")
    order = TopologicalSorter({name: check.after for name, check in named.items()}).static_order()
    return tuple(named[name] for name in order)
