import pytest

from rules.anatomy import Role
from rules.findings import Quantity, Why
from rules.policy import load
from workers.checks.check import Check, Inputs
from workers.checks.registry import GROUP, checks, ordered, unmeasured
from workers.checks.result import CheckResult
from workers.errors import CannotAssess


def check(name, *after):
    return Check(name, "1", (), lambda _: CheckResult(()), lambda _why, _detail: (), after=after)


def test_a_check_comes_after_those_it_reads():
    assert [one.name for one in ordered([check("a", "c"), check("b"), check("c", "b")])] == ["b", "c", "a"]


def test_the_order_does_not_depend_on_the_order_of_installation():
    found = [check("a"), check("b"), check("c", "a")]
    assert ordered(found) == ordered(found[::-1])


def test_two_checks_of_one_name_are_refused():
    with pytest.raises(ValueError, match="share a name"):
        ordered([check("a"), check("a")])


def test_a_check_after_one_that_is_not_installed_is_refused():
    with pytest.raises(ValueError, match="no check is named b"):
        ordered([check("a", "b")])


@pytest.mark.parametrize("one", checks(), ids=lambda one: one.name)
def test_every_installed_check_says_what_stays_unknown(one):
    silent = one.silence(Why.CRASH, "stopped")
    assert silent
    assert {finding.detail for finding in silent} == {"stopped"}
    assert len({(f.quantity, f.region, f.side) for f in silent}) == len(silent)


def test_checks_of_another_installed_package_are_found_by_their_entry_points(tmp_path, monkeypatch):
    """One as it is, after one of ours, and one that is made with the folder of plug-in models."""
    package = tmp_path / "check_of_a_site-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: check-of-a-site\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        f"[{GROUP}]\nplain = check_of_a_site:CHECK\nmade = check_of_a_site:check_with\n"
    )
    (tmp_path / "check_of_a_site.py").write_text(_OF_A_SITE)
    monkeypatch.syspath_prepend(tmp_path)
    models = tmp_path / "models"
    models.mkdir()
    found = {one.name: one for one in checks.__wrapped__(models)}
    assert set(found) == {one.name for one in checks()} | {"site plain", "site made"}
    names = list(found)
    assert names.index("oedema") < names.index("site plain")
    assert found["site made"].version == str(models)


_OF_A_SITE = """
from workers.checks.check import Check
from workers.checks.result import CheckResult


def made(name, version, after=()):
    return Check(name, version, (), lambda _: CheckResult(()), lambda why, detail: (), after=after)


CHECK = made("site plain", "1", ("oedema",))


def check_with(models):
    return made("site made", str(models))
"""


def test_no_two_checks_tell_the_same_thing():
    told = [
        (f.quantity, f.region, f.side) for one in checks() for f in one.silence(Why.SERIES_MISSING, "none")
    ]
    assert len(set(told)) == len(told)


def test_a_series_that_is_not_there_is_named():
    with pytest.raises(CannotAssess, match="no SWI series"):
        Inputs({}).scan(Role.SWI)


def test_the_installed_checks_measure_all_that_the_policy_asks_for():
    assert unmeasured(load(), checks()) == ()


def test_what_no_installed_check_measures_is_named():
    without = tuple(one for one in checks() if one.name != "susceptibility")
    lacking = unmeasured(load(), without)
    assert {one.quantity for one in lacking} == {Quantity.MICROBLEED_COUNT, Quantity.HAEMORRHAGE_DIAMETER}
