"""Each rule of a policy answered for one case: present, absent or open, with reasons and what would settle it."""

from dataclasses import dataclass, replace

from rules.conditions import AtLeast, Subject, leaves
from rules.decision import Pattern, Status
from rules.evaluation import Facts, Outcome, evaluate
from rules.findings import Measured, Quantity
from rules.logic import Answer, any_of
from rules.policy import Kind, Policy, Rule
from rules.urgency import Priority, most_urgent
from rules.words import quantity_words, subject_words, value_words

_STATUS = {Answer.TRUE: Status.PRESENT, Answer.FALSE: Status.ABSENT, Answer.UNKNOWN: Status.OPEN}


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule with its outcome."""

    rule: Rule
    pattern: Pattern
    could_be: Priority | None
    """The most urgent priority that what is missing could still make of it; None if nothing could."""


def judge(policy: Policy, facts: Facts) -> tuple[Judged, ...]:
    """Every rule of the policy, in its order. Rules on the study as a whole are answered last, from the others."""
    first = {rule.code: _judged(rule, facts) for rule in policy.rules if rule.kind is not Kind.STUDY}
    known = replace(facts, other_patterns=_any_positive(first))
    return tuple(first.get(rule.code) or _judged(rule, known) for rule in policy.rules)


def _any_positive(judged: dict[str, Judged]) -> Answer:
    """Whether an imaging pattern that asks for more than routine reading is present, if that can be known."""
    answer_of = {status: answer for answer, status in _STATUS.items()}
    return any_of(
        answer_of[one.pattern.status]
        for one in judged.values()
        if one.rule.kind is Kind.IMAGING and one.rule.priority is not Priority.P4
    )


def _judged(rule: Rule, facts: Facts) -> Judged:
    required = evaluate(rule.required, facts)
    status = _STATUS[required.answer]
    raises = [(one, evaluate(one.when, facts)) for one in rule.raises]
    sure = [one.to for one, outcome in raises if outcome.answer is Answer.TRUE]
    possible = [one.to for one, outcome in raises if outcome.answer is not Answer.FALSE]
    present = most_urgent(rule.priority, *sure)
    could_be = most_urgent(rule.priority, *possible)
    # What raises a pattern is asked once the pattern is there; until then it would only lengthen the list.
    outcomes = [required, *(outcome for _, outcome in raises)] if status is Status.PRESENT else [required]
    missing = tuple(dict.fromkeys(item for outcome in outcomes for item in outcome.missing))
    pattern = Pattern(
        rule=rule.code,
        name=rule.name,
        status=status,
        priority={Status.PRESENT: present, Status.OPEN: could_be}.get(status),
        sentence=_sentence(rule, status, facts, missing),
        reasons=_reasons(outcomes, facts, rule, status),
        missing=missing,
        follow_up=rule.follow_up if status is Status.PRESENT else "",
    )
    return Judged(rule, pattern, _could_be(status, present, could_be))


def _could_be(status: Status, present: Priority, possible: Priority) -> Priority | None:
    if status is Status.OPEN:
        return possible
    return possible if status is Status.PRESENT and possible.is_above(present) else None


def _reasons(outcomes: list[Outcome], facts: Facts, rule: Rule, status: Status) -> tuple[str, ...]:
    lines = [line for outcome in outcomes for line in outcome.reasons]
    if status is Status.PRESENT:
        held = [evaluate(label.when, facts) for label in rule.labels]
        lines += [line for outcome in held if outcome.answer is Answer.TRUE for line in outcome.reasons]
    return tuple(dict.fromkeys(lines))


def _sentence(rule: Rule, status: Status, facts: Facts, missing: tuple[str, ...]) -> str:
    if status is Status.ABSENT:
        return f"{_capital(rule.name)}: {'not detected' if rule.kind is Kind.IMAGING else 'does not apply'}."
    if status is Status.OPEN and rule.kind is Kind.STUDY:  # its name would read as a result
        return "The result as a whole stays open, because questions of other rules are open."
    if status is Status.OPEN:
        return f"{_capital(rule.name)}: open; missing: {'; '.join(missing)}."
    return _present(rule, facts)


def _present(rule: Rule, facts: Facts) -> str:
    prefix = f"Suspected {rule.name}: " if rule.kind is Kind.IMAGING else ""
    tell = rule.tell if prefix else _capital(rule.tell)
    values = _values(rule, facts)
    measured = f" ({', '.join(values)})" if values else ""
    labels = [label.text for label in rule.labels if evaluate(label.when, facts).answer is Answer.TRUE]
    raised = [one.because for one in rule.raises if evaluate(one.when, facts).answer is Answer.TRUE]
    because = [f"raised to {_raised_to(rule, facts)} by {' and '.join(raised)}"] if raised else []
    clauses = [f"{tell}{measured}", *labels, *because, *([rule.caveat] if rule.caveat else [])]
    return f"{prefix}{'; '.join(clauses)}."


def _raised_to(rule: Rule, facts: Facts) -> Priority:
    return most_urgent(*(one.to for one in rule.raises if evaluate(one.when, facts).answer is Answer.TRUE))


def _values(rule: Rule, facts: Facts) -> list[str]:
    """The measured values that the rule required, as in `left parieto-occipital 12.4 mL`."""
    values = []
    for leaf in leaves(rule.required):
        finding = facts.findings.get(leaf.subject) if isinstance(leaf, AtLeast) else None
        if isinstance(leaf, AtLeast) and isinstance(finding, Measured) and finding.value >= leaf.cut.value:
            value = value_words(finding.value, finding.unit, leaf.cut.value)
            values.append(f"{_short(leaf.subject)} {value}")
    return list(dict.fromkeys(values))


def _short(subject: Subject) -> str:
    """Where for a volume, what for anything else."""
    if subject.quantity is Quantity.FLAIR_VOLUME:
        return subject_words(subject.region, subject.side)
    return quantity_words(subject.quantity)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
