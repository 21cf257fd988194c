"""What the checks are handed, in which order, and what becomes of what they lack."""

from dataclasses import dataclass, field, replace

import pytest

from rules.anatomy import Region, Role, Side
from rules.findings import Evidence, Lesion, Measured, NotAssessed, Quantity, Unit, Why
from rules.messages import SeriesQuality
from workers.analysis import analyse, silent
from workers.cache import Cache
from workers.checks.check import Check, Lack
from workers.checks.result import CheckResult
from workers.images import Placed
from workers.imaging.motion import at_rest
from workers.stages import Stages

PLACE = (Region.BRAIN, Side.WHOLE)


@dataclass
class FakeImages:
    """Images whose scans are the words `scan of <role>`."""

    roles: frozenset[Role]
    stages: Stages = field(default_factory=lambda: Stages(Cache(None)))
    version: str = "1"

    def digest(self, roles):
        return f"{self.version} {sorted(roles)}"

    def placed(self, role):
        if role not in self.roles:
            return Lack(Why.SERIES_MISSING, f"no {role.value} series")
        return Placed((f"1.2.{role.value}",), at_rest(), SeriesQuality())

    def scan(self, role):
        return f"scan of {role.value}, {self.version}"


def found(value, check="one 1"):
    return Measured(Quantity.FLAIR_VOLUME, *PLACE, value, Unit.MILLILITRE, Evidence(check, "1.2"))


def silence(why, detail):
    return (NotAssessed(Quantity.FLAIR_VOLUME, *PLACE, why, detail),)


def check(name, measure, *, roles=(Role.FLAIR,), after=(), uses_earlier=False):
    return Check(name, "1", roles, measure, silence, after, uses_earlier)


def test_a_check_gets_the_series_it_asked_for_and_no_other():
    seen = []
    analyse(
        FakeImages(frozenset(Role)), [check("one", lambda inputs: seen.append(inputs) or CheckResult(()))], 40
    )
    assert dict(seen[0].scans) == {Role.FLAIR: "scan of FLAIR, 1"}
    assert seen[0].age == 40


def test_what_a_check_cannot_assess_becomes_not_assessed_with_the_reason_of_its_series():
    one = check("one", lambda inputs: CheckResult((found(len(inputs.scan(Role.SWI))),)), roles=(Role.SWI,))
    result = analyse(FakeImages(frozenset({Role.FLAIR})), [one], None)
    assert [(f.why, f.detail) for f in result.findings] == [(Why.SERIES_MISSING, "no SWI series")]
    assert isinstance(result.placed[Role.SWI], Lack)


def test_a_later_check_reads_the_results_of_those_it_comes_after():
    first = check("first", lambda _: CheckResult((found(3.0),)))
    second = check(
        "second",
        lambda inputs: CheckResult((found(inputs.found["first"].findings[0].value + 1),)),
        after=("first",),
    )
    result = analyse(FakeImages(frozenset(Role)), [first, second], None)
    assert [finding.value for finding in result.findings] == [3.0, 4.0]


def test_the_earlier_study_is_handed_only_to_checks_that_compare():
    def told(inputs):
        return CheckResult(
            (found(float(bool(inputs.earlier))), *inputs.earlier_found.get("plain", CheckResult(())).findings)
        )

    plain = check("plain", told)
    comparing = check("comparing", told, after=("plain",), uses_earlier=True)
    now, before = FakeImages(frozenset(Role)), FakeImages(frozenset(Role), version="earlier")
    result = analyse(now, [plain, comparing], None, before)
    assert [finding.value for finding in result.results["plain"].findings] == [0.0]
    assert [finding.value for finding in result.results["comparing"].findings] == [1.0, 0.0]


def test_the_earlier_study_is_measured_once_for_all_that_compare(tmp_path):
    calls = []

    def told(_):
        calls.append(1)
        return CheckResult((found(1.0),))

    plain = check("plain", told)
    several = [check(name, told, after=("plain",), uses_earlier=True) for name in ("a", "b")]
    for _ in range(2):
        now = FakeImages(frozenset(Role), Stages(Cache(tmp_path)))
        analyse(now, [plain, *several], None, replace(now, version="earlier"))
    assert len(calls) == len(["plain", "earlier plain", "a", "b"])


def test_what_a_check_reads_of_the_earlier_study_is_an_input(tmp_path):
    """Its own series are the same; those of the check it reads are not."""

    def told(inputs):
        return CheckResult((found(float(len(inputs.scans[Role.T2]))),))

    plain = check("plain", told, roles=(Role.T2,))
    comparing = check(
        "comparing", lambda inputs: inputs.earlier_found["plain"], after=("plain",), uses_earlier=True
    )

    @dataclass
    class Earlier(FakeImages):
        def digest(self, roles):
            return f"{self.version if Role.T2 in roles else ''} {sorted(roles)}"

    values = []
    for version in ("a", "longer"):
        now = FakeImages(frozenset(Role), Stages(Cache(tmp_path)))
        before = Earlier(frozenset(Role), now.stages, version)
        values.append(analyse(now, [plain, comparing], None, before).results["comparing"].findings[0].value)
    assert values[0] != values[1]


def test_another_earlier_study_is_another_input(tmp_path):
    def told(inputs):
        return CheckResult((found(float(len(inputs.earlier[Role.FLAIR]))),))

    comparing = check("comparing", told, uses_earlier=True)
    values = []
    for version in ("a", "longer"):
        now = FakeImages(frozenset(Role), Stages(Cache(tmp_path)))
        before = replace(now, version=version)
        values.append(analyse(now, [comparing], None, before).findings[0].value)
    assert values[0] != values[1]


def test_unchanged_inputs_are_measured_once(tmp_path):
    calls = []
    one = check("one", lambda _: calls.append(1) or CheckResult((found(1.0),)))
    for _ in range(2):
        analyse(FakeImages(frozenset(Role), Stages(Cache(tmp_path))), [one], None)
    assert len(calls) == 1


def test_another_age_is_another_input(tmp_path):
    one = check("one", lambda inputs: CheckResult((found(float(inputs.age)),)))
    ages = [
        analyse(FakeImages(frozenset(Role), Stages(Cache(tmp_path))), [one], age).findings[0].value
        for age in (40, 50)
    ]
    assert ages == [40.0, 50.0]


def test_lesions_of_all_checks_are_told_largest_first():
    def with_lesion(name, volume):
        lesion = Lesion(name, *PLACE, volume, (0.0, 0.0, 0.0), 3.0, "1.2")
        return check(name, lambda _: CheckResult((), lesions=(lesion,)))

    result = analyse(FakeImages(frozenset(Role)), [with_lesion("a", 1.0), with_lesion("b", 2.0)], None)
    assert [lesion.check for lesion in result.lesions] == ["b", "a"]


@pytest.mark.parametrize("why", [Why.CRASH, Why.TIMEOUT])
def test_a_failed_analysis_leaves_everything_not_assessed(why):
    result = silent([check("one", CheckResult)], why, "stopped")
    assert [(f.why, f.detail) for f in result.findings] == [(why, "stopped")]
