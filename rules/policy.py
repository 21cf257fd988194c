"""A policy: every rule, floor, threshold and sentence by which studies are decided, as checked data with a digest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path

from rules.astct import Scores, Steps
from rules.clinical import Limits
from rules.conditions import AtLeast, AtMost, Condition, Cut, Subject, leaves
from rules.decision import PolicyIdentity
from rules.identity import digest_of
from rules.measurements import FILE as MEASUREMENTS
from rules.measurements import read_measurements
from rules.measures import Measure
from rules.policy_conditions import read_cut
from rules.policy_parts import (
    FloorRule,
    Kind,
    Label,
    Raise,
    Rule,
    Wording,
    read_floor,
    read_rule,
    read_wording,
)
from rules.policy_reading import Entry, PolicyError, Table, read
from rules.recorded import AgeLimits
from rules.urgency import Priority

__all__ = [
    "AcceptedRisk",
    "FloorRule",
    "Kind",
    "Label",
    "Policy",
    "PolicyError",
    "Raise",
    "Rule",
    "Site",
    "Wording",
    "load",
    "problems",
    "read_targets",
]

PACKAGED = "cart_neurotoxicity"
"""The policy that is installed with the package."""
MINUTES = "min"
"""UCUM unit of the reading targets."""
_GENERAL = (
    "name version approved targets order fresh_h counts_h ice_grades capd_grades ice_from_age capd_below_age"
    " recipient_words sources"
)
"""The keys of policy.yaml."""
SOURCED = {
    "fresh_h": "h",
    "counts_h": "h",
    "ice_grades": "1",
    "capd_grades": "1",
    "ice_from_age": "a",
    "capd_below_age": "a",
}
"""Tables and numbers of policy.yaml whose source stands beside them under `sources`, and their units (UCUM)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the numbers of a table come from."""

    unit: str
    """UCUM."""
    source: str
    """A reference, or `[P] proposed`."""
    date: date


@dataclass(frozen=True, slots=True)
class AcceptedRisk:
    """Something that a site makes weaker than the policy, and who answers for it."""

    what: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Site:
    """A site's overlay on a policy; what it changes stands in the policy itself."""

    name: str
    risks: tuple[AcceptedRisk, ...] = ()


@dataclass(frozen=True)
class Policy:
    """Checked content of a policy; `digest` is of all of it."""

    name: str
    version: str
    approved: str
    targets: dict[Priority, Cut]
    """Minutes from study complete to start of reading, and for P4, which keeps the site's own, the ageing guard's limit."""
    order: dict[str, Priority]
    """Requested Procedure Priority (0040,1003) to the priority it asks for."""
    limits: Limits
    rules: tuple[Rule, ...]
    floors: tuple[FloorRule, ...]
    measurements: dict[Measure, Cut]
    """The numbers by which the checks tell a lesion from none."""
    wording: Wording
    sources: dict[str, Origin]
    """Of the numbers of `SOURCED`; every other number carries its own."""
    site: Site | None = None
    """Whose overlay lies on it (rules.site), if any."""
    digest: str = ""

    @property
    def target_minutes(self) -> dict[Priority, float]:
        """The reading targets; P4 has none."""
        return {priority: cut.value for priority, cut in self.targets.items() if priority is not Priority.P4}

    @property
    def identity(self) -> PolicyIdentity:
        version = f"{self.version}+{self.site.name}" if self.site else self.version
        return PolicyIdentity(self.name, version, self.digest)

    def needed_findings(self) -> frozenset[Subject]:
        """Every finding (quantity, region, side) that some condition asks for."""
        return frozenset(self.asked)

    @cached_property
    def asked(self) -> tuple[Subject, ...]:
        """The same in their order; asked for at every decision, so counted once."""
        asked = (leaf for condition in self.conditions() for leaf in leaves(condition))
        return tuple(sorted({leaf.subject for leaf in asked if isinstance(leaf, AtLeast | AtMost)}))

    def conditions(self) -> tuple[Condition, ...]:
        """Every condition of every rule and floor."""
        of_rules = (
            condition
            for rule in self.rules
            for condition in (
                rule.required,
                *(one.when for one in rule.raises),
                *(one.when for one in (*rule.labels, *rule.remarks)),
            )
        )
        return (*of_rules, *(floor.when for floor in self.floors))


def load(source: Path | None = None) -> Policy:
    """The policy in a folder; without one, the packaged policy.

    Raises PolicyError with file and line if anything in it is unknown, missing, double, or of a wrong unit.
    """
    folder = _folder(source)
    general = _file(folder, "policy.yaml").table(_GENERAL)
    policy = Policy(
        name=general["name"].text(),
        version=general["version"].text(),
        approved=general["approved"].text(),
        targets=read_targets(general["targets"]),
        order={key: entry.choice(Priority) for key, entry in general["order"].mapping().items()},
        limits=_limits(general),
        rules=_rules(folder),
        floors=tuple(read_floor(entry) for entry in _file(folder, "floors.yaml").items()),
        measurements=read_measurements(_file(folder, MEASUREMENTS)),
        wording=read_wording(_file(folder, "wording.yaml")),
        sources=_sources(general["sources"]),
    )
    return replace(policy, digest=digest_of(policy))


