"""A site's overlay: what it may change, what it may change only if somebody answers for it, and every refusal with its line."""

import re
from pathlib import Path

import pytest

from rules.case_file import read_cases
from rules.case_verdict import put
from rules.claims import claim_in
from rules.condition_words import condition_words
from rules.policy import AcceptedRisk, Policy, PolicyError, load
from rules.policy_diff import compared
from rules.site import FILE, load_policy
from rules.urgency import Priority

POLICY = load()
ROOT = Path(__file__).parents[2]
HEAD = f"site: here\npolicy: {POLICY.name}\n"
RISK = "    accept_risk: {name: Dr A, reason: seen}\n"
SOURCE = "source: our audit, date: 2026-11-27"
THALAMUS = (
    f"      - {{of: flair_volume both thalamus, instead_of: 1, cut: {{value: %s, unit: mL, {SOURCE}}}}}\n"
)


def overlaid(folder: Path, text: str) -> Policy:
    (folder / FILE).write_text(HEAD + text, encoding="utf-8")
    return load_policy(site=folder)


def rule(policy: Policy, code: str):
    return next(one for one in policy.rules if one.code == code)


def test_the_example_is_taken_and_accepts_no_risk():
    policy = load_policy(site=ROOT / "deploy" / "site")
    assert policy.site
    assert policy.site.risks == ()
    assert {change.where for change in compared(POLICY, policy)} >= {"policy", "R03 PRES-type distribution"}
    assert "FLAIR hyperintensity volume ≥ 1.5 mL in parieto-occipital on both sides" in condition_words(
        rule(policy, "R03").required
    )


