"""The rules of a policy as a table for people: what each asks, its priority, what raises it, and where its numbers come from."""

from collections.abc import Iterator
from dataclasses import dataclass

from rules.condition_words import condition_words, cut_words
from rules.conditions import AtLeast, AtMost, Condition, ContextAtLeast, ContextAtMost, Cut, leaves
from rules.policy import FloorRule, Policy, Rule
from rules.policy_parts import EARLIER, LAST_RESULT
from rules.urgency import Priority

CAUTION = "No cut has been validated on images of CAR-T patients. [P] is an engineering default without a published value."
READING = "A region without a side: its sides together, or the midline. What is marked (if assessed) counts as no where it is not."


@dataclass(frozen=True, slots=True)
class RaisedIf:
    """One thing that makes a rule more urgent."""

    to: Priority
    because: str
    when: str


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule in words."""

    code: str
    name: str
    priority: Priority
    present_if: str
    raised: tuple[RaisedIf, ...]
    confidence: str
    because: str
    sources: tuple[str, ...]
    """Every distinct source of its cuts, with the cuts that rest on it, as in `2 mL, 3 mL: [P] proposed`."""


@dataclass(frozen=True, slots=True)
class FloorRow:
    """One floor in words."""

    code: str
    priority: Priority
    because: str
    when: str


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One number by which a check tells a lesion from none."""

    check: str
    what: str
    value: str
    source: str


def measure_rows(policy: Policy) -> tuple[MeasureRow, ...]:
    """Every measuring cut, check by check."""
    return tuple(
        MeasureRow(one.check, one.partition(".")[2].replace("_", " "), cut_words(cut), cut.source)
        for one, cut in policy.measurements.items()
    )


def undated(words: str) -> str:
    """A policy's words where no study is at hand: the date of the earlier one has no value."""
    words = words.replace(EARLIER, "the earlier study").replace(f"the result of {LAST_RESULT}", LAST_RESULT)
    return words.replace(LAST_RESULT, "the last result")


def rule_rows(policy: Policy) -> tuple[RuleRow, ...]:
    """Every rule, in the policy's order."""
    return tuple(_rule(rule) for rule in policy.rules)


def floor_rows(policy: Policy) -> tuple[FloorRow, ...]:
    """Every floor, in the policy's order."""
    return tuple(_floor(floor) for floor in policy.floors)


def cuts_of(condition: Condition) -> Iterator[Cut]:
    """Every cut of a condition, in its order."""
    for leaf in leaves(condition):
        if isinstance(leaf, AtLeast | AtMost | ContextAtLeast | ContextAtMost):
            yield leaf.cut


def markdown(policy: Policy) -> str:
    """The page docs/rules.md: the rules, the floors, the order, the reading targets and the measuring cuts."""
    return "\n".join(
        [
            *_heading(policy),
            *_rules_part(policy),
            *_floors_part(policy),
            *_rest(policy),
            *_measures_part(policy),
            "",
        ]
    )


def targets(policy: Policy) -> str:
    """Reading targets and the ageing guard in words; P4 keeps the site's own target."""
    told = [
        f"{priority} within {minutes:g} minutes"
        for priority, minutes in sorted(policy.target_minutes.items())
    ]
    longest = policy.targets[Priority.P4].value
    return (
        f"{', '.join(told)} of the study being complete; P4 keeps the site's own."
        f" A study that waits longer (P4: {longest:g} minutes) is shown one level higher"
    )


def orders(policy: Policy) -> str:
    """What an order's own priority asks for."""
    return ", ".join(f"{word} {priority}" for word, priority in policy.order.items())


def _rule(rule: Rule) -> RuleRow:
    return RuleRow(
        code=rule.code,
        name=rule.name,
        priority=rule.priority,
        present_if=condition_words(rule.required),
        raised=tuple(
            RaisedIf(one.to, undated(one.because), condition_words(one.when)) for one in rule.raises
        ),
        confidence=rule.confidence,
        because=rule.because,
        sources=sources_of(rule),
    )


def _floor(floor: FloorRule) -> FloorRow:
    return FloorRow(floor.code, floor.priority, floor.because, condition_words(floor.when))


def sources_of(rule: Rule, *, with_labels: bool = False) -> tuple[str, ...]:
    """Every distinct source of a rule's cuts, behind the cuts that rest on it."""
    labels = [label.when for label in (*rule.labels, *rule.remarks)] if with_labels else []
    resting: dict[str, dict[str, None]] = {}
    for condition in (rule.required, *(one.when for one in rule.raises), *labels):
        for cut in cuts_of(condition):
            resting.setdefault(cut.source, {})[cut_words(cut)] = None
    return tuple(f"{', '.join(cuts)}: {source}" for source, cuts in resting.items())


def _heading(policy: Policy) -> list[str]:
    return [
        f"# The rules of `{policy.name}` {policy.version}",
        "",
        "Written by `cartriage rules show --markdown`; a test holds it current. How to read and change them: [policy.md](policy.md).",
        f"Status: {policy.approved}. {CAUTION}",
        "",
        READING,
        "",
    ]


def _rules_part(policy: Policy) -> list[str]:
    lines = [
        "| rule | present if | priority | more urgent if | confidence | sources |",
        "|---|---|---|---|---|---|",
    ]
    for row in rule_rows(policy):
        raised = "<br>".join(f"{one.to}, {one.because}: {one.when}" for one in row.raised)
        cells = [
            f"**{row.code}** {row.name}",
            row.present_if,
            row.priority.value,
            raised,
            row.confidence,
            "<br>".join(row.sources),
        ]
        lines.append(_line(cells))
    return [*lines, ""]


def _floors_part(policy: Policy) -> list[str]:
    lines = [
        "Floors hold whatever the images show.",
        "",
        "| floor | priority | because | holds if |",
        "|---|---|---|---|",
    ]
    lines += [_line([row.code, row.priority.value, row.because, row.when]) for row in floor_rows(policy)]
    return [*lines, ""]


def _rest(policy: Policy) -> list[str]:
    return [
        f"The order's own priority counts too: {orders(policy)}. Reading starts: {targets(policy)}.",
        "",
        "Ages of context values and scores (`policy.yaml`):",
        "",
        "| numbers | unit | source | since |",
        "|---|---|---|---|",
        *(
            _line([name, origin.unit, origin.source, origin.date.isoformat()])
            for name, origin in policy.sources.items()
        ),
    ]


def _measures_part(policy: Policy) -> list[str]:
    lines = [
        "",
        "The checks tell a lesion from none by these numbers ([policy.md](policy.md)).",
        "",
        "| check | number | value | source |",
        "|---|---|---|---|",
    ]
    return [*lines, *(_line([row.check, row.what, row.value, row.source]) for row in measure_rows(policy))]


def _line(cells: list[str]) -> str:
    """One row of a table; a bar within a cell would end it."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
