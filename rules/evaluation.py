"""The answer to a condition by Kleene's logic, explained line by line, with what is missing where it stays open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rules.anatomy import Side
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
    Cut,
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
from rules.fields import FIELD_WORDS, Field
from rules.findings import Finding, Measured, NotAssessed, Why
from rules.logic import Answer, all_of, any_of, at_least, negation
from rules.recorded import Missing
from rules.words import (
    answer_word,
    family_words,
    margin_words,
    quantity_words,
    subject_words,
    unit_words,
    value_words,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a condition may ask, at one moment."""

    findings: Mapping[Subject, Finding]
    context: Mapping[Field, Fact]
    modalities: frozenset[str]
    is_assessed: bool
    """Whether FLAIR hyperintensity could be measured anywhere: without it the study as a whole is not assessed."""
    other_patterns: Answer = Answer.UNKNOWN
    """Whether any imaging rule above P4 is present; known only once those rules have answered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answer to a condition with its explanation."""

    answer: Answer
    reasons: tuple[str, ...]
    """One line for each leaf, in the order of the policy."""
    missing: tuple[str, ...] = ()
    """What would settle it; empty unless the answer is unknown."""


def evaluate(condition: Condition, facts: Facts) -> Outcome:
    """The answer by Kleene's logic, the reasons of every leaf, and what is missing if it stays open."""
    match condition:
        case AllOf(parts):
            return _combined(parts, facts, all_of)
        case AnyOf(parts):
            return _combined(parts, facts, any_of)
        case SomeOf(count, parts):
            return _combined(parts, facts, lambda answers: at_least(count, answers))
        case Not(part):
            inner = evaluate(part, facts)
            return Outcome(negation(inner.answer), inner.reasons, inner.missing)
        case IfAssessed(part):
            inner = evaluate(part, facts)
            return Outcome(Answer.of(inner.answer is Answer.TRUE), inner.reasons)
        case leaf:
            return _leaf(leaf, facts)


def _combined(
    parts: tuple[Condition, ...], facts: Facts, combine: Callable[[list[Answer]], Answer]
) -> Outcome:
    outcomes = [evaluate(part, facts) for part in parts]
    answer = combine([outcome.answer for outcome in outcomes])
    reasons = tuple(reason for outcome in outcomes for reason in outcome.reasons)
    missing = tuple(dict.fromkeys(item for outcome in outcomes for item in outcome.missing))
    return Outcome(answer, reasons, missing if answer is Answer.UNKNOWN else ())


def _leaf(leaf: Leaf, facts: Facts) -> Outcome:
    match leaf:
        case AtLeast() | AtMost():
            return _finding_leaf(leaf, facts)
        case ContextAtLeast() | ContextAtMost() | ContextIs() | ContextUnknown():
            return _context_leaf(leaf, facts)
        case NothingAssessed():
            return _line("FLAIR hyperintensity could not be measured", Answer.of(not facts.is_assessed))
        case NoOtherPattern():
            return _line("all other rules are absent", negation(facts.other_patterns))
        case HasModality(modality):
            return _line(f"{modality} in the study", Answer.of(modality in facts.modalities))


def _finding_leaf(leaf: AtLeast | AtMost, facts: Facts) -> Outcome:
    subject, cut = leaf.subject, leaf.cut
    name = f"{quantity_words(subject.quantity)}, {subject_words(subject.region, subject.side)}"
    asked = f"(cut {_sign(leaf)} {_cut(cut)})"
    finding = facts.findings.get(subject)
    if finding is None or isinstance(finding, NotAssessed):
        detail = "not measured" if finding is None else finding.detail
        text = f"{name}: not assessed, {detail} {asked}"
        # By region where only the region is missing: the reasons name the side, and two lines that differ in it only
        # would be told as two gaps; a series that is missing leaves one gap, not one for each region.
        is_region = isinstance(finding, NotAssessed) and finding.why is Why.COVERAGE
        where = f" of {subject_words(subject.region, Side.WHOLE)}" if is_region else ""
        return _line(text, Answer.UNKNOWN, f"{family_words(subject.quantity)}{where} ({detail})")
    value = value_words(finding.value, finding.unit, cut.value)
    margin = f"{_margin(leaf, finding.value)}{_doubt(leaf, finding)}"
    return _line(f"{name}: {value} {asked}, {margin}", Answer.of(_is_met(leaf, finding.value)))


