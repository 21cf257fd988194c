"""All checks on the images of one study: each gets what it asked for, and what it lacks becomes NotAssessed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from rules.anatomy import Role
from rules.findings import Finding, Lesion, Why
from rules.identity import digest_of
from rules.provisional import awaiting
from workers.checks.check import Check, Inputs, Lack
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.images import Images, Placed
from workers.imaging.scan import Scan


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """Results of all checks, by name, in the order in which they ran."""

    results: Mapping[str, CheckResult]
    placed: Mapping[Role, Placed | Lack]
    identities: Mapping[str, str] = field(default_factory=dict)
    """Digest of all that a check's result is made from, by its name."""

    def awaiting(self) -> "Analysis":
        """The same of a study that still arrives: what is missing may come."""
        results = {name: replace(one, findings=awaiting(one.findings)) for name, one in self.results.items()}
        return replace(self, results=results)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all checks."""
        return tuple(finding for result in self.results.values() for finding in result.findings)

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """The lesions of all checks, largest first."""
        found = (lesion for result in self.results.values() for lesion in result.lesions)
        return tuple(sorted(found, key=lambda one: (-one.volume_ml, one.check, one.centre_mm)))


def analyse(
    images: Images, checks: Sequence[Check], age: int | None, earlier: Images | None = None
) -> Analysis:
    """Run the checks, in the order given (see registry.ordered).

    earlier : images of an earlier study, whose origin is `images`
    """
    results: dict[str, CheckResult] = {}
    identities: dict[str, str] = {}
    placed: dict[Role, Placed | Lack] = {}
    for check in checks:
        placed.update({role: images.placed(role) for role in check.roles})
        parts = [check.label, images.digest(check.roles), [identities[name] for name in check.after], age]
        compared = earlier if check.uses_earlier else None
        if compared:
            parts.append(compared.digest(check.roles))
        identity = identities[check.name] = digest_of(parts)
        found = {name: results[name] for name in check.after}
        before = partial(_earlier, compared, check, checks, age) if compared else None
        run = partial(_run, check, images, Inputs({}, found=found, age=age), before)
        results[check.name] = images.stages.recall(check.name, identity, run)
    return Analysis(results, placed, identities)


def silent(checks: Sequence[Check], why: Why, detail: str) -> Analysis:
    """What remains when nothing could be analysed."""
    return Analysis({check.name: CheckResult(check.silence(why, detail)) for check in checks}, {})


def _run(
    check: Check, images: Images, known: Inputs, before: Callable[[], Inputs] | None = None
) -> CheckResult:
    scans, lacking = _scans(check, images)
    inputs = replace(known, scans=scans, lacking=lacking)
    if before:
        past = before()
        inputs = replace(inputs, earlier=past.scans, earlier_found=past.found)
    try:
        return check.measure(inputs)
    except CannotAssess as reason:
        return CheckResult(check.silence(reason.why, reason.detail))


def _earlier(images: Images, check: Check, checks: Sequence[Check], age: int | None) -> Inputs:
    """The earlier study as the check asked for it, and what the checks before it find there."""
    found: dict[str, CheckResult] = {}
    for one in checks:
        if one.name in check.after:
            known = Inputs({}, found={name: found[name] for name in one.after if name in found}, age=age)
            found[one.name] = _run(one, images, known)
    return Inputs(_scans(check, images)[0], found=found)


@dataclass(frozen=True, slots=True, eq=False)
class _Scans(Mapping[Role, Scan]):
    """Scans that are laid when a check looks at them: of series that stand in for each other it looks at one."""

    images: Images
    roles: tuple[Role, ...]

    def __getitem__(self, role: Role) -> Scan:
        if role not in self.roles:
            raise KeyError(role)
        return self.images.scan(role)

    def __contains__(self, role: object) -> bool:
        return role in self.roles

    def __iter__(self) -> Iterator[Role]:
        return iter(self.roles)

    def __len__(self) -> int:
        return len(self.roles)


def _scans(check: Check, images: Images) -> tuple[Mapping[Role, Scan], dict[Role, Lack]]:
    """The series that a check asked for, and why the others are not there."""
    placed = {role: images.placed(role) for role in check.roles}
    lacking = {role: place for role, place in placed.items() if isinstance(place, Lack)}
    return _Scans(images, tuple(role for role in check.roles if role not in lacking)), lacking