def test_the_example_of_the_page_is_taken_with_its_two_risks(tmp_path: Path):
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(site: .*?)```", page, re.DOTALL)
    (tmp_path / FILE).write_text(example, encoding="utf-8")
    site = load_policy(site=tmp_path).site
    assert site
    assert [risk.what for risk in site.risks] == [
        "R02 asks for more before it is present or critical",
        "floor F3 (CRS grade of at least 3) is switched off",
    ]
    assert load_policy(site=tmp_path).identity.version.endswith("+our-hospital")


def test_without_an_overlay_it_is_the_policy():
    assert load_policy() == POLICY
    assert POLICY.identity.version == POLICY.version


def _target(minutes: int) -> str:
    return f"targets: {{P1: {{value: {minutes}, unit: min, {SOURCE}}}}}\n"


def test_an_overlay_is_part_of_identity_and_digest(tmp_path: Path):
    one = overlaid(tmp_path, _target(10))
    assert one.target_minutes == {**POLICY.target_minutes, Priority.P1: 10}
    assert one.identity.version == f"{POLICY.version}+here"
    other = overlaid(tmp_path, _target(9))
    assert len({POLICY.digest, one.digest, other.digest}) == 3
    assert overlaid(tmp_path, f"# a comment\n{_target(9)}").digest == other.digest


def test_an_accepted_risk_is_part_of_the_digest_and_of_every_result(tmp_path: Path):
    text = (
        "floors:\n  - floor: F1\n    disabled: true\n    accept_risk: {name: %s, reason: none is seen here}\n"
    )
    one, other = overlaid(tmp_path, text % "Dr A"), overlaid(tmp_path, text % "Dr B")
    assert one.digest != other.digest
    assert one.site
    assert one.site.risks == (
        AcceptedRisk("floor F1 (ASTCT feature of grade 4) is switched off", "Dr A", "none is seen here"),
    )
    (story,) = read_cases("- {name: a, context: {icans_grade: 4}, expect: {priority: P1}}", "c.yaml", one)
    decision = put(one, story).outcomes[0].decision
    told = (
        "Site here: floor F1 (ASTCT feature of grade 4) is switched off; accepted by Dr A: none is seen here."
    )
    assert decision.disclaimers == (*POLICY.wording.disclaimers, told)
    assert decision.policy == one.identity
    assert "F1" not in {floor.code for floor in decision.floors}


def test_a_cut_of_both_sides_is_replaced_with_its_source(tmp_path: Path):
    policy = overlaid(tmp_path, f"rules:\n  - rule: R02\n    cuts:\n{THALAMUS % 0.8}")
    held = condition_words(rule(POLICY, "R02").required)
    assert condition_words(rule(policy, "R02").required) == held.replace(
        "volume ≥ 1 mL in thalamus", "volume ≥ 0.8 mL in thalamus"
    )
    assert policy != POLICY
    assert condition_words(rule(policy, "R04").required) == condition_words(rule(POLICY, "R04").required)
    assert policy.needed_findings() == POLICY.needed_findings()


def test_a_cut_of_a_raise_takes_its_new_reason(tmp_path: Path):
    cut = f"{{of: platelets, instead_of: 49.9, cut: {{value: 70, unit: 10*9/L, {SOURCE}}}%s}}"
    text = f"rules:\n  - rule: R07\n    cuts:\n      - {cut}\n"
    raised = rule(overlaid(tmp_path, text % ", because: few platelets"), "R07").raises
    assert next(one.because for one in raised) == "few platelets"
    with pytest.raises(PolicyError, match=r"site.yaml:6: “platelets below 50 G/L” names a number"):
        overlaid(tmp_path, text % "")


def test_words_priority_orders_hours_and_standing_texts(tmp_path: Path):
    policy = overlaid(
        tmp_path,
        "order: {HIGH: P2, URGENT: P2}\nfresh_h: {seizure: 48}\ncounts_h: {seizure: 96}\n"
        "rules:\n  - {rule: R05, priority: {value: P2, instead_of: P3}, tell: splenium, follow_up: Call.}\n"
        "floors:\n  - {floor: F1, priority: {value: P1, instead_of: P1}, cuts: ["
        f"{{of: icans_grade, instead_of: 4, cut: {{value: 3, unit: '1', {SOURCE}}}}}]}}\n"
        "wording: {interpret: Read all images.}\n",
    )
    assert policy.order == {**POLICY.order, "HIGH": Priority.P2, "URGENT": Priority.P2}
    assert policy.limits.ages.fresh_h["seizure"] == 48
    assert policy.limits.ages.counts_h["seizure"] == 96
    splenium = rule(policy, "R05")
    assert (splenium.priority, splenium.tell, splenium.follow_up) == (Priority.P2, "splenium", "Call.")
    assert condition_words(policy.floors[0].when).endswith("≥ 3")
    assert policy.wording.interpret == "Read all images."
    assert policy.site
    assert policy.site.risks == ()


WEAKER = [
    ("rules:\n  - rule: R08\n    priority: {value: P2, instead_of: P1}\n", "R08 is lowered from P1 to P2"),
    (f"rules:\n  - rule: R02\n    cuts:\n{THALAMUS % 2}", "R02 asks for more before it is present or critical"),
    (
        ("rules:\n  - rule: R16\n    cuts:\n      - {of: restricted_laterality whole brain, instead_of: 0.6,"
        f" cut: {{value: 0.9, unit: '1', {SOURCE}}}}}\n"),
        "R16 asks for more before it is present or critical",
    ),
    (
        f"rules:\n  - rule: R03\n    cuts:\n      - {{of: systolic_pressure, instead_of: 180, cut: {{value: 200, unit: 'mm[Hg]', {SOURCE}}}}}\n",
        "R03 asks for more before it is present or critical",
    ),
    ("floors:\n  - floor: F1\n    priority: {value: P2, instead_of: P1}\n", "floor F1 (ASTCT feature of grade 4) is lowered from P1 to P2"),
    ("floors:\n  - floor: F4\n    disabled: true\n", "floor F4 (no sign of ICANS recorded and no neurological indication on the order) is switched off"),
    (
        f"floors:\n  - floor: F1\n    cuts: [{{of: icans_grade, instead_of: 4, cut: {{value: 5, unit: '1', {SOURCE}}}}}]\n",
        "floor F1 (ASTCT feature of grade 4) asks for more",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "what"), WEAKER)
def test_what_makes_something_critical_weaker_needs_a_name_and_a_reason(tmp_path: Path, text: str, what: str):
    with pytest.raises(PolicyError, match=re.escape(f"site.yaml:4: {what}: this needs `accept_risk")):
        overlaid(tmp_path, text)
    with pytest.raises(PolicyError, match="key `reason` is missing"):
        overlaid(tmp_path, f"{text}    accept_risk: {{name: Dr A}}\n")
    with pytest.raises(PolicyError, match="expected text"):
        overlaid(tmp_path, f"{text}    accept_risk: {{name: Dr A, reason: ''}}\n")
    site = overlaid(tmp_path, text + RISK).site
    assert site
    assert site.risks == (AcceptedRisk(what, "Dr A", "seen"),)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("order: {STAT: P4}\n", "an order as STAT is lowered from P2 to P4"),
        ("counts_h: {icans_grade: 24}\n", "icans_grade counts for 24 h instead of 48 h"),
    ],
)
def test_lower_orders_and_shorter_hours_need_a_name_too(tmp_path: Path, text: str, what: str):
    with pytest.raises(PolicyError, match=re.escape(f"site.yaml:1: {what}: this needs `accept_risk")):
        overlaid(tmp_path, text)
    site = overlaid(tmp_path, f"{text}accept_risk: {{name: Dr A, reason: seen}}\n").site
    assert site
    assert site.risks == (AcceptedRisk(what, "Dr A", "seen"),)


