"""The format of case files: what docs/cases.md promises, and every complaint with its line."""

import re
from datetime import date
from pathlib import Path

import pytest

from rules.anatomy import Region, Role, Side
from rules.case_context import NOW
from rules.case_file import Story, read_cases
from rules.case_images import undiseased
from rules.case_values import COMPARED
from rules.case_verdict import Difference, put
from rules.clinical import day_after_infusion
from rules.conditions import Subject
from rules.context import PatientContext
from rules.facts import Earlier
from rules.findings import Measured, NotAssessed, Quantity, Why
from rules.last_result import DERIVED
from rules.policy import load
from rules.policy_reading import PolicyError

POLICY = load()
PAGE = (Path(__file__).parents[2] / "docs" / "cases.md").read_text(encoding="utf-8")
EXAMPLES = "\n".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
THALAMUS = Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)


def one(text: str) -> Story:
    (story,) = read_cases(f"- name: a case\n  expect: {{priority: P4}}\n{text}", "cases.yaml", POLICY)
    return story


def finding(story: Story, subject: Subject, *, step: int = 0, variant: int = 0):
    found = story.steps[step].variants[variant].case.findings
    (chosen,) = [one for one in found if (one.quantity, one.region, one.side) == _key(subject)]
    return chosen


def _key(subject: Subject):
    return subject.quantity, subject.region, subject.side


@pytest.mark.parametrize("story", read_cases(EXAMPLES, "docs/cases.md", POLICY), ids=lambda story: story.name)
def test_the_examples_of_the_page_hold(story: Story):
    assert [outcome.differences for outcome in put(POLICY, story).outcomes] == [() for _ in story.steps]


def test_the_page_names_every_key():
    for key in [
        "images",
        "series",
        "missing",
        "unusable",
        "earlier",
        "findings",
        "also",
        "modalities",
        "context",
        "order",
        "then",
        "when",
        "minutes_later",
    ]:
        assert f"`{key}" in PAGE
    for key in [
        "priority",
        "imaging",
        "could_be",
        "assessed",
        "day",
        "change",
        "present",
        "absent",
        "open",
        "floors",
        "must_say",
        "must_not_say",
    ]:
        assert f"`{key}" in PAGE


def test_what_a_case_does_not_say_is_undiseased_measured_and_complete():
    case = one("").steps[0].variants[0].case
    made = {_key(subject) for subject in POLICY.needed_findings() if subject.quantity not in DERIVED}
    assert {_key(found) for found in case.findings} == made
    for found in case.findings:
        assert isinstance(found, Measured)
        assert found.value == undiseased().get(found.quantity, 0)
    assert set(case.roles) >= {Role.FLAIR, Role.DWI, Role.ADC, Role.SWI, Role.T1, Role.T1C, Role.T2}
    assert case.modalities == ("MR",)


def test_both_sides_are_two_lines():
    story = one("  findings: {flair_volume both thalamus: 2 mL}")
    for side in (Side.LEFT, Side.RIGHT):
        found = finding(story, Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, side))
        assert isinstance(found, Measured)
        assert found.value == 2


def test_a_range_is_tried_at_its_ends_at_every_cut_and_between():
    story = one("  findings: {flair_volume left thalamus: 0.5 to 4 mL}")
    values = [finding(story, THALAMUS, variant=i).value for i in range(len(story.steps[0].variants))]
    assert values == [0.5, 0.75, 1, 2.5, 4]
    assert story.steps[0].variants[1].name == "flair_volume left thalamus 0.75"


def test_a_range_of_the_context_is_tried_beside_every_number_the_policy_asks():
    days = [
        day_after_infusion(variant.case.context, NOW.date())
        for variant in one("  context: {day: 20 to 40}").steps[0].variants
    ]
    assert days[0] == 20
    assert days[-1] == 40
    assert {29, 30, 31, 32} <= set(days)


def test_a_range_that_is_decided_in_two_ways_does_not_hold():
    text = "  findings:\n    flair_volume right thalamus: 3 mL\n    flair_volume left thalamus: 0.5 to 4 mL\n"
    verdict = put(POLICY, one(text))
    assert not verdict.holds
    differences = verdict.outcomes[0].differences
    assert Difference("priority", "P4", "P2", "flair_volume left thalamus 1") in differences
    assert Difference("all of the range", "P4", "P2", "flair_volume left thalamus 1") in differences
    assert (
        Difference("all of the range, R02", "absent", "present", "flair_volume left thalamus 1")
        in differences
    )


