"""A case put to a policy: what it decides at each step, and where that differs from what the case expects."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from rules.ageing import Shown, aged
from rules.case_context import NOW
from rules.case_file import Change, Expected, Step, Story
from rules.decide import decide
from rules.decision import Decision
from rules.facts import Case
from rules.policy import Policy
from rules.urgency import Priority, most_urgent


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was decided otherwise than expected."""

    what: str
    expected: str
    decided: str
    within: str = ""
    """The values of the ranges at which it was so; empty without ranges."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One step of a case, decided."""

    step: Step
    case: Case
    """At the first values of its ranges, with the earlier result of the study."""
    decision: Decision
    """Of that case."""
    shown: Shown
    """Where the list shows it after the time that it waited."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one variant."""

    decision: Decision
    shown: Shown
    earlier: Priority | None
    """What the study had before this step."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case, decided step by step."""

    story: Story
    outcomes: tuple[Outcome, ...]

    @property
    def holds(self) -> bool:
        return not any(outcome.differences for outcome in self.outcomes)


def put(policy: Policy, story: Story) -> Verdict:
    """The case decided by the policy. Later steps know the most urgent priority of the earlier ones, as the service does."""
    outcomes: list[Outcome] = []
    earlier: Priority | None = None
    for step in story.steps:
        outcomes.append(_outcome(policy, step, earlier))
        decided = outcomes[-1].decision.priority
        earlier = decided if earlier is None else most_urgent(earlier, decided)
    return Verdict(story, tuple(outcomes))


def texts(decision: Decision) -> str:
    """Everything a decision says, one text a line; `must_say` is looked for here."""
    patterns = [text for p in decision.patterns for text in (p.sentence, *p.reasons, *p.missing, p.follow_up)]
    floors = [floor.because for floor in decision.floors]
    told = [decision.headline, *decision.sentences, *patterns, *floors]
    return "\n".join([*told, *decision.not_assessed, *decision.disclaimers])


def _outcome(policy: Policy, step: Step, earlier: Priority | None) -> Outcome:
    cases = [replace(variant.case, earlier_priority=earlier) for variant in step.variants]
    results = [
        _Result(one, _shown(policy, step, one.priority), earlier)
        for one in map(partial(decide, policy), cases)
    ]
    found: dict[tuple[str, str, str], Difference] = {}
    for variant, result in zip(step.variants, results, strict=True):
        for one in (
            *_differences(step.expected, result),
            *_unlike(results[0].decision, result.decision),
        ):
            found.setdefault((one.what, one.expected, one.decided), replace(one, within=variant.name))
    return Outcome(step, cases[0], results[0].decision, results[0].shown, tuple(found.values()))


def _shown(policy: Policy, step: Step, priority: Priority) -> Shown:
    return aged(policy.targets, priority, NOW, NOW + step.waited)


def _differences(expected: Expected, result: _Result) -> Iterator[Difference]:
    decision = result.decision
    for what, wanted, decided in _values(expected, result):
        if wanted is not None and wanted != decided:
            yield Difference(what, _plain(wanted), _plain(decided))
    status = {pattern.rule: pattern.status for pattern in decision.patterns}
    for rule, asked in expected.patterns.items():
        if status[rule] is not asked:
            yield Difference(rule, asked.value, status[rule].value)
    yield from _unsaid(expected, f"{texts(decision)}\n{result.shown.why}")


def _unsaid(expected: Expected, said: str) -> Iterator[Difference]:
    for words in expected.must_say:
        if words not in said:
            yield Difference("must say", words, "not said")
    for words in expected.must_not_say:
        if words in said:
            yield Difference("must not say", f"nothing with `{words}`", _line_with(words, said))


def _values(expected: Expected, result: _Result) -> Iterator[tuple[str, object, object]]:
    decision = result.decision
    yield "priority", expected.priority, decision.priority
    yield "imaging priority", expected.imaging, decision.imaging_priority
    yield "shown as", expected.shown, result.shown.priority
    yield "could be", expected.could_be, decision.could_be or "none"
    yield "assessed", expected.is_assessed, decision.is_assessed
    yield "day", expected.day, decision.day_after_infusion
    yield "change", expected.change, _change(decision, result.earlier)
    floors = None if expected.floors is None else _listed(expected.floors)
    yield "floors", floors, _listed(sorted(floor.code for floor in decision.floors))


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(codes: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(codes) or "none"


def _change(decision: Decision, earlier: Priority | None) -> Change:
    if earlier is None or decision.priority.is_above(earlier):
        return Change.RAISED
    is_held = any(floor.code == "EARLIER" for floor in decision.floors)
    return Change.HELD if is_held else Change.SAME


def _unlike(first: Decision, other: Decision) -> Iterator[Difference]:
    """Where two values of one range are decided differently: the case then says less than its range claims."""
    if first.priority is not other.priority:
        yield Difference("all of the range", first.priority.value, other.priority.value)
    before = {pattern.rule: pattern.status for pattern in first.patterns}
    for pattern in other.patterns:
        if pattern.status is not before[pattern.rule]:
            yield Difference(
                f"all of the range, {pattern.rule}", before[pattern.rule].value, pattern.status.value
            )


def _line_with(words: str, said: str) -> str:
    return next((line for line in said.splitlines() if words in line), "")
