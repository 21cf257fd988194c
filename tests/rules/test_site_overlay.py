"""An overlay as a whole, laid over a policy that is read once: what it changes, and every complaint in full."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from rules.conditions import Cut
from rules.identity import digest_of
from rules.measures import Measure
from rules.policy import AcceptedRisk, Policy, PolicyError, Site, load
from rules.policy_reading import read
from rules.site import FILE, _overlaid, load_policy
from rules.urgency import Priority

POLICY = load()
HEAD = f"site: here\npolicy: {POLICY.name}\n"
SOURCE = "source: ours, date: 2026-11-27"
RISK = "accept_risk: {name: Dr A, reason: seen}\n"


def overlaid(text: str) -> Policy:
    return _overlaid(POLICY, read(HEAD + text, FILE))


def complaint(text: str, head: str = HEAD) -> str:
    with pytest.raises(PolicyError) as caught:
        _overlaid(POLICY, read(head + text, FILE))
    return str(caught.value)


def expected(risks: tuple[AcceptedRisk, ...] = (), **changes) -> Policy:
    """The policy with a site's changes, its risks among the disclaimers, and the digest of all that."""
    wording = changes.pop("wording", POLICY.wording)
    told = tuple(f"Site here: {risk.what}; accepted by Dr A: seen." for risk in risks)
    wording = replace(wording, disclaimers=(*wording.disclaimers, *told))
    policy = replace(POLICY, **changes, wording=wording, site=Site("here", risks), digest="")
    return replace(policy, digest=digest_of(policy))


def risk(what: str) -> AcceptedRisk:
    return AcceptedRisk(what, "Dr A", "seen")


def test_an_overlay_that_says_nothing_is_a_site_of_its_own():
    assert overlaid("") == expected()
    assert overlaid("").identity.version == f"{POLICY.version}+here"
    assert load_policy() == POLICY


def test_targets_orders_and_hours():
    own = Cut(10.0, "min", "ours", date(2026, 11, 27))
    assert overlaid(f"targets: {{P1: {{value: 10, unit: min, {SOURCE}}}}}\n") == expected(
        targets={**POLICY.targets, Priority.P1: own}
    )
    assert overlaid("order: {STAT: P1, NOW: P3}\n") == expected(
        order={**POLICY.order, "STAT": Priority.P1, "NOW": Priority.P3}
    )
    ages = POLICY.limits.ages
    assert overlaid("fresh_h: {seizure: 96}\ncounts_h: {seizure: 96, motor: 999}\n") == expected(
        limits=replace(
            POLICY.limits,
            ages=replace(
                ages,
                fresh_h={**ages.fresh_h, "seizure": 96.0},
                counts_h={**ages.counts_h, "seizure": 96.0, "motor": 999.0},
            ),
        )
    )


def test_lower_orders_and_shorter_hours_are_accepted_together():
    ages = POLICY.limits.ages
    assert ages.counts_h["icans_grade"] == 48
    risks = (
        risk("an order as STAT is lowered from P2 to P4"),
        risk("icans_grade counts for 24.5 h instead of 48 h"),
    )
    text = f"order: {{STAT: P4}}\ncounts_h: {{icans_grade: 24.5}}\n{RISK}"
    assert overlaid(text) == expected(
        risks,
        order={**POLICY.order, "STAT": Priority.P4},
        limits=replace(POLICY.limits, ages=replace(ages, counts_h={**ages.counts_h, "icans_grade": 24.5})),
    )


def test_risks_of_rules_floors_and_measurements_are_all_told():
    text = f"""rules:
  - {{rule: R08, priority: {{value: P2, instead_of: P1}}, {RISK.strip()}}}
  - {{rule: R05, tell: ours}}
floors:
  - {{floor: F1, disabled: true, {RISK.strip()}}}
measurements:
  flair: {{seed_z: {{instead_of: 3, cut: {{value: 4, unit: "1", {SOURCE}}}}}}}
  {RISK}"""
    rules = tuple(
        replace(one, priority=Priority.P2)
        if one.code == "R08"
        else replace(one, tell="ours")
        if one.code == "R05"
        else one
        for one in POLICY.rules
    )
    first = POLICY.floors[0]
    assert first.code == "F1"
    assert overlaid(text) == expected(
        (
            risk("R08 is lowered from P1 to P2"),
            risk(f"floor F1 ({first.because}) is switched off"),
            risk("the checks may find less: flair.seed_z is 4 instead of 3"),
        ),
        rules=rules,
        floors=POLICY.floors[1:],
        measurements={
            **POLICY.measurements,
            Measure.FLAIR_SEED_Z: Cut(4.0, "1", "ours", date(2026, 11, 27)),
        },
    )


