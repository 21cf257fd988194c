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
    past = _Past(earlier, checks, age) if earlier else None
    for check in checks:
        placed.update({role: images.placed(role) for role in check.roles})
        parts = [check.label, images.digest(check.roles), [identities[name] for name in check.after], age]
        compared = past if check.uses_earlier else None
        if compared:
            parts.append(compared.identity(check))
        identity = identities[check.name] = digest_of(parts)
        found = {name: results[name] for name in check.after}
        before = partial(compared.inputs, check) if compared else None
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
        inputs = replace(inputs, earlier=past.scans, earlier_lacking=past.lacking, earlier_found=past.found)
    try:
        return check.measure(inputs)
    except CannotAssess as reason:
        return CheckResult(check.silence(reason.why, reason.detail))


@dataclass(slots=True)
class _Past:
    """The earlier study as the comparing checks ask for it: what the checks before them find there, each once."""

    images: Images
    checks: Sequence[Check]
    age: int | None
    _found: dict[str, CheckResult] = field(default_factory=dict)

    def identity(self, check: Check) -> str:
        """Digest of all that a check is handed of the earlier study."""
        return digest_of(
            [self.images.digest(check.roles), [self._identity(one) for one in self._before(check)]]
        )

    def inputs(self, check: Check) -> Inputs:
        """The series of a check, and the results of those it comes after."""
        scans, lacking = _scans(check, self.images)
        return Inputs(scans, lacking, self._results(check))

    def _results(self, check: Check) -> dict[str, CheckResult]:
        return {one.name: self._result(one) for one in self._before(check)}

    def _result(self, check: Check) -> CheckResult:
        if check.name not in self._found:
            known = Inputs({}, found=self._results(check), age=self.age)
            run = partial(_run, check, self.images, known)
            stage, identity = f"earlier {check.name}", self._identity(check)
            self._found[check.name] = self.images.stages.recall(stage, identity, run)
        return self._found[check.name]

    def _identity(self, check: Check) -> str:
        return digest_of([check.label, self.identity(check), self.age])

    def _before(self, check: Check) -> list[Check]:
        return [one for one in self.checks if one.name in check.after]


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