def test_a_value_before_gives_the_change():
    story = one("  also: {flair_volume left thalamus: 5 mL, flair_volume right thalamus: '2 mL, was 4 mL'}")
    right = Subject(Quantity.FLAIR_CHANGE, Region.THALAMUS, Side.RIGHT)
    assert finding(story, right).value == -50
    assert finding(story, Subject(Quantity.FLAIR_NEW_VOLUME, Region.THALAMUS, Side.RIGHT)).value == 0
    assert finding(story, Subject(Quantity.FLAIR_GONE_VOLUME, Region.THALAMUS, Side.RIGHT)).value == 2
    assert {
        one.quantity for one in story.steps[0].variants[0].case.findings if one.region is Region.THALAMUS
    } >= {Quantity.FLAIR_CHANGE}


def test_a_share_of_nothing_is_not_made_up():
    story = one("  also: {flair_volume left pons: '2 mL, was 0 mL'}")
    found = [one for one in story.steps[0].variants[0].case.findings if one.region is Region.PONS]
    assert Quantity.FLAIR_CHANGE not in {one.quantity for one in found}
    assert Quantity.FLAIR_NEW_VOLUME in {one.quantity for one in found}


def test_fluid_that_was_more_gives_its_loss_and_yields_to_what_the_case_says():
    change = Subject(Quantity.CSF_CHANGE, Region.SULCI, Side.WHOLE)
    story = one("  findings: {csf_volume whole sulci: '4 mL, was 16 mL'}")
    assert finding(story, change).value == -75
    told = one("  findings: {csf_change whole sulci: -60 %, csf_volume whole sulci: '4 mL, was 16 mL'}")
    assert finding(told, change).value == -60


@pytest.mark.parametrize(
    ("said", "detail", "why"),
    [
        ("not assessed, cut off", "cut off", Why.SERIES_MISSING),
        ("not assessed, outside the slices", "outside the slices", Why.COVERAGE),
        ("not assessed (quality), motion", "motion", Why.QUALITY),
    ],
)
def test_not_assessed_has_its_reason_and_kind(said: str, detail: str, why: Why):
    found = finding(one(f"  findings: {{flair_volume left thalamus: '{said}'}}"), THALAMUS)
    assert found == NotAssessed(*_key(THALAMUS), why, detail)


def test_what_a_missing_series_would_have_shown_is_not_assessed():
    bleeds = Subject(Quantity.MICROBLEED_COUNT, Region.BRAIN, Side.WHOLE)
    story = one("  missing: [SWI]\n  then:\n    - {when: it comes, series: [SWI], expect: {priority: P4}}")
    assert finding(story, bleeds) == NotAssessed(*_key(bleeds), Why.SERIES_MISSING, "no SWI series")
    assert isinstance(finding(story, bleeds, step=1), Measured)
    assert Role.SWI not in story.steps[0].variants[0].case.roles
    assert Role.SWI in story.steps[1].variants[0].case.roles


def test_without_a_flair_nothing_is_measured():
    case = one("  series: [T1, SWI]").steps[0].variants[0].case
    assert case.roles == ()
    assert {(found.why, found.detail) for found in case.findings} == {(Why.SERIES_MISSING, "no FLAIR series")}


def test_a_spoilt_series_says_why_and_another_may_serve():
    story = one("  unusable: {T2: motion, DWI: artefact}")
    diffusion = Subject(Quantity.RESTRICTED_VOLUME, Region.SPLENIUM, Side.MIDLINE)
    assert finding(story, diffusion) == NotAssessed(*_key(diffusion), Why.QUALITY, "artefact")
    assert isinstance(finding(story, Subject(Quantity.CSF_VOLUME, Region.SULCI, Side.WHOLE)), Measured)


def test_without_an_earlier_study_only_comparisons_are_not_assessed():
    for found in one("  earlier: none").steps[0].variants[0].case.findings:
        assert isinstance(found, NotAssessed) == (found.quantity in COMPARED)


