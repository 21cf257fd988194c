"""A site's own cuts: which questions of a rule they replace, and whether the rule then holds less often."""

import re
from dataclasses import dataclass, field, replace

from rules.claims import text_of
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
    Subject,
)
from rules.cut_effects import CutLeaf, Effect, cut_leaves, effect
from rules.fields import FIELD_UNITS, Field
from rules.findings import UNITS
from rules.policy_conditions import read_cut, read_subjects
from rules.policy_parts import Raise
from rules.policy_reading import Entry


@dataclass(slots=True)
class SiteCut:
    """One cut of a site's own, and what became of it."""

    entry: Entry
    asked: frozenset[Subject | Field]
    instead_of: float
    cut: Cut
    because: str = ""
    """The new reason where the cut raises a rule; empty keeps the policy's."""
    found: set[Subject | Field] = field(default_factory=set)
    """What it has replaced so far."""

    def put_into(self, condition: Condition, *, is_negated: bool = False) -> tuple[Condition, bool]:
        """The condition with this cut, and whether it then holds less often."""
        effects = [
            effect(leaf, self.cut.value, is_negated=negated)
            for leaf, negated in cut_leaves(condition, is_negated=is_negated)
            if self._is_meant(leaf)
        ]
        return self._replaced(condition), Effect.LESS_OFTEN in effects

    def reason_for(self, raised: Raise) -> str:
        """Why the rule is raised, with this cut. Raises PolicyError if the policy's words would be false then."""
        if any(self._is_meant(leaf) for leaf, _ in cut_leaves(raised.when)):
            if not self.because and re.search(r"\d", raised.because):
                self.entry.fail(f"“{raised.because}” names a number: say the new one with `because`")
            return self.because or raised.because
        return raised.because

    def refuse_if_unused(self, rule: str, conditions: tuple[Condition, ...]) -> None:
        """A cut that replaces nothing was written for another policy, or has a typing error. Raises PolicyError."""
        if self.found == self.asked:
            return
        leaves = [leaf for condition in conditions for leaf, _ in cut_leaves(condition)]
        held = sorted({leaf.cut.value for leaf in leaves if _asked(leaf) in self.asked})
        told = ", ".join(f"{value:g}" for value in held) or "none"
        self.entry.fail(f"{rule} has no such cut of {self.instead_of:g}; its cuts there: {told}")

    def _replaced(self, condition: Condition) -> Condition:
        match condition:
            case AllOf(parts) | AnyOf(parts) | SomeOf(_, parts):
                return replace(condition, parts=tuple(self._replaced(part) for part in parts))
            case Not(part) | IfAssessed(part):
                return replace(condition, part=self._replaced(part))
            case AtLeast() | AtMost() | ContextAtLeast() | ContextAtMost() if self._is_meant(condition):
                self.found.add(_asked(condition))
                return replace(condition, cut=self.cut)
            case _:
                return condition

    def _is_meant(self, leaf: CutLeaf) -> bool:
        return _asked(leaf) in self.asked and leaf.cut.value == self.instead_of


def read_site_cut(entry: Entry) -> SiteCut:
    """One cut, as `{of: flair_volume both thalamus, instead_of: 1, cut: {…}}`. Raises PolicyError."""
    table = entry.table("of instead_of cut", "because")
    words, because = table["of"].text(), text_of(table["because"]) if table.get("because") else ""
    asked: frozenset[Subject | Field]
    if words in set(Field):
        asked, unit = frozenset({Field(words)}), FIELD_UNITS.get(Field(words), "")
        if not unit:
            table["of"].fail(f"`{words}` is no number")
    else:
        subjects = read_subjects(words, table["of"])
        asked, unit = frozenset(subjects), UNITS[subjects[0].quantity]
    return SiteCut(entry, asked, table["instead_of"].number(), read_cut(table["cut"], unit), because)


def _asked(leaf: CutLeaf) -> Subject | Field:
    return leaf.subject if isinstance(leaf, AtLeast | AtMost) else leaf.field
