"""How well the findings measure: detection, error, counts, and whether their uncertainty is honest."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rules.anatomy import Region, Side
from rules.conditions import AtLeast, Subject, leaves
from rules.findings import UNITS, Quantity
from rules.policy import Policy
from workers.evaluation.outcome import Outcome
from workers.evaluation.statistics import Estimate, auc, median, quartiles, share
from workers.evaluation.tables import Cell, Table

USUAL_CUT_ML = 0.5
"""Least volume that counts as there, where no rule of the policy names one (knowledge base M1)."""
LEAST = 0.5
"""Smaller true values, in mL, mm, foci or percent, have no relative error worth the name."""
SMALLER_IS_WORSE = frozenset({Quantity.CSF_CHANGE})
"""There is no "detection at a cut" of what is measured everywhere and lost in disease."""
COUNT_WITHIN = 1
"""Difference of a count that is still right."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A true value and what was measured; None where it was not assessed."""

    subject: Subject
    true: float
    measured: float | None
    uncertainty: float | None


def pairs(outcomes: Sequence[Outcome]) -> tuple[Pair, ...]:
    """Every true value of every study beside its measurement."""
    return tuple(pair for outcome in outcomes for pair in _pairs_of(outcome))


def _pairs_of(outcome: Outcome) -> Iterator[Pair]:
    if outcome.truth is None:
        return
    found = {Subject(one.quantity, one.region, one.side): one for one in outcome.measured}
    for true in outcome.truth.values:
        subject = Subject(true.quantity, true.region, true.side)
        one = found.get(subject)
        yield Pair(subject, true.value, one.value if one else None, one.uncertainty if one else None)


def cuts(policy: Policy) -> dict[tuple[Quantity, Region], float]:
    """The lowest cut that the policy sets for a quantity in a region, whatever the side."""
    lowest: dict[tuple[Quantity, Region], float] = {}
    for condition in policy.conditions():
        for leaf in leaves(condition):
            if isinstance(leaf, AtLeast):
                key = (leaf.subject.quantity, leaf.subject.region)
                lowest[key] = min(leaf.cut.value, lowest.get(key, leaf.cut.value))
    return lowest


def finding_table(found: Sequence[Pair], policy: Policy) -> Table:
    """Detection at the policy's cut and error of every finding with a true value."""
    lowest = cuts(policy)
    groups: dict[tuple[Quantity, Region], list[Pair]] = defaultdict(list)
    for pair in found:
        groups[pair.subject.quantity, pair.subject.region].append(pair)
    rows = [
        (*key, *_detected(key, members, lowest), *_error(members), UNITS[key[0]], *_in_units(members))
        for key, members in sorted(groups.items())
    ]
    return Table(
        "findings",
        "Findings",
        "With: the true value reaches the policy's lowest cut (0.5 where it has none). Without: it is less than half of the "
        "cut; in between counts for neither. Both sides of a region are in one row. The error is relative to the true value, "
        f"of true values from {LEAST} on; the bias keeps its sign. In units: the median error of the same values, and below what "
        "the measurement stays in 95 % of the places where nothing is.",
        ("quantity", "region", "cut", "with", "without", "sensitivity", "specificity", "AUC", "not assessed",
         "median error %", "lower quartile", "upper quartile", "median bias %",
         "unit", "median error in units", "where nothing is: 95 % below"),
        tuple(rows),
    )  # fmt: skip


def _detected(
    key: tuple[Quantity, Region], members: Sequence[Pair], lowest: Mapping[tuple[Quantity, Region], float]
) -> tuple[Cell, ...]:
    if key[0] in SMALLER_IS_WORSE:
        return (None,) * 6 + (sum(one.measured is None for one in members),)
    return _detection(members, lowest.get(key, USUAL_CUT_ML))


def _detection(members: Sequence[Pair], cut: float) -> tuple[Cell, ...]:
    having = [one for one in members if one.true >= cut]
    lacking = [one for one in members if one.true < cut / 2]
    hits, false = (sum((one.measured or 0.0) >= cut for one in group) for group in (having, lacking))
    scores = [
        [float("-inf") if one.measured is None else one.measured for one in group]
        for group in (having, lacking)
    ]
    return (
        cut,
        len(having),
        len(lacking),
        share(hits, len(having)),
        share(len(lacking) - false, len(lacking)),
        auc(*scores),
        sum(one.measured is None for one in members),
    )


def _error(members: Sequence[Pair]) -> tuple[Cell, ...]:
    signed = errors(members)
    spread = quartiles([abs(one) for one in signed])
    low, _, high = spread or (None, None, None)
    return median([abs(one) for one in signed]), low, high, median(signed).value


def _in_units(members: Sequence[Pair]) -> tuple[Cell, ...]:
    off = [
        abs(one.measured - one.true) for one in members if abs(one.true) >= LEAST and one.measured is not None
    ]
    nothing = [one.measured for one in members if one.true == 0 and one.measured is not None]
    return median(off), float(np.percentile(nothing, 95)) if nothing else None


def errors(members: Sequence[Pair]) -> list[float]:
    """Signed errors in percent of the true values, of those from LEAST on that were measured."""
    return [
        100.0 * (one.measured - one.true) / abs(one.true)
        for one in members
        if abs(one.true) >= LEAST and one.measured is not None
    ]


def volume_error(found: Sequence[Pair]) -> Estimate:
    """Median error of the FLAIR volumes of regions and sides, in percent; the whole brain is not a region."""
    chosen = [
        one
        for one in found
        if one.subject.quantity is Quantity.FLAIR_VOLUME and one.subject.region is not Region.BRAIN
    ]
    return median([abs(one) for one in errors(chosen)])


def count_accuracy(found: Sequence[Pair]) -> Estimate:
    """Share of the studies with microbleeds whose count is right within COUNT_WITHIN; not assessed is wrong."""
    whole = Subject(Quantity.MICROBLEED_COUNT, Region.BRAIN, Side.WHOLE)
    chosen = [one for one in found if one.subject == whole and one.true > 0]
    right = [
        one for one in chosen if one.measured is not None and abs(one.measured - one.true) <= COUNT_WITHIN
    ]
    return share(len(right), len(chosen))


def calibration_table(found: Sequence[Pair]) -> Table:
    """How often the truth lies within the interval that the check gave."""
    groups: dict[Quantity, list[bool]] = defaultdict(list)
    for pair in found:
        if pair.measured is not None and pair.uncertainty is not None and pair.true:
            groups[pair.subject.quantity].append(abs(pair.measured - pair.true) <= pair.uncertainty)
    rows = tuple(
        (quantity, len(inside), share(sum(inside), len(inside)))
        for quantity, inside in sorted(groups.items())
    )
    return Table(
        "calibration",
        "Uncertainty",
        "Share of true values other than zero inside the 95 % interval of the measurement; an honest check reaches 0.95.",
        ("quantity", "values", "inside"),
        rows,
    )