def problems(source: Path | None = None) -> tuple[PolicyError, ...]:
    """The first complaint about each file of a policy; none if it can be used."""
    folder = _folder(source)
    readers: list[Callable[[], object]] = [
        lambda: _limits(_file(folder, "policy.yaml").table(_GENERAL)),
        lambda: [read_floor(entry) for entry in _file(folder, "floors.yaml").items()],
        lambda: read_measurements(_file(folder, MEASUREMENTS)),
        lambda: read_wording(_file(folder, "wording.yaml")),
        *(partial(_read_rule, folder, name) for name in _rule_files(folder)),
        lambda: load(source),
    ]
    found: dict[str, PolicyError] = {}
    for reader in readers:
        try:
            reader()
        except PolicyError as error:
            found.setdefault(error.file, error)
    return tuple(found.values())


def _folder(source: Path | None) -> Traversable:
    return source or files("rules").joinpath("policies", PACKAGED)


def _file(folder: Traversable, name: str) -> Entry:
    try:
        return read(folder.joinpath(name).read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(name, 1, f"cannot be read: {error}") from error


def _rules(folder: Traversable) -> tuple[Rule, ...]:
    """One file for each rule, in `rules/`; sorted by rule number, so that file order changes nothing."""
    rules: dict[str, Rule] = {}
    for name in _rule_files(folder):
        rule = _read_rule(folder, name)
        if rule.code in rules:
            _file(folder, name).fail(f"rule {rule.code} stands in another file too")
        rules[rule.code] = rule
    if not rules:
        raise PolicyError("rules/", 1, "no rule in the policy")
    return tuple(rules[code] for code in sorted(rules))


def _rule_files(folder: Traversable) -> list[str]:
    try:
        items = list(folder.joinpath("rules").iterdir())
    except OSError as error:
        raise PolicyError("rules/", 1, f"cannot be read: {error}") from error
    return sorted(f"rules/{item.name}" for item in items if item.name.endswith(".yaml"))


def _read_rule(folder: Traversable, name: str) -> Rule:
    return read_rule(_file(folder, name))


def _limits(table: Table) -> Limits:
    fresh = _checked_fields(table["fresh_h"])
    counts = _checked_fields(table["counts_h"])
    for name, entry in table["counts_h"].mapping().items():
        if counts[name] < fresh[name]:
            entry.fail(f"`{name}` would stop counting before it is stale")
    scores = Scores(
        ice=_steps(table["ice_grades"]),
        capd=_steps(table["capd_grades"]),
        ice_from_age=table["ice_from_age"].number(),
        capd_below_age=table["capd_below_age"].number(),
    )
    return Limits(AgeLimits(fresh, counts), scores, table["recipient_words"].texts())


def _sources(entry: Entry) -> dict[str, Origin]:
    return {
        name: _origin(item, SOURCED[name]) for name, item in entry.table(" ".join(SOURCED)).entries.items()
    }


def _origin(entry: Entry, unit: str) -> Origin:
    table = entry.table("unit source date")
    if table["unit"].text() != unit:
        table["unit"].fail(f"unit `{table['unit'].text()}` is wrong here; this is in `{unit}`")
    return Origin(unit, table["source"].text(), table["date"].day())


def _steps(entry: Entry) -> Steps:
    """Lowest scores with their grades, highest score first."""
    pairs = entry.whole_mapping()
    if 0 not in pairs or not set(pairs.values()) <= set(range(5)):
        entry.fail("expected `score: grade` from score 0 on, with grades 0 to 4")
    return tuple(sorted(pairs.items(), reverse=True))


def _checked_fields(entry: Entry) -> dict[str, float]:
    """Hours for each context value with a time; all of them, because a missing one would count for ever."""
    table = entry.table(
        "icans_grade ice_score capd_score crs_grade blood_pressure seizure motor raised_icp_signs"
        " consciousness cord_signs steroid_taper platelets anticoagulant ventilation"
    )
    return {name: item.number() for name, item in table.entries.items()}


def read_targets(entry: Entry, held: Mapping[Priority, Cut] | None = None) -> dict[Priority, Cut]:
    """A limit in minutes for each priority, over those that are `held` already. Raises PolicyError.

    A longer limit for the more urgent would let a study that is decided higher be shown lower than before.
    """
    pairs = entry.table("", " ".join(Priority)).entries
    targets = {**(held or {}), **{Priority(key): read_cut(item, MINUTES) for key, item in pairs.items()}}
    for priority, after in pairwise(Priority):
        if priority not in targets or after not in targets:
            entry.fail(f"a limit is needed for each of {', '.join(Priority)}")
        if targets[priority].value > targets[after].value:
            entry.fail(f"{priority} would have to wait longer than {after} before it is late")
    return dict(sorted(targets.items()))
