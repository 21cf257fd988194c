"""The bars of issue 3 beside what was measured, each for the kind of study that it is meant for."""

from collections.abc import Iterator, Sequence

from workers.evaluation.finding_tables import Pair, count_accuracy, volume_error
from workers.evaluation.mask_tables import strata_of
from workers.evaluation.negatives import false_alarms, false_patterns, is_unremarkable
from workers.evaluation.origin import Origin, origin_of
from workers.evaluation.outcome import Outcome
from workers.evaluation.overlap import Overlap
from workers.evaluation.statistics import Estimate, median
from workers.evaluation.tables import Cell, Table

RULES_WITH_BAR = tuple(f"R{n:02d}" for n in range(1, 13))
"""The patterns that issue 3 sets bars for."""
NO_BAR = "no bar"
"""What is measured on drawn lesions under a bar for scans of patients."""

_THIN = "up to 1.5 mm"
"""Slices of the scans that are not the clinic's usual."""
Row = tuple[Cell, ...]


def bar_table(outcomes: Sequence[Outcome], rules: Table, found: Sequence[Pair]) -> Table:
    """Every bar: wanted, estimate, and whether it is reached."""
    rows = [*_patterns(rules), *_alarms(outcomes)]
    rows.append(_bar("microbleed count within ±1", "≥", 0.80, count_accuracy(found)))
    rows.append(_bar("region volume error, median %", "≤", 20.0, volume_error(found)))
    for origin in Origin:
        rows += _masks(origin, [one for one in outcomes if origin_of(one) is origin])
    return Table(
        "bars",
        "Bars of issue 3",
        "Reached is judged on the estimate; where the interval reaches across the bar, more studies are needed to be sure. "
        "The bars of patterns, alarms, counts and volumes are meant for the reporting half. Those of masks are meant for scans "
        "of patients with an expert's mask: what was measured on drawn lesions stands here without a bar.",
        ("what", "wanted", "estimate", "reached"),
        tuple(rows),
    )


def _patterns(rules: Table) -> Iterator[Row]:
    for code, name, _, _, sensitivity, specificity, *_ in rules.rows:
        if code in RULES_WITH_BAR:
            yield _bar(f"{code} {name}: sensitivity", "≥", 0.90, sensitivity)
            yield _bar(f"{code} {name}: specificity", "≥", 0.95, specificity)


def _alarms(outcomes: Sequence[Outcome]) -> Iterator[Row]:
    yield _bar("negatives that become P1", "≤", 0.01, false_alarms(outcomes))
    yield _bar("of those of which nothing is tolerated", "≤", 0.01, false_alarms(outcomes, is_unremarkable))
    read = [one for one in outcomes if origin_of(one) is Origin.READ]
    if read:
        yield _bar("read negatives with a pattern that is not there", "≤", 0.0, false_patterns(read))


def _masks(origin: Origin, outcomes: Sequence[Outcome]) -> Iterator[Row]:
    """Masks of one origin; nothing of an origin without any."""
    flair = _flair(outcomes)
    having = [one for one in flair if one.true_ml > 0]
    whose = f"FLAIR lesions, {len(having)} {origin} studies"
    is_real = origin is Origin.READ
    if having:
        yield _bar(f"{whose}: mean Dice", "≥", 0.60 if is_real else None, _mean_dice(having))
    if is_real:
        thick = [one for one in outcomes if ("slice spacing", _THIN) not in strata_of(one)]
        clinical = [one for one in _flair(thick) if one.true_ml > 0]
        if clinical:
            yield _bar(f"{len(clinical)} of them with slices above 1.5 mm", "≥", 0.70, _mean_dice(clinical))
    if flair:
        mean = sum(one.false_clusters for one in flair) / len(flair)
        yield _bar(f"FLAIR false clusters, {len(flair)} {origin} studies: mean", "≤", 10.0 if is_real else None, mean)  # fmt: skip
    brains = [one.brain_dice for one in outcomes if one.brain_dice is not None]
    if brains:
        yield _bar(f"brain mask, {len(brains)} {origin} studies: median Dice", "≥", None, median(brains))


def _flair(outcomes: Sequence[Outcome]) -> list[Overlap]:
    return [mask for one in outcomes for mask in one.overlaps if mask.kind == "flair"]


def _mean_dice(overlaps: Sequence[Overlap]) -> float:
    return sum(one.dice or 0.0 for one in overlaps) / len(overlaps)


def _bar(what: str, sign: str, bar: float | None, cell: Cell) -> Row:
    """A row; without a bar only the estimate."""
    if bar is None:
        return what, "-", cell, NO_BAR
    value = cell.value if isinstance(cell, Estimate) else cell
    if not isinstance(value, int | float):
        return what, f"{sign} {bar:g}", None, "not measured"
    is_reached = value >= bar if sign == "≥" else value <= bar
    return what, f"{sign} {bar:g}", cell, "reached" if is_reached else "not reached"
