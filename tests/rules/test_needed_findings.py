"""The policy asks for what the checks say: in the same quantity, region, side and unit."""

from dataclasses import replace

from rules.anatomy import Role
from rules.conditions import Subject
from rules.decide import decide
from rules.decision import Status
from rules.facts import Case
from rules.findings import Quantity, Why
from rules.measurable import FOLLOWING, MEASURABLE
from rules.policy import load
from tests.rules.stories import NOW, STUDY_DATE, context_of, findings_of
from workers.checks.registry import checks

POLICY = load()
CASE = Case(
    findings_of(POLICY, {}), context_of({"age": 40, "day": 5}), (Role.FLAIR,), NOW, STUDY_DATE, ("MR",)
)


def test_the_table_of_what_is_measurable_is_what_the_registered_checks_make():
    said = [one for check in checks() for one in check.silence(Why.SERIES_MISSING, "nothing")]
    assert {Subject(one.quantity, one.region, one.side) for one in said} == MEASURABLE


def test_every_finding_the_policy_names_is_one_a_check_makes():
    assert POLICY.needed_findings() <= MEASURABLE | FOLLOWING


def test_a_study_without_any_hyperintensity_has_no_gap_where_a_ratio_of_nothing_is_missing():
    ratios = {
        Quantity.FLAIR_LATERALITY,
        Quantity.FLAIR_CORTICAL_SHARE,
        Quantity.FLAIR_CALLOSAL_SHARE,
        Quantity.FLAIR_Z,
        Quantity.FLAIR_CHANGE,
        Quantity.LESION_ADC,
        Quantity.LESION_ENHANCEMENT,
        Quantity.RESTRICTED_ADC,
        Quantity.RESTRICTED_LATERALITY,
    }
    kept = tuple(one for one in CASE.findings if one.quantity not in ratios)
    decision = decide(POLICY, replace(CASE, findings=kept))
    assert {p.rule for p in decision.patterns if p.status is Status.PRESENT} == {"R14"}
    assert decision.not_assessed == POLICY.wording.not_in_this_version
    assert not any("Not assessed in this study" in sentence for sentence in decision.sentences)


def test_a_region_that_nobody_reported_is_named_as_a_gap():
    kept = tuple(one for one in CASE.findings if one.region != "hippocampus")
    decision = decide(POLICY, replace(CASE, findings=kept))
    assert "FLAIR hyperintensity of hippocampus (both sides): not measured" in decision.not_assessed
