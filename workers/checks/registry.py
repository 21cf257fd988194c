"""Which checks there are, in an order in which each comes after those it reads."""

from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
from pathlib import Path

from rules.conditions import Subject
from rules.findings import Why
from rules.measurable import FOLLOWING
from rules.policy import Policy
from workers.checks.check import Check

GROUP = "cartriage.checks"
"""Entry points of this group name a Check, as `workers.checks.oedema:CHECK` does, or a function that makes one from the
folder of plug-in models, as `workers.checks.flair:check_with` does."""


@cache
def checks(models: Path | None = None) -> tuple[Check, ...]:
    """All installed checks.

    models : folder of plug-in models, if the site has any (docs/operations.md)

    Raises ValueError if two share a name, if one comes after a check that is not there, or if they wait for each other;
    ModelRefused if a plug-in model is not what its card says.
    """
    found = [point.load() for point in entry_points(group=GROUP)]
    return ordered([one if isinstance(one, Check) else one(models) for one in found])


def ordered(found: list[Check]) -> tuple[Check, ...]:
    """Checks by dependency, then by name."""
    named = {check.name: check for check in sorted(found, key=lambda one: one.name)}
    if len(named) != len(found):
        raise ValueError("two checks share a name")
    if missing := {name for check in found for name in check.after} - set(named):
        raise ValueError(f"no check is named {', '.join(sorted(missing))}")
    order = TopologicalSorter({name: check.after for name, check in named.items()}).static_order()
    return tuple(named[name] for name in order)


def unmeasured(policy: Policy, found: tuple[Check, ...]) -> tuple[Subject, ...]:
    """What a policy asks for and none of these checks measures: questions that would stay open in every study."""
    made = {
        Subject(one.quantity, one.region, one.side)
        for check in found
        for one in check.silence(Why.SERIES_MISSING, "")
    }
    return tuple(sorted(policy.needed_findings() - made - FOLLOWING))
