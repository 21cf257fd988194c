"""A decision told rule by rule: what each rule asks, what was measured against it, what is missing, and why its priority."""

from dataclasses import dataclass

from rules.condition_words import condition_words
from rules.decision import Decision, Pattern, Status
from rules.policy import Policy, Rule
from rules.urgency import Priority


@dataclass(frozen=True, slots=True)
class Account:
    """One rule's part in a decision."""

    rule: str
    name: str
    status: Status
    priority: Priority | None
    asked: str
    """What the rule requires."""
    measured: tuple[str, ...]
    """Each condition with value, cut, margin and answer, as the decision carries it."""
    missing: tuple[str, ...]
    why: str
    """Why it asks for its priority; empty if it asks for none."""
    sentence: str
    """As in SR, SC, worklist and trail."""


def accounts(policy: Policy, decision: Decision) -> tuple[Account, ...]:
    """Every rule's part in a decision that this policy made: present ones first, then open, then absent."""
    rules = {rule.code: rule for rule in policy.rules}
    told = [_account(rules[pattern.rule], pattern) for pattern in decision.patterns]
    ranked = sorted(told, key=lambda one: (one.priority or Priority.P4, one.rule))
    order = [Status.PRESENT, Status.OPEN, Status.ABSENT]
    return tuple(sorted(ranked, key=lambda one: order.index(one.status)))


def _account(rule: Rule, pattern: Pattern) -> Account:
    return Account(
        rule=rule.code,
        name=rule.name,
        status=pattern.status,
        priority=pattern.priority,
        asked=condition_words(rule.required),
        measured=pattern.reasons,
        missing=pattern.missing,
        why=_why(rule, pattern),
        sentence=pattern.sentence,
    )


def _why(rule: Rule, pattern: Pattern) -> str:
    if pattern.priority is None:
        return ""
    if pattern.status is Status.OPEN:
        return "" if pattern.priority is Priority.P4 else f"could be {pattern.priority}: {rule.because}"
    raised = "" if pattern.priority is rule.priority else f", raised from {rule.priority}"
    return f"{pattern.priority}{raised}: {rule.because}"