@pytest.mark.parametrize(
    "text",
    [
        f"rules:\n  - rule: R02\n    cuts:\n{THALAMUS % 0.5}",
        "rules:\n  - rule: R05\n    priority: {value: P4, instead_of: P3}\n",
        f"rules:\n  - rule: R18\n    cuts: [{{of: flair_foci midline callosal_body, instead_of: 3, cut: {{value: 4, unit: '{{lesions}}', {SOURCE}}}}}]\n",
        f"rules:\n  - rule: R07\n    cuts: [{{of: microbleed_count whole brain, instead_of: 3, cut: {{value: 4, unit: '{{lesions}}', {SOURCE}}}}}]\n",
        f"rules:\n  - rule: R02\n    cuts: [{{of: day_after_infusion, instead_of: 31, cut: {{value: 40, unit: d, {SOURCE}}}}}]\n",
    ],
)  # fmt: skip
def test_what_can_never_be_critical_or_holds_more_often_is_the_sites_own(tmp_path: Path, text: str):
    site = overlaid(tmp_path, text).site
    assert site
    assert site.risks == ()
    with pytest.raises(PolicyError, match="there is no risk to accept"):
        overlaid(tmp_path, text + RISK)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("rule: []\n", 3, "unknown key `rule`"),
        ("rules:\n  - rule: R99\n    tell: a\n", 4, "`R99` is no rule of the policy: R01"),
        ("rules:\n  - rule: R02\n", 4, "nothing is changed in R02"),
        ("rules:\n  - rule: R02\n    priority: {value: P1, instead_of: P3}\n", 5, "R02 is P2, not P3"),
        (f"rules:\n  - rule: R02\n    cuts:\n{THALAMUS % 0.5}".replace("instead_of: 1", "instead_of: 3"), 6, "R02 has no such cut of 3; its cuts there: 1"),
        (f"rules:\n  - rule: R08\n    cuts:\n{THALAMUS % 0.5}", 6, "R08 has no such cut of 1; its cuts there: none"),
        (f"rules:\n  - rule: R02\n    cuts:\n{THALAMUS % 0.5}".replace("mL", "mm"), 6, "measured in `mL`"),
        (f"rules:\n  - rule: R02\n    cuts:\n{THALAMUS % 0.5}".replace("source: our audit, ", ""), 6, "key `source` is missing"),
        (f"rules:\n  - rule: R02\n    cuts:\n{THALAMUS % 0.5}".replace("thalamus", "thalamos"), 6, "`thalamos` is none of"),
        (f"rules:\n  - rule: R02\n    cuts:\n{THALAMUS % 0.5}".replace("flair_volume both thalamus", "seizure"), 6, "`seizure` is no number"),
        (f"rules:\n  - rule: R08\n    cuts: [{{of: haemorrhage_diameter whole brain, instead_of: 10, cut: {{value: 8, unit: mm, {SOURCE}}}}}]\n", 5, "`tell` of R08 names 10: word it anew"),
        ("rules:\n  - rule: R02\n    tell: the thalami are normal\n", 5, "no text may say “normal”"),
        ("floors:\n  - floor: F9\n    disabled: true\n", 4, "`F9` is no such floor of the policy; floors: F1 ("),
        ("floors:\n  - floor: F3\n    disabled: true\n", 4, "`F3` is several floors; say which with `because`: ASTCT"),
        ("floors:\n  - floor: F1\n    disabled: false\n", 5, "not disabled unless this says true"),
        ("floors:\n  - floor: F1\n", 4, "nothing is changed in floor F1"),
        (f"floors:\n  - floor: F1\n    cuts: [{{of: age, instead_of: 4, cut: {{value: 5, unit: a, {SOURCE}}}}}]\n", 5, "floor F1 has no such cut of 4"),
        ("wording: {disclaimers: [none]}\n", 3, "unknown key `disclaimers`"),
        ("wording: {negative: All is excluded.}\n", 3, "no text may say “excluded”"),
        ("wording: {negative: Nothing was detected.}\n", 3, "`negative` must keep its placeholders: {series}"),
        ("wording: {interpret: 'Read {all}.'}\n", 3, "`interpret` must keep its placeholders: none"),
        ("targets: {P7: 1}\n", 3, "unknown key `P7`"),
        ("targets: {P1: 10}\n", 3, "expected a mapping"),
        (f"targets: {{P1: {{value: 10, unit: h, {SOURCE}}}}}\n", 3, "unit `h` is wrong here; this is measured in `min`"),
        (f"targets: {{P3: {{value: 30, unit: min, {SOURCE}}}}}\n", 3, "P2 would have to wait longer than P3 before it is late"),
        ("order: {STAT: P7}\n", 3, "`P7` is none of"),
        ("counts_h: {grade: 3}\n", 3, "unknown key `grade`"),
        ("fresh_h: {crs_grade: 30}\n", 3, "`crs_grade` would stop counting before it is stale"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_with_its_line(tmp_path: Path, text: str, line: int, problem: str):
    with pytest.raises(PolicyError, match=re.escape(problem)) as refused:
        overlaid(tmp_path, text)
    assert str(refused.value).startswith(f"{FILE}:{line}: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("site: Our Hospital\npolicy: x\n", "site.yaml:1: a site is named with"),
        (f"site: {'x' * 25}\npolicy: x\n", "site.yaml:1: a site is named with"),
        ("site: here\npolicy: other\n", "site.yaml:2: this overlay is for `other`"),
        ("policy: other\n", "site.yaml:1: key `site` is missing"),
    ],
)
def test_the_overlay_names_itself_and_its_policy(tmp_path: Path, text: str, problem: str):
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=re.escape(problem)):
        load_policy(site=tmp_path)


def test_a_folder_without_the_file_or_with_another_is_refused(tmp_path: Path):
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(site=tmp_path / "none")
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(site=tmp_path)
    (tmp_path / "rules.yaml").write_text("a: b", encoding="utf-8")
    with pytest.raises(PolicyError, match=re.escape("what is rules.yaml for?")):
        overlaid(tmp_path, "")


def test_no_text_of_the_policy_claims_anything():
    for one in POLICY.rules:
        for text in (one.name, one.tell, one.caveat, one.follow_up, one.because):
            assert claim_in(text) == ""
    assert claim_in("PRES is Ruled Out") == "Ruled Out"
