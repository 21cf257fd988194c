"""All checks on the images of one study: each gets what it asked for, and what it lacks becomes NotAssessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rules.anatomy import Role
from rules.findings import Finding, Lesion, Why
from rules.identity import digest_of
from workers.checks.check import Check, Inputs, Lack
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.images import Images, Placed


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """Results of all checks, by name, in the order in which they ran."""

    results: Mapping[str, CheckResult]
    placed: Mapping[Role, Placed | Lack]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all checks."""
        return tuple(finding for result in self.results.values() for finding in result.findings)

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """The lesions of all checks, largest first."""
        found = (lesion for result in self.results.values() for lesion in result.lesions)
        return tuple(sorted(found, key=lambda one: (-one.volume_ml, one.check, one.centre_mm)))


def analyse(images: Images, checks: Sequence[Check], age: int | None) -> Analysis:
    """Run the checks, in the order given (see registry.ordered)."""
    results: dict[str, CheckResult] = {}
    identities: dict[str, str] = {}
    placed: dict[Role, Placed | Lack] = {}
    for check in checks:
        placed.update({role: images.placed(role) for role in check.roles})
        parts = [check.label, images.digest(check.roles), [identities[name] for name in check.after], age]
        identity = identities[check.name] = digest_of(parts)
        found = {name: results[name] for name in check.after}
        run = partial(_run, check, images, found, age)
        results[check.name] = images.stages.recall(check.name, identity, run)
    return Analysis(results, placed)


def silent(checks: Sequence[Check], why: Why, detail: str) -> Analysis:
    """What remains when nothing could be analysed."""
    return Analysis({check.name: CheckResult(check.silence(why, detail)) for check in checks}, {})


def _run(check: Check, images: Images, found: Mapping[str, CheckResult], age: int | None) -> CheckResult:
    scans, lacking = {}, {}
    for role in check.roles:
        placed = images.placed(role)
        if isinstance(placed, Lack):
            lacking[role] = placed
        else:
            scans[role] = images.scan(role)
    try:
        return check.measure(Inputs(scans, lacking, found, age=age))
    except CannotAssess as reason:
        return CheckResult(check.silence(reason.why, reason.detail))
