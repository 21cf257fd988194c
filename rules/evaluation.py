"""The answer to a condition by Kleene's logic, and the questions that keep it open. Its words: `rules.reasons`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.clinical import Fact
from rules.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    ContextAtLeast,
    ContextAtMost,
    ContextIs,
    ContextUnknown,
    HasModality,
    IfAssessed,
    Leaf,
    NoOtherPattern,
    Not,
    NothingAssessed,
    SomeOf,
    Subject,
)
from rules.context import History
from rules.fields import Field
from rules.findings import Finding, Measured
from rules.logic import Answer, at_least, negation
from rules.recorded import Missing


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a condition may ask, at one moment."""

    findings: Mapping[Subject, Finding]
    context: Mapping[Field, Fact]
    modalities: frozenset[str]
    is_assessed: bool
    """Whether FLAIR hyperintensity could be measured anywhere: without it the study as a whole is not assessed."""
    is_arriving: bool = False
    """Whether what is missing may still come: then nobody knows yet that nothing could be assessed."""
    other_patterns: Answer = Answer.UNKNOWN
    """Whether any imaging rule above P4 is present; known only once those rules have answered."""
    earlier: str = "an earlier study"
    """Since when, where something is compared: the date of the earlier study, if it is known."""
    last_result: str = "the last result"
    """Its date, if there is one."""


def answer_to(condition: Condition, facts: Facts) -> Answer:
    """The answer by Kleene's logic: one part that is not known never makes a no."""
    match condition:
        case AtLeast() | AtMost():
            return _of_finding(condition, facts)
        case AllOf(parts) | AnyOf(parts) | SomeOf(_, parts):
            return at_least(_needed(condition), [answer_to(part, facts) for part in parts])
        case Not(part):
            return negation(answer_to(part, facts))
        case IfAssessed(part):
            return Answer.of(answer_to(part, facts) is Answer.TRUE)
        case leaf:
            return _of_study(leaf, facts)


def _needed(condition: AllOf | AnyOf | SomeOf) -> int:
    """How many of the parts have to hold."""
    match condition:
        case AllOf(parts):
            return len(parts)
        case AnyOf():
            return 1
        case SomeOf(count, _):
            return count


def unanswered(condition: Condition, facts: Facts) -> Iterator[Leaf]:
    """The questions that keep a condition open, in the order of the policy; none where it is settled."""
    if answer_to(condition, facts) is not Answer.UNKNOWN:
        return
    match condition:
        case AllOf(parts) | AnyOf(parts) | SomeOf(_, parts):
            for part in parts:
                yield from unanswered(part, facts)
        case Not(part) | IfAssessed(part):
            yield from unanswered(part, facts)
        case leaf:
            yield leaf


def _of_finding(leaf: AtLeast | AtMost, facts: Facts) -> Answer:
    finding, cut = facts.findings.get(leaf.subject), leaf.cut.value
    if not isinstance(finding, Measured):
        return Answer.UNKNOWN
    if isinstance(leaf, AtLeast):
        return Answer.of(finding.value >= cut)
    return Answer.of((abs(finding.value) if leaf.is_magnitude else finding.value) <= cut)


def _of_study(leaf: Leaf, facts: Facts) -> Answer:
    match leaf:
        case ContextUnknown(field):
            return Answer.of(isinstance(facts.context[field], Missing))
        case ContextAtLeast() | ContextAtMost() | ContextIs():
            return _of_context(leaf, facts.context[leaf.field])
        case NothingAssessed():
            return (
                Answer.UNKNOWN
                if facts.is_arriving and not facts.is_assessed
                else Answer.of(not facts.is_assessed)
            )
        case NoOtherPattern():
            return negation(facts.other_patterns)
        case HasModality(modality):
            return Answer.of(modality in facts.modalities)
        case AtLeast() | AtMost():
            return _of_finding(leaf, facts)


def _of_context(leaf: ContextAtLeast | ContextAtMost | ContextIs, fact: Fact) -> Answer:
    if isinstance(fact, Missing):
        return Answer.UNKNOWN
    value = fact.value
    match leaf:
        case ContextIs(_, values) if isinstance(value, tuple):
            return _of_list(values, value)
        case ContextIs(_, values):
            return Answer.of(value in values)
        case ContextAtLeast(_, cut):
            return Answer.of(float(str(value)) >= cut.value)
        case ContextAtMost(_, cut):
            return Answer.of(float(str(value)) <= cut.value)


def _of_list(values: tuple[str, ...], found: tuple[str, ...]) -> Answer:
    """Of a list, what is not listed stays unknown, unless the list says that there is nothing."""
    if set(values) & set(found):
        return Answer.TRUE
    return Answer.FALSE if found == (History.NONE,) else Answer.UNKNOWN
