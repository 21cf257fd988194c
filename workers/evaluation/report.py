"""From outcomes to the report: tables, bars, times, failures."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rules.policy import Policy
from workers.evaluation.bars import bar_table
from workers.evaluation.finding_tables import calibration_table, finding_table, pairs
from workers.evaluation.lesion_tables import region_table, size_table
from workers.evaluation.mask_tables import brain_table, mask_table, strata_table
from workers.evaluation.negatives import false_alarm_table
from workers.evaluation.one_case import is_failure
from workers.evaluation.outcome import Ending, Outcome
from workers.evaluation.rule_strata import error_table, rule_strata_table
from workers.evaluation.rule_tables import priority_table, rule_table
from workers.evaluation.statistics import quartiles
from workers.evaluation.tables import Cell, Table
from workers.versions import versions


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
    tables = (
        bar_table(outcomes, rules, found),
        rules,
        false_alarm_table(outcomes),
        priority_table(outcomes),
        finding_table(found, policy),
        mask_table(outcomes),
        size_table(outcomes),
        region_table(outcomes),
        brain_table(outcomes),
        calibration_table(found),
        strata_table(outcomes),
        error_table(outcomes),
        rule_strata_table(outcomes),
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
