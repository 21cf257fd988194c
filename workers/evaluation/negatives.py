"""Studies of which nothing ought to be raised, and what was raised of them."""

from collections.abc import Callable, Sequence

from rules.urgency import Priority
from workers.evaluation.outcome import Ending, Outcome
from workers.evaluation.statistics import Estimate, share
from workers.evaluation.synthetic import expected_priority, is_simulated
from workers.evaluation.tables import Cell, Table


def is_negative(outcome: Outcome) -> bool:
    """Whether no rule has to be present and a reader would give no more than P4.

    Rules may be tolerated: old scars, plaques and lime are where false alarms come from. A simulated study can be urgent
    without a rule that must be present (a single microbleed, a lesion that enhances); of a read one the manifest's
    empty `present` says that it is negative.
    """
    if outcome.truth is None or outcome.truth.present:
        return False
    return not is_simulated(outcome.name) or expected_priority(outcome.name) in {None, Priority.P4}


def is_unremarkable(outcome: Outcome) -> bool:
    """Whether it is a negative of which no rule is even tolerated."""
    return is_negative(outcome) and outcome.truth is not None and outcome.truth.is_unremarkable


def false_alarms(outcomes: Sequence[Outcome], chosen: Callable[[Outcome], bool] = is_negative) -> Estimate:
    """Share of the negatives with a result that the images alone make P1."""
    answered = [one for one in outcomes if chosen(one) and one.ending is Ending.DONE]
    return share(sum(one.imaging_priority is Priority.P1 for one in answered), len(answered))


def false_patterns(outcomes: Sequence[Outcome]) -> Estimate:
    """Share of the negatives with a result that have a pattern that is not even tolerated."""
    answered = [one for one in outcomes if is_negative(one) and one.ending is Ending.DONE]
    return share(sum(bool(one.wrong_rules) for one in answered), len(answered))


def false_alarm_table(outcomes: Sequence[Outcome]) -> Table:
    """What became of the negatives, by kind."""
    negatives = [one for one in outcomes if is_negative(one)]
    rows = [
        _row(kind, [one for one in negatives if one.kind == kind])
        for kind in sorted({one.kind for one in negatives})
    ]
    if negatives:
        rows.append(_row("all", negatives))
        rows.append(
            _row("all of which nothing is tolerated", [one for one in negatives if is_unremarkable(one)])
        )
    return Table(
        "false_alarms",
        "False alarms by kind of negative",
        "Studies of which no rule has to be present and to which a reader would give no more than P4. Priority from the images "
        "alone; a tolerated pattern may raise it to P3 or P2 without being wrong. Without a result: refused, as for motion, or "
        "failed; they are in no share.",
        ("kind", "studies", *(priority.value for priority in Priority), "without a result", "with a false pattern", "which"),
        tuple(rows),
    )  # fmt: skip


def _row(kind: str, members: Sequence[Outcome]) -> tuple[Cell, ...]:
    answered = [one for one in members if one.ending is Ending.DONE]
    counts = [sum(one.imaging_priority is priority for one in answered) for priority in Priority]
    wrong = [one.wrong_rules for one in answered]
    rules = sorted({rule for some in wrong for rule in some})
    which = " ".join(f"{rule.lstrip('+')} {sum(rule in some for some in wrong)}" for rule in rules)
    return kind, len(members), *counts, len(members) - len(answered), sum(map(bool, wrong)), which
