"""An answer in words: one line for each question of a condition, with value, cut and margin, and what is missing."""

from dataclasses import dataclass
from functools import cache

from rules.anatomy import Side
from rules.conditions import (
    AtLeast,
    AtMost,
    Condition,
    ContextAtLeast,
    ContextAtMost,
    ContextIs,
    ContextUnknown,
    Cut,
    HasModality,
    Leaf,
    NoOtherPattern,
    NothingAssessed,
    Subject,
    leaves,
)
from rules.evaluation import Facts, answer_to, unanswered
from rules.fields import FIELD_WORDS
from rules.findings import Finding, Measured, NotAssessed, Why
from rules.logic import Answer
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

_Context = ContextAtLeast | ContextAtMost | ContextIs


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answer to a condition with its explanation."""

    answer: Answer
    reasons: tuple[str, ...]
    """One line for each leaf, in the order of the policy."""
    missing: tuple[str, ...] = ()
    """What would settle it; empty unless the answer is unknown."""


def evaluate(condition: Condition, facts: Facts) -> Outcome:
    """The answer, the reasons of every leaf, and what is missing if it stays open."""
    return Outcome(answer_to(condition, facts), reasons(condition, facts), missing(condition, facts))


def reasons(condition: Condition, facts: Facts) -> tuple[str, ...]:
    """One line for each question, as in `midline shift, whole brain: 7.0 mm (cut ≥ 5 mm), 2.0 mm above - yes`."""
    return tuple(
        f"{_text(leaf, facts)} – {answer_word(answer_to(leaf, facts))}"  # noqa: RUF001 - the dash of the house's wording
        for leaf in leaves(condition)
    )


def missing(condition: Condition, facts: Facts) -> tuple[str, ...]:
    """What would settle a condition; nothing where it is settled."""
    return tuple(dict.fromkeys(_lack(leaf, facts) for leaf in unanswered(condition, facts)))


def _text(leaf: Leaf, facts: Facts) -> str:
    match leaf:
        case AtLeast() | AtMost():
            return _of_finding(leaf, facts.findings.get(leaf.subject))
        case ContextUnknown(field):
            return f"{FIELD_WORDS[field]} not known"
        case ContextAtLeast() | ContextAtMost() | ContextIs():
            return _of_context(leaf, facts)
        case NothingAssessed():
            return "FLAIR hyperintensity could not be measured"
        case NoOtherPattern():
            return "all other rules are absent"
        case HasModality(modality):
            return f"{modality} in the study"


def _of_finding(leaf: AtLeast | AtMost, finding: Finding | None) -> str:
    cut = leaf.cut
    asked = f"(cut {_sign(leaf)} {_cut(cut)})"
    if not isinstance(finding, Measured):
        return f"{_name(leaf.subject)}: not assessed, {_silence(finding)} {asked}"
    value = value_words(finding.value, finding.unit, cut.value)
    return f"{_name(leaf.subject)}: {value} {asked}, {_margin(leaf, finding.value)}{_doubt(leaf, finding)}"


def _silence(finding: NotAssessed | None) -> str:
    return "not measured" if finding is None else finding.detail


@cache
def _name(subject: Subject) -> str:
    return f"{quantity_words(subject.quantity)}, {subject_words(subject.region, subject.side)}"


def _margin(leaf: AtLeast | AtMost, value: float) -> str:
    return margin_words(_compared(leaf, value) - leaf.cut.value, leaf.cut.unit)


def _compared(leaf: AtLeast | AtMost, value: float) -> float:
    """What the cut is compared with: the value, or its magnitude."""
    return abs(value) if isinstance(leaf, AtMost) and leaf.is_magnitude else value


def _doubt(leaf: AtLeast | AtMost, finding: Measured) -> str:
    """Said where the value could lie on the other side of the cut as well."""
    half = finding.uncertainty
    is_near = half and half >= abs(_compared(leaf, finding.value) - leaf.cut.value)
    return f", uncertain by {value_words(half, finding.unit)}" if half and is_near else ""


def _sign(leaf: AtLeast | AtMost) -> str:
    match leaf:
        case AtLeast():
            return "≥"
        case AtMost(_, _, is_magnitude):
            return "±" if is_magnitude else "≤"


def _of_context(leaf: _Context, facts: Facts) -> str:
    name, fact = FIELD_WORDS[leaf.field], facts.context[leaf.field]
    if isinstance(fact, Missing):
        return f"{name}: {fact.detail} ({_question(leaf)})"
    margin = "" if isinstance(leaf, ContextIs) else f", {_context_margin(leaf.cut, fact.value)}"
    return f"{name}: {fact.words} ({_question(leaf)}){margin}"


def _question(leaf: _Context) -> str:
    match leaf:
        case ContextAtLeast(_, cut):
            return f"cut ≥ {_cut(cut)}"
        case ContextAtMost(_, cut):
            return f"cut ≤ {_cut(cut)}"
        case ContextIs(_, values):
            return f"asked: {' or '.join(values)}"


def _context_margin(cut: Cut, value: object) -> str:
    return margin_words(float(str(value)) - cut.value, cut.unit)


def _lack(leaf: Leaf, facts: Facts) -> str:
    """What would settle one open question."""
    match leaf:
        case AtLeast(subject) | AtMost(subject):
            finding = facts.findings.get(subject)
            # By region where only the region is missing: the reasons name the side, and two lines that differ in it
            # only would be told as two gaps; a series that is missing leaves one gap, not one for each region.
            is_region = isinstance(finding, NotAssessed) and finding.why is Why.COVERAGE
            where = f" of {subject_words(subject.region, Side.WHOLE)}" if is_region else ""
            silent = finding if isinstance(finding, NotAssessed) else None
            return f"{family_words(subject.quantity)}{where} ({_silence(silent)})"
        case ContextAtLeast(field) | ContextAtMost(field) | ContextIs(field):
            fact = facts.context[field]
            return f"{FIELD_WORDS[field]} ({fact.detail if isinstance(fact, Missing) else 'not listed'})"
        case _:
            return _text(leaf, facts)


def _cut(cut: Cut) -> str:
    return f"{cut.value:g}{unit_words(cut.unit)}"
