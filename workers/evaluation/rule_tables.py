"""How well the rules tell studies apart, and what priority each kind of study gets."""

from collections.abc import Sequence

from rules.decision import Status
from rules.policy import Kind, Policy
from rules.urgency import Priority
from workers.evaluation.negatives import is_negative
from workers.evaluation.outcome import Outcome, RuleOutcome
from workers.evaluation.statistics import Estimate, auc, share
from workers.evaluation.tables import Cell, Table

NO_POSITIVES = "no positives in this suite"


def rule_table(outcomes: Sequence[Outcome], policy: Policy) -> Table:
    """Sensitivity, specificity and area under the curve of every imaging rule of the policy."""
    rows = tuple(_row(rule.code, rule.name, outcomes) for rule in policy.rules if rule.kind is Kind.IMAGING)
    return Table(
        "rules",
        "Patterns",
        "Where the pattern is there, a rule that stays open and a study without a result count as missed; where it is not, "
        "they are left out and counted as unanswered, for else a rule that never answers would be perfect. Studies in which "
        "a reader could argue either way are left out of that rule's row. The curve runs over the distance to the rule's cuts.",
        ("rule", "pattern", "with", "without", "sensitivity", "specificity", "AUC", "unanswered", "remark"),
        rows,
    )


def _row(code: str, name: str, outcomes: Sequence[Outcome]) -> tuple[str | int | Estimate, ...]:
    known = [(one, one.truth) for one in outcomes if one.truth is not None]
    having = [one for one, truth in known if code in truth.present]
    lacking = [one for one, truth in known if code not in {*truth.present, *truth.tolerated}]
    answered = [one for one in lacking if _status(one, code) in {Status.PRESENT, Status.ABSENT}]
    hits = sum(_status(one, code) is Status.PRESENT for one in having)
    right = sum(_status(one, code) is Status.ABSENT for one in answered)
    return (
        code,
        name,
        len(having),
        len(answered),
        share(hits, len(having)),
        share(right, len(answered)),
        auc([_score(one, code) for one in having], [_score(one, code) for one in answered]),
        len(lacking) - len(answered),
        "" if having else NO_POSITIVES,
    )


def _of(outcome: Outcome, code: str) -> RuleOutcome | None:
    return next((one for one in outcome.rules if one.rule == code), None)


def _status(outcome: Outcome, code: str) -> Status | None:
    found = _of(outcome, code)
    return found.status if found else None


def _score(outcome: Outcome, code: str) -> float:
    found = _of(outcome, code)
    return float("-inf") if found is None else found.margin


def priority_table(outcomes: Sequence[Outcome]) -> Table:
    """Priority of the images by kind of study."""
    groups = sorted({one.kind for one in outcomes})
    columns = [priority.value for priority in Priority]
    rows: list[tuple[Cell, ...]] = []
    for group in groups:
        members = [one for one in outcomes if one.kind == group]
        counts = [sum(one.imaging_priority == priority for one in members) for priority in columns]
        wrong = sum(bool(one.wrong_rules) for one in members)
        negative = "yes" if all(map(is_negative, members)) else ""
        rows.append((group, negative, len(members), *counts, len(members) - sum(counts), wrong))
    return Table(
        "priorities",
        "Priority by kind of study",
        "From the images alone. Negative: no pattern has to be present, and a reader would give no more than P4.",
        ("kind", "negative", "studies", *columns, "no result", "with a wrong rule"),
        tuple(rows),
    )
