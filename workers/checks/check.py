"""What a check is: a name, the series it wants, and a pure function from them to findings.

Checks announce themselves under the entry point group `cartriage.checks`; see workers/checks/registry.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rules.anatomy import Role
from rules.findings import Finding, Why
from workers.checks.result import CheckResult
from workers.errors import CannotAssess
from workers.imaging.scan import Scan


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a series is not there to be measured."""

    why: Why
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What a check may look at: nothing else reaches it."""

    scans: Mapping[Role, Scan]
    """The series that the check asked for, as far as they are there."""
    lacking: Mapping[Role, Lack] = field(default_factory=dict)
    """Why the others are not."""
    found: Mapping[str, CheckResult] = field(default_factory=dict)
    """Results of the checks it comes after, by their name."""
    earlier: Mapping[Role, Scan] = field(default_factory=dict)
    """The same series of the earlier study, if there is one; their motion leads from this study's reference series."""
    earlier_lacking: Mapping[Role, Lack] = field(default_factory=dict)
    """Why others of the earlier study are not."""
    earlier_found: Mapping[str, CheckResult] = field(default_factory=dict)
    """Results of the checks on the earlier study."""
    age: int | None = None
    """Years, from the headers."""

    def scan(self, role: Role) -> Scan:
        """The scan of a role; raises CannotAssess with the reason if it is not there."""
        try:
            return self.scans[role]
        except KeyError:
            lack = self.lacking.get(role, Lack(Why.SERIES_MISSING, f"no {role.value} series"))
            raise CannotAssess(lack.why, lack.detail) from None

    def earlier_scan(self, role: Role) -> Scan:
        """The scan of the earlier study; raises CannotAssess with the reason if there is none to compare with."""
        if role in self.earlier:
            return self.earlier[role]
        if not (self.earlier_found or self.earlier or self.earlier_lacking):
            raise CannotAssess(Why.SERIES_MISSING, "no earlier study")
        lack = self.earlier_lacking.get(role, Lack(Why.SERIES_MISSING, f"no {role.value} series"))
        raise CannotAssess(lack.why, f"not comparable with the earlier study: {lack.detail}")


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `measure` may raise CannotAssess; then `silence` says what stays unknown."""

    name: str
    version: str
    roles: tuple[Role, ...]
    """Series it looks at, the optional ones too; only they, and `after`, can change its result."""
    measure: Callable[[Inputs], CheckResult]
    silence: Callable[[Why, str], tuple[Finding, ...]]
    """Everything the check would have said, as not assessed."""
    after: tuple[str, ...] = ()
    """Checks whose results it reads."""
    uses_earlier: bool = False
    """Whether it compares with an earlier study."""
    optional: tuple[Role, ...] = ()
    """Those of `roles` that many studies lack: nobody waits for them, and if they come the check runs again."""

    @property
    def label(self) -> str:
        """Name and version, as evidence carries it."""
        return f"{self.name} {self.version}"
