"""The images of a case: which series arrived, what was measured on them, and what could not be, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from importlib.resources import files
from itertools import product
from math import prod
from typing import Any

import yaml

from rules.anatomy import Role
from rules.case_context import STUDY_DATE
from rules.case_series import SERIES, Reason, lack
from rules.case_values import COMPARED, NO_EARLIER, Line, lines_of, measured, reason_of, silent
from rules.conditions import AtLeast, AtMost, Subject, leaves
from rules.facts import Earlier, LastResult
from rules.findings import UNITS, Finding, NotAssessed, Quantity, Why
from rules.last_result import COMPARED as COMPARED_SINCE
from rules.last_result import DERIVED
from rules.policy import Policy
from rules.policy_conditions import read_cut
from rules.policy_reading import Entry, Table, read

KEYS = "images series missing unusable earlier last_result findings also modalities"
"""What a case may say of its images."""


@dataclass(frozen=True, slots=True)
class Images:
    """What a case says of its images, up to one of its steps."""

    series: tuple[Role, ...] = SERIES
    unusable: Mapping[Role, Reason] = field(default_factory=dict)
    unreadable: Reason | None = None
    """Why nothing at all could be measured."""
    earlier: Earlier | None = field(default_factory=Earlier)
    """The study that is compared with; nothing differs from it but what the lines say. None: there is none."""
    last_result: LastResult | None = None
    lines: Mapping[Subject, Line] = field(default_factory=dict)
    modalities: tuple[str, ...] = ("MR",)

    def told(self, table: Table, policy: Policy, *, is_later: bool) -> "Images":
        """The images after one more step of the case. Raises PolicyError with file and line."""
        now = replace(self._arrived(table, is_later=is_later), **_other(table))
        now = replace(now, unusable={**self.unusable, **now.unusable})
        if entry := table.get("last_result"):
            now = replace(now, last_result=_last_result(entry, policy))
        needed = policy.needed_findings()
        stated = {}
        for key in ("findings", "also"):
            for line, entry in lines_of(table.get(key), needed if key == "findings" else None):
                missing = now.lack(line.subject)
                if missing and not line.silence:
                    entry.fail(f"{line.subject.quantity} cannot be measured here: {missing.detail}")
                stated[line.subject] = line
        return replace(now, lines={**now.lines, **stated})

    def variants(self, policy: Policy) -> Iterator[tuple[str, tuple[Finding, ...]]]:
        """Every way in which the values of the ranges can decide, named by these values, with its findings."""
        ranges = self._ranges(policy)
        for values in product(*ranges.values()):
            chosen = dict(zip(ranges, values, strict=True))
            named = (f"{one.quantity} {one.side} {one.region} {value:g}" for one, value in chosen.items())
            yield ", ".join(named), self._findings(chosen, policy)

    def count(self, policy: Policy) -> int:
        """How many variants there are."""
        return prod(len(values) for values in self._ranges(policy).values())

    def measured_series(self) -> tuple[Role, ...]:
        """The series that could be measured."""
        if self.unreadable or lack(Quantity.FLAIR_VOLUME, self.series, self.unusable):
            return ()
        return tuple(role for role in Role if role in self.series and role not in self.unusable)

    def lack(self, subject: Subject) -> NotAssessed | None:
        """Why a subject cannot be measured on these images; None if it can."""
        reason = self.unreadable or lack(subject.quantity, self.series, self.unusable)
        if not reason and subject.quantity in COMPARED and self.earlier is None:
            reason = (NO_EARLIER, Why.SERIES_MISSING)
        return silent(subject, *reason) if reason else None

    def _arrived(self, table: Table, *, is_later: bool) -> "Images":
        came = tuple(item.choice(Role) for item in table.items("series"))
        kept = self.series if is_later or not came else ()
        absent = {item.choice(Role) for item in table.items("missing")}
        series = tuple(role for role in dict.fromkeys((*kept, *came)) if role not in absent)
        return replace(self, series=series, unreadable=None if came else self.unreadable)

    def _ranges(self, policy: Policy) -> dict[Subject, tuple[float, ...]]:
        cuts = tuple(_cuts(policy))
        return {line.subject: line.points(cuts) for line in self.lines.values() if line.is_range}

    def _findings(self, chosen: Mapping[Subject, float], policy: Policy) -> tuple[Finding, ...]:
        found: dict[Subject, Finding] = {
            subject: self.lack(subject) or measured(subject, undiseased().get(subject.quantity, 0.0))
            for subject in sorted(policy.needed_findings())
            if subject.quantity not in DERIVED
        }
        # What follows from `was` yields to what the case says of a comparison itself.
        for line in sorted(self.lines.values(), key=lambda line: line.was is None):
            missing = None if line.silence else self.lack(line.subject)
            several = (missing,) if missing else line.findings(chosen.get(line.subject, line.low))
            found.update({Subject(one.quantity, one.region, one.side): one for one in several})
        return tuple(found.values())


@cache
def undiseased() -> Mapping[Quantity, float]:
    """What each quantity measures where nothing is wrong; 0 for what is not in the file."""
    name = "undiseased.yaml"
    entry = read(files("rules").joinpath("policies", name).read_text(encoding="utf-8"), name)
    values = {Quantity(key): item for key, item in entry.mapping().items()}
    return {quantity: read_cut(item, UNITS[quantity]).value for quantity, item in values.items()}


def _cuts(policy: Policy) -> Iterator[tuple[Subject, float]]:
    """Every cut of the policy on a measurement."""
    for condition in policy.conditions():
        for leaf in leaves(condition):
            if isinstance(leaf, AtLeast | AtMost):
                yield leaf.subject, leaf.cut.value


def _other(table: Table) -> dict[str, Any]:
    """What a step says of the images beside series and measurements."""
    said: dict[str, Any] = {}
    if entry := table.get("images"):
        said["unreadable"] = _reason(entry, Why.SERIES_MISSING)
    if entry := table.get("unusable"):
        said["unusable"] = {
            entry.one_of(Role, key): _reason(item, Why.QUALITY) for key, item in entry.mapping().items()
        }
    if entry := table.get("earlier"):
        said["earlier"] = _earlier(entry)
    if entry := table.get("modalities"):
        said["modalities"] = entry.texts()
    return said


def _earlier(entry: Entry) -> Earlier | None:
    """`none`, or when it was: `{days_before: 12, baseline: true}`."""
    if isinstance(entry.node, yaml.ScalarNode):
        return (
            None
            if entry.raw() == "none"
            else entry.fail("write `none` or `{days_before: 12, baseline: true}`")
        )
    table = entry.table("days_before", "baseline")
    day = STUDY_DATE - timedelta(days=table["days_before"].count())
    baseline = table.get("baseline")
    return Earlier(day, baseline.flag() if baseline else None)


def _last_result(entry: Entry, policy: Policy) -> LastResult:
    """`{days_before: 12, findings: {…}}`; what it does not name was undiseased."""
    table = entry.table("days_before findings")
    found: dict[Subject, Finding] = {
        subject._replace(quantity=COMPARED_SINCE): measured(subject._replace(quantity=COMPARED_SINCE), 0.0)
        for subject in sorted(policy.needed_findings())
        if subject.quantity in DERIVED
    }
    for line, item in lines_of(table["findings"], None):
        if line.subject.quantity is not COMPARED_SINCE or line.is_range or line.was is not None:
            item.fail(f"of a last result only values of {COMPARED_SINCE} are compared")
        found[line.subject] = line.silence or measured(line.subject, line.low)
    day = STUDY_DATE - timedelta(days=table["days_before"].count())
    return LastResult(day, tuple(found.values()))


def _reason(entry: Entry, why: Why) -> Reason:
    text = entry.raw()
    return reason_of(entry, text) if text.startswith("not assessed") else (text, why)
