"""Two policies compared rule by rule: cuts, priorities, wording, and what was added or removed."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from rules.codec import TYPE, to_plain
from rules.condition_words import condition_words, cut_words
from rules.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    AtMost,
    Condition,
    ContextAtLeast,
    ContextAtMost,
    Cut,
    IfAssessed,
    Not,
    SomeOf,
)
from rules.cut_effects import CutLeaf, cut_leaves, effect
from rules.fields import FIELD_WORDS
from rules.measures import may_find_less
from rules.policy import FloorRule, Label, Policy, Raise, Rule
from rules.words import quantity_words, subject_words

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
_OF_RULES = ("name", "kind", "priority", "confidence", "because", "tell", "caveat", "follow_up")
_OF_POLICY = ("name", "version", "approved", "order", "limits", "wording")
ADDED, REMOVED = "added", "removed"


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One thing that differs."""

    where: str
    """A rule or floor with its name, or `policy`."""
    what: str
    before: str
    """Empty for what was added."""
    after: str
    """Empty for what was removed."""
    effect: str = ""
    """What another cut does: its condition then holds less often or more often."""


def compared(old: Policy, new: Policy) -> tuple[PolicyChange, ...]:
    """Every difference: of the policy as a whole, of each rule, of each floor; none if they decide and word alike."""
    return (*_general(old, new), *_rules(old, new), *_floors(old, new), *_measurements(old, new))