def test_the_earlier_study_has_its_day_and_says_whether_it_is_a_baseline():
    def earlier(text: str):
        return one(text).steps[0].variants[0].case.earlier

    assert earlier("") == Earlier()
    assert earlier("  earlier: none") is None
    assert earlier("  earlier: {days_before: 12}") == Earlier(date(2026, 5, 4), None)
    assert earlier("  earlier: {days_before: 12, baseline: true}") == Earlier(
        date(2026, 5, 4), is_baseline=True
    )


def test_images_that_cannot_be_read_are_all_not_assessed_until_others_come():
    story = one(
        "  images: not assessed (anatomy_failed), a knee\n  then:\n    - {when: a, series: [FLAIR], expect: {priority: P4}}"
    )
    assert {(one.why, one.detail) for one in story.steps[0].variants[0].case.findings} == {
        (Why.ANATOMY, "a knee")
    }
    assert isinstance(finding(story, THALAMUS, step=1), Measured)


def test_steps_move_the_clock_and_keep_what_was_said():
    story = one(
        "  context: {icans_grade: 1, platelets: {value: 40, hours_before: unknown}}\n  then:\n"
        "    - when: later\n      minutes_later: 60\n      context: {crs_grade: {value: 2, hours_before: 1}}\n"
        "      expect: {priority: P4}\n"
    )
    first, later = (step.variants[0].case for step in story.steps)
    assert (later.now - first.now).total_seconds() == 3600
    assert later.context.icans_grade == first.context.icans_grade
    assert later.context.platelets.at is None
    assert later.context.crs_grade.at == first.now
    assert first.context.crs_grade is None


def test_where_the_images_may_be_of_somebody_else_no_context_is_used():
    story = one("  mismatch: the birth date differs\n  context: {icans_grade: 4}")
    case = story.steps[0].variants[0].case
    assert case.context == PatientContext()
    assert case.identity_mismatch == "the birth date differs"
    decision = put(POLICY, story).outcomes[0].decision
    assert "Identity mismatch: the birth date differs; no context was used." in decision.sentences
    assert decision.priority == "P4"