def test_standing_texts_of_its_own():
    text = "wording:\n  interpret: Read all.\n  negative: Nothing on {series}.\n"
    wording = replace(POLICY.wording, interpret="Read all.", negative="Nothing on {series}.")
    assert overlaid(text) == expected(wording=wording)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rule: []\n", "3: unknown key `rule`; allowed here: site, policy, targets, order, fresh_h, counts_h, accept_risk, rules, floors, measurements, wording"),
        ("order: {STAT: P3}\n", "1: an order as STAT is lowered from P2 to P3: this needs `accept_risk: {name: …, reason: …}`"),
        (
            f"measurements:\n  flair: {{seed_z: {{instead_of: 3, cut: {{value: 4, unit: '1', {SOURCE}}}}}}}\n",
            "4: the checks may find less: flair.seed_z is 4 instead of 3: this needs `accept_risk: {name: …, reason: …}`",
        ),
        (RISK, "3: nothing here makes a critical rule or a floor weaker; there is no risk to accept"),
        ("fresh_h: {crs_grade: 500}\n", "3: `crs_grade` would stop counting before it is stale"),
        ("counts_h: {crs_grade: 1}\n", "3: `crs_grade` would stop counting before it is stale"),
        ("fresh_h: {crs_grade: 9}\ncounts_h: {crs_grade: 8}\n", "4: `crs_grade` would stop counting before it is stale"),
        ("wording: {interpret: All is normal.}\n", "3: no text may say “normal”"),
        ("wording: {negative: Nothing.}\n", "3: `negative` must keep its placeholders: {series}"),
        ("wording: {negative: '{a} {b}'}\n", "3: `negative` must keep its placeholders: {series}"),
        ("wording: {interpret: 'Read {x}.'}\n", "3: `interpret` must keep its placeholders: none"),
        ("wording: {disclaimers: [a]}\n", "3: unknown key `disclaimers`; allowed here: positive, negative, negative_place, negative_raised, not_assessed, partly_assessed, interpret"),
    ],
)  # fmt: skip
def test_what_an_overlay_cannot_say(text: str, problem: str):
    assert complaint(text) == f"{FILE}:{problem}"


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("site: Here\npolicy: x\n", "1: a site is named with at most 24 small letters, digits and dashes"),
        ("site: -a\npolicy: x\n", "1: a site is named with at most 24 small letters, digits and dashes"),
        (f"site: {'x' * 24}\npolicy: x\n", f"2: this overlay is for `x`, the policy is `{POLICY.name}`"),
        (f"policy: {POLICY.name}\n", "1: key `site` is missing"),
    ],
)
def test_an_overlay_names_itself_and_its_policy(head: str, problem: str):
    assert complaint("", head) == f"{FILE}:{problem}"


def test_the_folder_of_a_site_holds_this_one_file(tmp_path: Path):
    def refused(folder: Path) -> str:
        with pytest.raises(PolicyError) as caught:
            load_policy(site=folder)
        return str(caught.value)

    assert refused(tmp_path / "none").startswith(f"{FILE}:1: the site's policy cannot be read: ")
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    assert refused(tmp_path).startswith(f"{FILE}:1: the site's policy cannot be read: ")
    (tmp_path / FILE).write_text("a: b", encoding="utf-8")
    assert refused(tmp_path).startswith(f"{FILE}:1: unknown key `a`")
    with pytest.raises(PolicyError, match=r"^policy\.yaml:1: cannot be read"):
        load_policy(tmp_path)
    (tmp_path / FILE).write_text(HEAD, encoding="utf-8")
    (tmp_path / "README.md").write_text("words", encoding="utf-8")
    assert load_policy(site=tmp_path) == expected()
    for name in ("b.yml", "a.yaml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert refused(tmp_path) == f"{FILE}:1: the site's policy is this one file; what is a.yaml, b.yml for?"
