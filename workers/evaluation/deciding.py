"""What a policy says of measured studies: with another policy nothing has to be measured again."""

from dataclasses import replace

from rules.conditions import Subject
from rules.decide import decide
from rules.decision import Decision
from rules.findings import Finding, Measured
from rules.policy import Kind, Policy
from workers.evaluation.margin import margin
from workers.evaluation.outcome import Outcome, RuleOutcome


def decided(outcome: Outcome, policy: Policy) -> Outcome:
    """The outcome under a policy; one without a case has nothing to decide."""
    if outcome.case is None:
        return replace(outcome, policy_digest=policy.digest)
    decision = decide(policy, outcome.case)
    return replace(
        outcome,
        policy_digest=policy.digest,
        priority=decision.priority,
        imaging_priority=decision.imaging_priority,
        rules=_rules(policy, decision, outcome.case.findings),
    )


def _rules(policy: Policy, decision: Decision, findings: tuple[Finding, ...]) -> tuple[RuleOutcome, ...]:
    """The imaging rules' answers, each with its distance from the border."""
    values = _by_subject(findings)
    asked = {rule.code: rule for rule in policy.rules if rule.kind is Kind.IMAGING}
    return tuple(
        RuleOutcome(pattern.rule, pattern.status, margin(asked[pattern.rule].required, values))
        for pattern in decision.patterns
        if pattern.rule in asked
    )


def _by_subject(findings: tuple[Finding, ...]) -> dict[Subject, float]:
    """The largest measurement of each subject, as the rules take it."""
    values: dict[Subject, float] = {}
    for one in findings:
        if isinstance(one, Measured):
            subject = Subject(one.quantity, one.region, one.side)
            values[subject] = max(one.value, values.get(subject, one.value))
    return values
