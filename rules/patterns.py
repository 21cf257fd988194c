"""Each rule of a policy answered for one case: present, absent or open, with reasons and what would settle it."""

from dataclasses import dataclass, replace

from rules.anatomy import Region
from rules.conditions import AtLeast, Condition, Subject, leaves
from rules.decision import Pattern, Status
from rules.evaluation import Facts, answer_to
from rules.findings import Measured, Quantity
from rules.logic import Answer, any_of
from rules.policy import Kind, Label, Policy, Raise, Rule
from rules.policy_parts import EARLIER, LAST_RESULT
from rules.reasons import missing, reasons
from rules.urgency import Priority, most_urgent
from rules.words import quantity_words, subject_words, value_words

_STATUS = {Answer.TRUE: Status.PRESENT, Answer.FALSE: Status.ABSENT, Answer.UNKNOWN: Status.OPEN}
_LAST = (Kind.CHRONIC, Kind.STUDY)
"""Kinds of rules that may ask what the others found."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule with its outcome."""

    rule: Rule
    pattern: Pattern
    could_be: Priority | None
    """The most urgent priority that what is missing could still make of it; None if nothing could."""
    remarks: tuple[str, ...] = ()
    """What has to be said although the pattern is not present."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """What a rule was asked, and the answers that count."""

    status: Status
    raises: tuple[tuple[Raise, Answer], ...]
    said: tuple[Label, ...]
    """Labels of a present pattern, remarks of any other, as far as they hold."""
    asked: tuple[Condition, ...]
    """What raises a pattern is asked once the pattern is there; until then it would only lengthen the list."""

    def raised(self) -> list[Raise]:
        return [one for one, answer in self.raises if answer is Answer.TRUE]

    def words(self, facts: Facts) -> tuple[str, ...]:
        return tuple(_filled(label.text, facts) for label in self.said)


def judge(policy: Policy, facts: Facts) -> tuple[Judged, ...]:
    """Every rule of the policy, in its order. Rules that ask what the others found are answered last."""
    first = {rule.code: _judged(rule, facts) for rule in policy.rules if rule.kind not in _LAST}
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
    answers = _answers(rule, facts)
    status = answers.status
    possible = [one.to for one, answer in answers.raises if answer is not Answer.FALSE]
    present = most_urgent(rule.priority, *(one.to for one in answers.raised()))
    could_be = most_urgent(rule.priority, *possible)
    lacking = tuple(dict.fromkeys(item for one in answers.asked for item in missing(one, facts)))
    pattern = Pattern(
        rule=rule.code,
        name=rule.name,
        status=status,
        priority={Status.PRESENT: present, Status.OPEN: could_be}.get(status),
        sentence=_sentence(rule, answers, lacking, facts),
        reasons=_reasons(rule, answers, facts),
        missing=lacking,
        follow_up=rule.follow_up if status is Status.PRESENT else "",
    )
    remarks = () if status is Status.PRESENT else answers.words(facts)
    return Judged(rule, pattern, _could_be(status, present, could_be), remarks)


def _answers(rule: Rule, facts: Facts) -> _Answers:
    status = _STATUS[answer_to(rule.required, facts)]
    is_present = status is Status.PRESENT
    labels = rule.labels if is_present else rule.remarks
    raises = () if status is Status.ABSENT else rule.raises  # what is absent is raised by nothing
    return _Answers(
        status,
        raises=tuple((one, answer_to(one.when, facts)) for one in raises),
        said=tuple(one for one in labels if answer_to(one.when, facts) is Answer.TRUE),
        asked=(rule.required, *(one.when for one in raises if is_present)),
    )


def _filled(text: str, facts: Facts) -> str:
    return text.replace(EARLIER, facts.earlier).replace(LAST_RESULT, facts.last_result)


def _could_be(status: Status, present: Priority, possible: Priority) -> Priority | None:
    if status is Status.OPEN:
        return possible
    return possible if status is Status.PRESENT and possible.is_above(present) else None


def _reasons(rule: Rule, answers: _Answers, facts: Facts) -> tuple[str, ...]:
    told = (*answers.asked, *(label.when for label in answers.said))
    lines = [line for one in told for line in reasons(one, facts)]
    if answers.status is Status.PRESENT and rule.kind is Kind.IMAGING:
        lines.append(f"evidence for the pattern after CAR-T: {rule.confidence}")
    return tuple(dict.fromkeys(lines))


def _sentence(rule: Rule, answers: _Answers, lacking: tuple[str, ...], facts: Facts) -> str:
    if answers.status is Status.PRESENT:
        return _present(rule, answers, facts)
    if answers.status is Status.OPEN and rule.kind is Kind.STUDY:  # its name would read as a result
        return "The result as a whole stays open, because questions of other rules are open."
    if answers.status is Status.OPEN:
        outcome = f"open; missing: {'; '.join(lacking)}"
    else:
        outcome = "not detected" if rule.kind is Kind.IMAGING else "does not apply"
    return f"{_capital(rule.name)}: {'; '.join([outcome, *answers.words(facts)])}."


def _present(rule: Rule, answers: _Answers, facts: Facts) -> str:
    prefix = f"Suspected {rule.name}: " if rule.kind is Kind.IMAGING else ""
    tell = _filled(rule.tell if prefix else _capital(rule.tell), facts)
    values = _values(rule, facts)
    measured = f" ({', '.join(values)})" if values else ""
    raised = answers.raised()
    to = most_urgent(*(one.to for one in raised))
    causes = " and ".join(dict.fromkeys(_filled(one.because, facts) for one in raised))
    because = [f"raised to {to} by {causes}"] if raised else []
    clauses = [f"{tell}{measured}", *answers.words(facts), *because, *([rule.caveat] if rule.caveat else [])]
    return f"{prefix}{'; '.join(clauses)}."


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
    """Where for a volume; what for anything else, and where unless it is the whole brain."""
    place = subject_words(subject.region, subject.side)
    if subject.quantity is Quantity.FLAIR_VOLUME:
        return place
    what = quantity_words(subject.quantity)
    return what if subject.region is Region.BRAIN else f"{what} {place}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