def test_the_order_is_part_of_the_context():
    context = one("  order: {priority: stat, text: day 8 post axi-cel}").steps[0].variants[0].case.context
    assert (context.order_priority, context.order_text) == ("STAT", "day 8 post axi-cel")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("  findings: {flair_volume left thalamus: 2 mm}", 3, "unit `mm` is wrong here; this is measured in `mL`"),
        ("  findings: {flair_volume left thalamus: '2'}", 3, "unit `none` is wrong"),
        ("  findings: {flair_volume left thalamus: much}", 3, "`much` is no measurement"),
        ("  findings: {flair_volume left thalamus: 5 to 2 mL}", 3, "runs backwards"),
        ("  findings: {flair_volume left thalamus: not assessed}", 3, "gives no reason"),
        ("  findings: {flair_volume left thalamus: 'not assessed (bad), x'}", 3, "`bad` is none of series_missing"),
        ("  findings:\n    flair_volume left thalamus: 2 mL\n    flair_volume left: 2 mL", 5, "is no subject"),
        ("  findings: {flair_volume midline thalamus: 2 mL}", 3, "rules ask for it at: whole brain"),
        ("  findings: {csf_ratio whole sulci: '0.5'}", 3, "no rule asks for this quantity anywhere"),
        ("  findings: {flair_volume left thalamos: 2 mL}", 3, "`thalamos` is none of brain"),
        ("  findings: {flair_volumes left thalamus: 2 mL}", 3, "`flair_volumes` is none of"),
        ("  findings: {midline_shift whole brain: '2 mm, was 1 mm'}", 3, "not compared with an earlier study"),
        ("  missing: [SWI]\n  findings:\n    microbleed_count whole brain: 3 foci", 5, "cannot be measured here: no SWI series"),
        ("  missing: [SWAN]", 3, "`SWAN` is none of FLAIR"),
        ("  unusable: {SWAN: motion}", 3, "`SWAN` is none of FLAIR"),
        ("  earlier: yes", 3, "write `none` or `{days_before: 12, baseline: true}`"),
        ("  earlier: {days_before: few}", 3, "expected a whole number"),
        ("  context: {icans: 3}", 3, "did you mean `icans_grade`"),
        ("  context:\n    age: 40\n    icans_grade: 7", 5, "a whole number from 0 to 4"),
        ("  context: {age: forty}", 3, "expected a whole number"),
        ("  context: {age: 50 to 40}", 3, "runs backwards"),
        ("  context: {icans_grade: {value: 2, hours: 3}}", 3, "unknown key `hours`"),
        ("  context: {hours_before: long}", 3, "expected a finite number"),
        ("  order: {prio: STAT}", 3, "unknown key `prio`"),
        ("  order: {priority: SOON}", 3, "allowed: STAT, HIGH"),
        ("  finding: {}", 3, "unknown key `finding`"),
        ("  then:\n    - {when: a, expect: {priority: P4, change: better}}", 4, "`better` is none of raised, same, held"),
        ("  then:\n    - {expect: {priority: P4}}", 4, "key `when` is missing"),
        (
            "  findings:\n" + "".join(f"    flair_volume {s} {r}: 0 to 40 mL\n" for s in ("left", "right") for r in ("thalamus", "insula")),
            1,
            "can be combined in 625 ways",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_with_its_line(text: str, line: int, problem: str):
    with pytest.raises(PolicyError, match=re.escape(problem)) as refused:
        one(text)
    assert str(refused.value).startswith(f"cases.yaml:{line}: ")


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ("{imaging: P4}", "key `priority` is missing"),
        ("{priority: P5}", "`P5` is none of"),
        ("{priority: P4, present: [R99]}", "`R99` is no rule of the policy"),
        ("{priority: P4, present: [R03], absent: [R03]}", "`R03` is expected present too"),
        ("{priority: P4, change: same}", "the first has none"),
        ("{priority: P4, could_be: maybe}", "`maybe` is none of"),
        ("{priority: P4, must_say: [], present: []}", "expected a list with at least one item"),
    ],
)
def test_an_expectation_that_means_nothing_is_refused(expect: str, problem: str):
    with pytest.raises(PolicyError, match=re.escape(problem)):
        read_cases(f"- name: a\n  expect: {expect}", "cases.yaml", POLICY)


def test_two_cases_of_one_name_are_refused():
    with pytest.raises(PolicyError, match=r"cases\.yaml:2: another case of this name stands in line 1"):
        read_cases(
            "- {name: a, expect: {priority: P4}}\n- {name: a, expect: {priority: P4}}", "cases.yaml", POLICY
        )


@pytest.mark.parametrize(
    ("expect", "difference"),
    [
        ("{priority: P1}", Difference("priority", "P1", "P3")),
        ("{priority: P3, imaging: P1}", Difference("imaging priority", "P1", "P4")),
        ("{priority: P3, present: [R03]}", Difference("R03", "present", "absent")),
        ("{priority: P3, floors: []}", Difference("floors", "none", "F3")),
        ("{priority: P3, could_be: P1}", Difference("could be", "P1", "none")),
        ("{priority: P3, assessed: false}", Difference("assessed", "false", "true")),
        ("{priority: P3, day: 4}", Difference("day", "4", "5")),
        ("{priority: P3, must_say: [xyz]}", Difference("must say", "xyz", "not said")),
        (
            "{priority: P3, must_not_say: [full images]}",
            Difference("must not say", "nothing with `full images`", "Interpret the full images."),
        ),
    ],
)
def test_what_is_decided_otherwise_is_told(expect: str, difference: Difference):
    (story,) = read_cases(
        f"- {{name: a, context: {{day: 5, icans_grade: 1}}, expect: {expect}}}", "c.yaml", POLICY
    )
    assert put(POLICY, story).outcomes[0].differences == (difference,)


def test_a_step_that_does_not_raise_is_told():
    text = "- name: a\n  expect: {priority: P4}\n  then:\n    - {when: b, expect: {priority: P4, change: raised}}"
    (story,) = read_cases(text, "c.yaml", POLICY)
    assert put(POLICY, story).outcomes[1].differences == (Difference("change", "raised", "same"),)
