"""From outcomes to the report: tables, bars, times, failures."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rules.policy import Policy
from workers.evaluation.finding_tables import (
    calibration_table,
    count_accuracy,
    finding_table,
    pairs,
    volume_error,
)
from workers.evaluation.mask_tables import BRAIN_BAR, brain_table, mask_table, strata_table
from workers.evaluation.one_case import is_failure
from workers.evaluation.outcome import Ending, Outcome
from workers.evaluation.rule_tables import false_alarms, priority_table, rule_table
from workers.evaluation.statistics import Estimate, quartiles
from workers.evaluation.tables import Cell, Table, column
from workers.versions import versions

RULES_WITH_BAR = tuple(f"R{n:02d}" for n in range(1, 13))
"""The patterns that issue 3 sets bars for."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the evaluation says."""

    suite: str
    """What was evaluated, as in `synthetic, reporting half`."""
    made_at: str
    policy: str
    policy_digest: str
    versions: dict[str, str]
    studies: int
    tables: tuple[Table, ...]
    """The bars first."""
    failures: tuple[Outcome, ...]
    """Worst first."""


def report_of(outcomes: Sequence[Outcome], policy: Policy, suite: str, made_at: str) -> Report:
    """The report of a suite."""
    found = pairs(outcomes)
    rules = rule_table(outcomes, policy)
    masks, brains = mask_table(outcomes), brain_table(outcomes)
    tables = (
        _bars(outcomes, rules, masks, brains),
        rules,
        priority_table(outcomes),
        finding_table(found, policy),
        masks,
        brains,
        calibration_table(found),
        strata_table(outcomes),
        _endings(outcomes),
        _times(outcomes),
    )
    identity = policy.identity
    return Report(
        suite=suite,
        made_at=made_at,
        policy=f"{identity.name} {identity.version}",
        policy_digest=identity.digest,
        versions=versions(),
        studies=len(outcomes),
        tables=tables,
        failures=worst_first(outcomes),
    )


def worst_first(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """The cases that went wrong: no result, then wrong rules, then poor masks."""
    failed = [one for one in outcomes if is_failure(one)]

    def badness(one: Outcome) -> tuple[int, int, float, str]:
        worst = min((mask.dice or 0.0 for mask in one.overlaps if mask.true_ml > 1), default=1.0)
        return (one.ending is Ending.DONE, -len(one.wrong_rules), worst, one.name)

    return tuple(sorted(failed, key=badness))


def _bars(outcomes: Sequence[Outcome], rules: Table, masks: Table, brains: Table) -> Table:
    found = pairs(outcomes)
    rows: list[tuple[Cell, ...]] = []
    for code, name, _, _, sensitivity, specificity, *_ in rules.rows:
        if code in RULES_WITH_BAR:
            for words, value, bar in (("sensitivity", sensitivity, 0.90), ("specificity", specificity, 0.95)):
                rows.append(_bar(f"{code} {name}: {words}", "≥", bar, value))
    rows.append(_bar("negatives that become P1", "≤", 0.01, false_alarms(outcomes)))
    rows.append(_bar("microbleed count within ±1", "≥", 0.80, count_accuracy(found)))
    rows.append(_bar("region volume error, median %", "≤", 20.0, volume_error(found)))
    for row in masks.rows:
        cells = dict(zip(masks.columns, row, strict=True))
        if cells["mask"] == "flair":
            rows.append(_bar("FLAIR lesions: mean Dice", "≥", 0.60, cells["Dice mean"]))
            rows.append(
                _bar("FLAIR false clusters in a study, mean", "≤", 10.0, cells["false clusters mean"])
            )
    rows += [
        _bar("brain mask: median Dice", "≥", BRAIN_BAR, cell) for cell in column(brains, "Dice median")[:1]
    ]
    return Table(
        "bars",
        "Bars of issue 3",
        "Reached is judged on the estimate; where the interval reaches across the bar, more studies are needed to be sure. "
        "The bars are meant for the reporting half; Dice for real scans.",
        ("what", "wanted", "estimate", "reached"),
        tuple(rows),
    )


def _bar(what: str, sign: str, bar: float, cell: Cell) -> tuple[Cell, ...]:
    value = cell.value if isinstance(cell, Estimate) else cell
    if not isinstance(value, int | float):
        return what, f"{sign} {bar:g}", None, "not measured"
    is_reached = value >= bar if sign == "≥" else value <= bar
    return what, f"{sign} {bar:g}", cell, "reached" if is_reached else "not reached"


def _endings(outcomes: Sequence[Outcome]) -> Table:
    rows = tuple((ending.value, sum(one.ending is ending for one in outcomes)) for ending in Ending)
    return Table("endings", "How the cases ended", "", ("ending", "studies"), rows)


def _times(outcomes: Sequence[Outcome]) -> Table:
    """Seconds of each stage, and of the whole; memory of the whole."""
    groups: dict[str, list[float]] = defaultdict(list)
    done = [one for one in outcomes if one.ending is Ending.DONE]
    for one in done:
        per_stage: dict[str, float] = defaultdict(float)
        for stage in one.stages:
            per_stage[stage.stage] += stage.seconds
        for name, seconds in per_stage.items():
            groups[name].append(seconds)
    rows: list[tuple[Cell, ...]] = [
        ("from files to decision, s", *_spread([one.seconds for one in done])),
        ("peak memory, MB", *_spread([one.peak_mb for one in done])),
    ]
    rows += [(f"stage {name}, s", *_spread(seconds)) for name, seconds in sorted(groups.items())]
    note = "One thread a process, as many processes as --jobs: a busy machine makes these longer; see bench-analysis."
    return Table("times", "Time and memory", note, ("what", "lower quartile", "median", "upper quartile", "most"), tuple(rows))  # fmt: skip


def _spread(values: Sequence[float]) -> tuple[Cell, ...]:
    return (*(quartiles(values) or (None, None, None)), max(values, default=None))
