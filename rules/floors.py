"""Floors: priorities that do not rest on the images. They hold whatever the images show, and only ever raise."""

from rules.clinical import Known
from rules.context import PatientContext
from rules.decision import Floor
from rules.evaluation import Facts, answer_to
from rules.fields import Field  # noqa: TC001 - the house imports at run time what it annotates
from rules.logic import Answer
from rules.policy import FloorRule, Policy
from rules.urgency import Priority

ORDER = "ORDER"
"""Code of the floor that the order itself sets."""
EARLIER = "EARLIER"
"""Code of the floor that an earlier result of the same study set."""


def floors(policy: Policy, facts: Facts, context: PatientContext) -> tuple[Floor, ...]:
    """Floors that hold, most urgent first. A floor that shows only what a higher one showed is left out."""
    held = [rule for rule in policy.floors if answer_to(rule.when, facts) is Answer.TRUE]
    ranked = sorted(held, key=lambda rule: rule.priority)  # stable: within a priority the policy's order
    shown: set[Field] = set()
    chosen = []
    for rule in ranked:
        if rule.shows and shown.issuperset(rule.shows):
            continue
        shown.update(rule.shows)
        chosen.append(Floor(rule.code, rule.priority, _because(rule, facts)))
    order = _order(policy, context)
    return tuple(sorted([*chosen, *order], key=lambda floor: floor.priority))


def with_earlier(held: tuple[Floor, ...], earlier: Priority | None, own: Priority) -> tuple[Floor, ...]:
    """The floors, and the earlier result of the study where this one by itself would have lowered it.

    An alert is never withdrawn by a later result: it stands, and the result says so.
    """
    if earlier is None or not earlier.is_above(own):
        return held
    because = f"an earlier result of this study asked for {earlier}, this one by itself asks for {own}; the flag stands"
    return (Floor(EARLIER, earlier, because), *held)


def _because(rule: FloorRule, facts: Facts) -> str:
    shown = [fact.words for field in rule.shows if isinstance(fact := facts.context[field], Known)]
    return f"{', '.join(shown)} ({rule.because})" if shown else rule.because


def _order(policy: Policy, context: PatientContext) -> list[Floor]:
    priority = policy.order.get(context.order_priority.upper())
    if priority is None:
        return []
    return [Floor(ORDER, priority, f"ordered as {context.order_priority.upper()}")]