def _margin(leaf: AtLeast | AtMost, value: float) -> str:
    is_magnitude = isinstance(leaf, AtMost) and leaf.is_magnitude
    return margin_words((abs(value) if is_magnitude else value) - leaf.cut.value, leaf.cut.unit)


def _doubt(leaf: AtLeast | AtMost, finding: Measured) -> str:
    """Said where the value could lie on the other side of the cut as well."""
    half, distance = finding.uncertainty, abs(abs(finding.value) - abs(leaf.cut.value))
    return f", uncertain by {value_words(half, finding.unit)}" if half and half >= distance else ""


def _is_met(leaf: AtLeast | AtMost, value: float) -> bool:
    match leaf:
        case AtLeast(_, cut):
            return value >= cut.value
        case AtMost(_, cut, is_magnitude):
            return (abs(value) if is_magnitude else value) <= cut.value


def _sign(leaf: AtLeast | AtMost) -> str:
    match leaf:
        case AtLeast():
            return "≥"
        case AtMost(_, _, is_magnitude):
            return "±" if is_magnitude else "≤"


def _context_leaf(leaf: ContextAtLeast | ContextAtMost | ContextIs | ContextUnknown, facts: Facts) -> Outcome:
    name, fact = FIELD_WORDS[leaf.field], facts.context[leaf.field]
    if isinstance(leaf, ContextUnknown):
        return _line(f"{name} not known", Answer.of(isinstance(fact, Missing)))
    asked, is_met = _question(leaf)
    if isinstance(fact, Missing):
        return _line(f"{name}: {fact.detail} ({asked})", Answer.UNKNOWN, f"{name} ({fact.detail})")
    if isinstance(fact.value, tuple):
        return _one_of(leaf, fact.value, f"{name}: {fact.words} ({asked})")
    margin = "" if isinstance(leaf, ContextIs) else f", {_context_margin(leaf.cut, fact.value)}"
    return _line(f"{name}: {fact.words} ({asked}){margin}", Answer.of(is_met(fact.value)))


def _one_of(leaf: ContextAtLeast | ContextAtMost | ContextIs, found: tuple[str, ...], text: str) -> Outcome:
    """Of a list, what is not listed stays unknown, unless the list says that there is nothing."""
    if isinstance(leaf, ContextIs) and set(leaf.values) & set(found):
        return _line(text, Answer.TRUE)
    if found == (History.NONE,):
        return _line(text, Answer.FALSE)
    return _line(text, Answer.UNKNOWN, f"{FIELD_WORDS[leaf.field]} (not listed)")


def _question(
    leaf: ContextAtLeast | ContextAtMost | ContextIs,
) -> tuple[str, Callable[[float | str], bool]]:
    match leaf:
        case ContextAtLeast(_, cut):
            return f"cut ≥ {_cut(cut)}", lambda value: float(value) >= cut.value
        case ContextAtMost(_, cut):
            return f"cut ≤ {_cut(cut)}", lambda value: float(value) <= cut.value
        case ContextIs(_, values):
            return f"asked: {' or '.join(values)}", lambda value: value in values


def _context_margin(cut: Cut, value: float | str) -> str:
    return margin_words(float(value) - cut.value, cut.unit)


def _line(text: str, answer: Answer, missing: str = "") -> Outcome:
    """One leaf's answer with its reason line."""
    is_open = answer is Answer.UNKNOWN
    return Outcome(answer, (f"{text} – {answer_word(answer)}",), ((missing or text),) if is_open else ())  # noqa: RUF001 - the dash of the house's wording


def _cut(cut: Cut) -> str:
    return f"{cut.value:g}{unit_words(cut.unit)}"
