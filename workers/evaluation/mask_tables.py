"""How well the masks agree with the true ones, and the same by kind of study and image."""

from collections import defaultdict
from collections.abc import Sequence

from rules.anatomy import Role
from rules.decision import Status
from workers.evaluation.outcome import Outcome
from workers.evaluation.overlap import FALSE_CLUSTER_MM3, Overlap
from workers.evaluation.statistics import median, quartiles, share
from workers.evaluation.tables import Cell, Table

BRAIN_BAR = 0.95
"""Bar of issue 3 for the brain mask on clinical whole heads."""
_SIZES = ((1.0, "below 1 mL"), (5.0, "1 to 5 mL"), (20.0, "5 to 20 mL"), (float("inf"), "20 mL and more"))
_SLICES = ((1.5, "up to 1.5 mm"), (3.5, "1.5 to 3.5 mm"), (float("inf"), "above 3.5 mm"))
_NOISE = ((15.0, "SNR below 15"), (30.0, "SNR 15 to 30"), (float("inf"), "SNR 30 and more"))


def mask_table(outcomes: Sequence[Outcome]) -> Table:
    """Dice, volume, lesions and false clusters of every kind of mask."""
    groups: dict[str, list[Overlap]] = defaultdict(list)
    for outcome in outcomes:
        for one in outcome.overlaps:
            groups[one.kind].append(one)
    return Table(
        "masks",
        "Lesion masks",
        "Dice and volume error over studies with a true lesion; lesions found over all true lesions, touched by the mask; "
        f"false clusters of at least {FALSE_CLUSTER_MM3:.0f} mm³ in a study, over all studies with a true mask, empty ones too.",
        ("mask", "studies", "with lesion", "Dice median", "lower quartile", "upper quartile", "Dice mean",
         "volume error % median", "lower quartile ", "upper quartile ", "lesions found", "false clusters median",
         "false clusters mean"),
        tuple(_row(kind, members) for kind, members in sorted(groups.items())),
    )  # fmt: skip


def _row(kind: str, members: Sequence[Overlap]) -> tuple[Cell, ...]:
    having = [one for one in members if one.true_ml > 0]
    dice = [one.dice or 0.0 for one in having]
    error = [100.0 * abs(one.found_ml - one.true_ml) / one.true_ml for one in having]
    false = [float(one.false_clusters) for one in members]
    of_dice, of_error = (quartiles(values) or (None, None, None) for values in (dice, error))
    lesions = sum(one.lesions for one in having)
    return (
        kind, len(members), len(having), median(dice), of_dice[0], of_dice[2],
        sum(dice) / len(dice) if dice else None,
        median(error), of_error[0], of_error[2],
        share(sum(one.lesions_found for one in having), lesions),
        median(false), sum(false) / len(false) if false else None,
    )  # fmt: skip


def brain_table(outcomes: Sequence[Outcome]) -> Table:
    """Dice of the brain mask, of all studies and by slice spacing."""
    groups: dict[str, list[float]] = defaultdict(list)
    for one in outcomes:
        if one.brain_dice is not None:
            groups["all"].append(one.brain_dice)
            for name in (group for by, group in strata_of(one) if by == "slice spacing"):
                groups[f"slices {name}"].append(one.brain_dice)
    return Table(
        "brain",
        "Brain mask",
        "Dice with the simulated brain on the grid of the FLAIR, over the studies in which a brain was found.",
        ("studies of", "studies", "Dice median", "lower quartile", "upper quartile", "lowest", "Dice mean",
         f"share of {BRAIN_BAR:g} or more"),
        tuple(_brain_row(name, dice) for name, dice in groups.items()),
    )  # fmt: skip


def _brain_row(name: str, dice: Sequence[float]) -> tuple[Cell, ...]:
    low, _, high = quartiles(dice) or (None, None, None)
    reached = share(sum(one >= BRAIN_BAR for one in dice), len(dice))
    return name, len(dice), median(dice), low, high, min(dice), sum(dice) / len(dice), reached


def strata_table(outcomes: Sequence[Outcome]) -> Table:
    """Rules and FLAIR masks by what the study and its images are like."""
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        for stratum in strata_of(outcome):
            groups[stratum].append(outcome)
    return Table(
        "strata",
        "By kind of study and image",
        "Sensitivity and specificity over all pairs of a study and an imaging rule that answered; Dice of the FLAIR mask. Slice spacing and "
        "noise are those of the FLAIR as measured.",
        ("by", "group", "studies", "rules: sensitivity", "rules: specificity", "Dice median", "lesions found",
         "false clusters mean"),
        tuple(_stratum(*key, members) for key, members in sorted(groups.items())),
    )  # fmt: skip


def strata_of(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    """The groups that a study belongs to."""
    found = list(outcome.truth.strata) if outcome.truth else []
    for one in outcome.overlaps:
        if one.kind == "flair" and one.true_ml > 0:
            found.append(("FLAIR lesion", _group(one.true_ml, _SIZES)))
    flair = next((one.quality for one in outcome.series if one.role is Role.FLAIR and one.quality), None)
    if flair and flair.slice_spacing_mm is not None:
        found.append(("slice spacing", _group(flair.slice_spacing_mm, _SLICES)))
    if flair and flair.signal_to_noise is not None:
        found.append(("noise", _group(flair.signal_to_noise, _NOISE)))
    return tuple(found)


def _group(value: float, limits: tuple[tuple[float, str], ...]) -> str:
    return next(name for limit, name in limits if value < limit)


def _stratum(by: str, group: str, members: Sequence[Outcome]) -> tuple[Cell, ...]:
    having = lacking = hits = right = 0
    for one in members:
        if one.truth is None:
            continue
        for rule in one.rules:
            given = rule.status is Status.PRESENT
            if rule.rule in one.truth.present:
                having, hits = having + 1, hits + given
            elif rule.rule not in one.truth.tolerated and rule.status is not Status.OPEN:
                lacking, right = lacking + 1, right + (not given)
    masks = [mask for one in members for mask in one.overlaps if mask.kind == "flair"]
    with_lesion = [mask for mask in masks if mask.true_ml > 0]
    lesions = sum(mask.lesions for mask in with_lesion)
    return (
        by, group, len(members), share(hits, having), share(right, lacking),
        median([mask.dice or 0.0 for mask in with_lesion]),
        share(sum(mask.lesions_found for mask in with_lesion), lesions),
        sum(mask.false_clusters for mask in masks) / len(masks) if masks else None,
    )  # fmt: skip