def _general(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    before, after = (_flat({name: to_plain(getattr(one, name)) for name in _OF_POLICY}) for one in (old, new))
    for key in dict.fromkeys([*before, *after]):
        if before.get(key) != after.get(key):
            yield PolicyChange("policy", key, before.get(key, ""), after.get(key, ""))
    yield from _cuts(
        "policy", {f"target of {key}": (cut, new.targets[key]) for key, cut in old.targets.items()}
    )


def _flat(value: Any, path: str = "") -> dict[str, str]:
    """Nested data as `counts_h.seizure: 72`; lists stay one value."""
    if isinstance(value, dict):
        parts = [_flat(item, f"{path}.{key}".lstrip(".")) for key, item in value.items() if key != TYPE]
        return {key: item for part in parts for key, item in part.items()}
    return {path: ", ".join(map(str, value)) if isinstance(value, list) else f"{value}"}


def _rules(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    names = {rule.code: rule.name for rule in (*old.rules, *new.rules)}
    for code, before, after in _paired(old.rules, new.rules, lambda rule: rule.code):
        where = f"{code} {names[code]}"
        if before is None or after is None:
            yield _whole(
                where, "rule", before, after, lambda one: f"{one.priority} if {condition_words(one.required)}"
            )
        else:
            yield from _rule(where, before, after)


def _rule(where: str, before: Rule, after: Rule) -> Iterator[PolicyChange]:
    for name in _OF_RULES:
        one, other = str(getattr(before, name)), str(getattr(after, name))
        if one != other:
            yield PolicyChange(where, name.replace("_", " "), one, other)
    yield from _condition(where, "present if", before.required, after.required)
    yield from _raises(where, before, after)
    yield from _labels(where, "label", before.labels, after.labels)
    yield from _labels(where, "remark", before.remarks, after.remarks)


def _raises(where: str, before: Rule, after: Rule) -> Iterator[PolicyChange]:
    def told(one: Raise) -> str:
        return f"{one.to} if {condition_words(one.when)}"

    for because, one, other in _paired(before.raises, after.raises, lambda raised: raised.because):
        if one is None or other is None:
            yield _whole(where, f"raised by {because}", one, other, told)
            continue
        if one.to is not other.to:
            yield PolicyChange(where, f"raised by {because}", str(one.to), str(other.to))
        yield from _condition(where, f"raised by {because} if", one.when, other.when)


def _labels(
    where: str, kind: str, before: tuple[Label, ...], after: tuple[Label, ...]
) -> Iterator[PolicyChange]:
    def told(one: Label) -> str:
        return condition_words(one.when)

    for text, one, other in _paired(before, after, lambda label: label.text):
        if one is None or other is None:
            yield _whole(where, f"{kind} “{text}”", one, other, told)
        else:
            yield from _condition(where, f"{kind} “{text}” if", one.when, other.when)


def _floors(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    def told(one: FloorRule) -> str:
        return f"{one.priority} if {condition_words(one.when)}"

    for (code, because), one, other in _paired(old.floors, new.floors, lambda one: (one.code, one.because)):
        where = f"floor {code}, {because}"
        if one is None or other is None:
            yield _whole(where, "floor", one, other, told)
            continue
        if one.priority is not other.priority:
            yield PolicyChange(where, "priority", str(one.priority), str(other.priority))
        if one.shows != other.shows:
            yield PolicyChange(where, "shows", ", ".join(one.shows), ", ".join(other.shows))
        yield from _condition(where, "holds if", one.when, other.when)


def _measurements(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    """Every policy has all of them."""
    for measure, before in old.measurements.items():
        after, name = new.measurements[measure], measure.partition(".")[2].replace("_", " ")
        finds = "the check may find less" if may_find_less(measure, before.value, after.value) else ""
        yield from _cuts(f"measurement {measure.check}", {name: (before, after)}, finds)


def _cuts(where: str, several: Mapping[str, tuple[Cut, Cut]], effect: str = "") -> Iterator[PolicyChange]:
    """Cuts that differ; of those with the same value their sources."""
    for name, (before, after) in several.items():
        if before.value != after.value:
            yield PolicyChange(where, name, cut_words(before), cut_words(after), effect)
        elif before != after:
            yield PolicyChange(where, f"source of {name}", _source(before), _source(after))


def _condition(where: str, what: str, before: Condition, after: Condition) -> Iterator[PolicyChange]:
    """Each changed cut where only cuts differ; else both conditions in words."""
    if before == after:
        return
    if _bare(before) != _bare(after):
        yield PolicyChange(where, what, condition_words(before), condition_words(after))
        return
    pairs = zip(cut_leaves(before), cut_leaves(after), strict=True)
    yield from dict.fromkeys(
        _cut(where, what, one, other.cut, is_negated=is_negated)
        for (one, is_negated), (other, _) in pairs
        if one.cut != other.cut
    )


def _cut(where: str, what: str, leaf: CutLeaf, after: Cut, *, is_negated: bool) -> PolicyChange:
    if leaf.cut.value == after.value:
        return PolicyChange(where, f"{what}: source of {_asked(leaf)}", _source(leaf.cut), _source(after))
    told = effect(leaf, after.value, is_negated=is_negated).value
    return PolicyChange(where, f"{what}: cut of {_asked(leaf)}", cut_words(leaf.cut), cut_words(after), told)


def _asked(leaf: CutLeaf) -> str:
    """What the cut is of; both sides of a region read alike, so that they are told once."""
    if isinstance(leaf, AtLeast | AtMost):
        where = (
            subject_words(leaf.subject.region, leaf.subject.side).removeprefix("left ").removeprefix("right ")
        )
        return f"{quantity_words(leaf.subject.quantity)}, {where}"
    return FIELD_WORDS[leaf.field]


def _source(cut: Cut) -> str:
    return f"{cut.source} ({cut.date})"


def _bare(condition: Condition) -> Condition:
    """The condition without the values of its cuts."""
    match condition:
        case AllOf(parts) | AnyOf(parts) | SomeOf(_, parts):
            return replace(condition, parts=tuple(_bare(part) for part in parts))
        case Not(part) | IfAssessed(part):
            return replace(condition, part=_bare(part))
        case AtLeast(cut=cut) | AtMost(cut=cut) | ContextAtLeast(cut=cut) | ContextAtMost(cut=cut):
            return replace(condition, cut=replace(cut, value=0.0, source="", date=cut.date.min))
        case _:
            return condition


def _whole(
    where: str, what: str, before: T | None, after: T | None, told: Callable[[T], str]
) -> PolicyChange:
    """Something that only one of the policies has."""
    if after is not None:
        return PolicyChange(where, f"{what} {ADDED}", "", told(after))
    return PolicyChange(where, f"{what} {REMOVED}", told(before) if before is not None else "", "")


def _paired(
    old: Iterable[T], new: Iterable[T], key: Callable[[T], K]
) -> Iterator[tuple[K, T | None, T | None]]:
    """The same things of both policies beside each other, in the order of the new one, removed ones last."""
    before, after = _numbered(old, key), _numbered(new, key)
    for name in dict.fromkeys([*after, *before]):
        yield name[0], before.get(name), after.get(name)


def _numbered(several: Iterable[T], key: Callable[[T], K]) -> dict[tuple[K, int], T]:
    """By key, and by its number among those of the same key."""
    seen: Counter[K] = Counter()
    found = {}
    for one in several:
        name = key(one)
        found[name, seen[name]] = one
        seen[name] += 1
    return found
