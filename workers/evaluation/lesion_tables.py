"""Lesion by lesion and region by region: what is found of small and large ones, and how masks agree in each place."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from workers.evaluation.outcome import Outcome
from workers.evaluation.overlap import FALSE_CLUSTER_MM3, TRUE_CLUSTER_MM3, Overlap, TrueLesion
from workers.evaluation.statistics import median, quartiles, share
from workers.evaluation.tables import Cell, Table

SIZES_ML = (0.1, 0.5, 2.0, 10.0)
"""Borders of the groups of lesion sizes."""
COVERED = 0.1
"""Share of a lesion that has to be covered for more than a touch."""
LEAST_ML = 0.5
"""Smaller true volumes of a region have no Dice worth the name."""


def size_table(outcomes: Sequence[Outcome]) -> Table:
    """Lesions found and false clusters by size; of the outcomes that keep sizes."""
    groups: dict[str, list[Overlap]] = defaultdict(list)
    for outcome in outcomes:
        for one in outcome.overlaps:
            if one.true_lesions is not None:
                groups[one.kind].append(one)
    return Table(
        "lesion_sizes",
        "Lesions by size",
        f"True lesions from {TRUE_CLUSTER_MM3:.0f} mm³ on: found if the mask touches them, or covers a tenth. False clusters from "
        f"{FALSE_CLUSTER_MM3:.0f} mm³ on touch nothing true; in a study, over all studies with a true mask, empty ones too. "
        "Lesions of one study are alike: the intervals are a little too narrow.",
        ("mask", "size", "studies", "true lesions", "found", "a tenth covered", "covered median", "false clusters",
         "false in a study"),
        tuple(row for kind, members in sorted(groups.items()) for row in _by_size(kind, members)),
    )  # fmt: skip


def _by_size(kind: str, members: Sequence[Overlap]) -> Iterator[tuple[Cell, ...]]:
    lesions = [lesion for one in members for lesion in one.true_lesions or ()]
    false = [ml for one in members for ml in one.false_ml or ()]
    edges = (0.0, *SIZES_ML, float("inf"))
    for low, high in pairwise(edges):
        of_size = [one for one in lesions if low <= one.ml < high]
        wrong = sum(low <= ml < high for ml in false)
        yield (kind, _words(low, high), len(members), *_found(of_size), wrong, wrong / len(members))


def _found(lesions: Sequence[TrueLesion]) -> tuple[Cell, ...]:
    covered = [one.covered for one in lesions]
    return (
        len(lesions),
        share(sum(one > 0 for one in covered), len(covered)),
        share(sum(one >= COVERED for one in covered), len(covered)),
        median(covered),
    )


def _words(low: float, high: float) -> str:
    if high == float("inf"):
        return f"{low:g} mL and more"
    return f"{low:g} to {high:g} mL" if low else f"below {high:g} mL"


def region_table(outcomes: Sequence[Outcome]) -> Table:
    """Dice of each kind of mask in each region; of the outcomes that keep regions."""
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for outcome in outcomes:
        for one in outcome.regions:
            if one.true_ml >= LEAST_ML:
                groups[one.kind, one.region].append(one.dice)
    return Table(
        "region_dice",
        "Masks by region",
        f"Dice within the region as the product laid it, over regions and sides with a true volume of {LEAST_ML:g} mL or more.",
        (
            "mask",
            "region",
            "places",
            "Dice median",
            "lower quartile",
            "upper quartile",
            "share of 0.5 or more",
        ),
        tuple((*key, len(dice), *_spread(dice)) for key, dice in sorted(groups.items())),
    )


def _spread(dice: Sequence[float]) -> tuple[Cell, ...]:
    low, _, high = quartiles(dice) or (None, None, None)
    return median(dice), low, high, share(sum(one >= 0.5 for one in dice), len(dice))
