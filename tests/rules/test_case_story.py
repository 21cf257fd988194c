"""A case read with all that it may say, and put to a policy step by step."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from rules.case_context import NOW, STUDY_DATE
from rules.case_file import MOST_VARIANTS, Change, Expected, Story, read_cases
from rules.case_verdict import Difference, Verdict, put, texts
from rules.decision import Floor, Pattern, Status
from rules.facts import LastResult
from rules.policy import load
from rules.policy_reading import PolicyError
from rules.urgency import Priority

P1, P2, P3, P4 = Priority
POLICY = load()
WHOLE = """
- name: first
  expect: {priority: P4}
- name: second
  context: {icans_grade: 1}
  waiting_minutes: 90
  expect:
    priority: P3
    imaging: P4
    shown: P2
    could_be: none
    assessed: true
    day: 4
    present: [R03, R14]
    absent: [R02]
    open: [R08]
    floors: [F3, EARLIER, F1]
    must_say: [one, two]
    must_not_say: [three]
  then:
    - when: the ward calls
      minutes_later: 30
      last_result: {days_before: 5, findings: {flair_volume left thalamus: 4 mL}}
      expect: {priority: P2, could_be: P1, assessed: false, change: held, floors: []}
    - when: again
      expect: {priority: P1}
"""
NOTHING = Expected(P4, None, None, None, None, None, None, None, {}, (), ())


def stories(text: str) -> tuple[Story, ...]:
    return read_cases(text, "c.yaml", POLICY)


def one(text: str) -> Story:
    (story,) = stories(f"- name: a\n  expect: {{priority: P4}}\n{text}")
    return story


def test_a_case_says_what_happens_and_what_must_be_decided():
    first, second = stories(WHOLE)
    assert (first.name, first.file, first.line, len(first.steps)) == ("first", "c.yaml", 2, 1)
    assert (second.name, second.file, second.line) == ("second", "c.yaml", 4)
    assert [step.when for step in second.steps] == ["", "the ward calls", "again"]
    assert [step.waited for step in second.steps] == [timedelta(minutes=90), timedelta(), timedelta()]
    assert first.steps[0].expected == NOTHING
    assert [step.expected for step in second.steps] == [
        Expected(
            priority=P3,
            imaging=P4,
            shown=P2,
            could_be="none",
            is_assessed=True,
            day=4,
            change=None,
            floors=("EARLIER", "F1", "F3"),
            patterns={
                "R03": Status.PRESENT,
                "R14": Status.PRESENT,
                "R02": Status.ABSENT,
                "R08": Status.OPEN,
            },
            must_say=("one", "two"),
            must_not_say=("three",),
        ),
        replace(NOTHING, priority=P2, could_be="P1", is_assessed=False, change=Change.HELD, floors=()),
        replace(NOTHING, priority=P1),
    ]
    cases = [step.variants[0].case for step in second.steps]
    assert [case.now - NOW for case in cases] == [timedelta(), timedelta(minutes=30), timedelta(minutes=30)]
    assert {case.study_date for case in cases} == {STUDY_DATE}
    assert cases[0].last_result is None
    assert isinstance(cases[1].last_result, LastResult)
    assert cases[1].last_result.study_date == date(2026, 5, 11)
    assert cases[2].last_result == cases[1].last_result


def test_ranges_of_patient_and_images_are_combined_and_named():
    story = one("  context: {crs_grade: 1 to 2}\n  findings: {flair_volume left thalamus: 5 to 6 mL}")
    assert [variant.name for variant in story.steps[0].variants] == [
        f"crs_grade {grade}, flair_volume left thalamus {value}"
        for grade in (1, 2)
        for value in ("5", "5.5", "6")
    ]


def test_a_later_step_with_too_many_ways_is_refused_at_its_line():
    lines = "".join(
        f"        flair_volume {side} {region}: 0 to 40 mL\n"
        for side in ("left", "right")
        for region in ("thalamus", "insula")
    )
    with pytest.raises(PolicyError) as caught:
        one(f"  then:\n    - when: b\n      expect: {{priority: P4}}\n      findings:\n{lines}")
    told = (
        f"c.yaml:4: the ranges can be combined in 625 ways, at most {MOST_VARIANTS} are tried; split the case"
    )
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ("priority: P4, change: same", "`change` compares with an earlier step; the first has none"),
        (
            "priority: P4, open: [R99]",
            f"`R99` is no rule of the policy; rules: {', '.join(rule.code for rule in POLICY.rules)}",
        ),
        ("priority: P4, present: [R03], open: [R03]", "`R03` is expected present too"),
        ("priority: P4, could_be: NONE", "`NONE` is none of P1, P2, P3, P4"),
    ],
)
def test_what_cannot_be_expected_is_told_in_full(expect: str, problem: str):
    with pytest.raises(PolicyError) as caught:
        stories(f"- name: a\n  expect: {{{expect}}}")
    assert str(caught.value) == f"c.yaml:2: {problem}"


@pytest.mark.parametrize("minutes", ["-1", "100000", "1.5"])
def test_time_does_not_run_backwards_nor_for_months(minutes: str):
    for text in (
        f"  waiting_minutes: {minutes}",
        f"  then: [{{when: b, minutes_later: {minutes}, expect: {{priority: P4}}}}]",
    ):
        with pytest.raises(PolicyError, match=r"^c\.yaml:3: expected a"):
            one(text)


def test_everything_that_a_decision_says_is_one_text():
    decision = put(POLICY, one("")).outcomes[0].decision
    pattern = Pattern("R", "name", Status.OPEN, P2, "sentence", ("r1", "r2"), ("m1", "m2"), "follow")
    told = replace(
        decision,
        headline="head",
        sentences=("s1", "s2"),
        patterns=(pattern,),
        floors=(Floor("F", P2, "floor"),),
        not_assessed=("n1",),
        disclaimers=("d1", "d2"),
    )
    assert texts(told).splitlines() == [
        "head", "s1", "s2", "sentence", "r1", "r2", "m1", "m2", "follow", "floor", "n1", "d1", "d2"
    ]  # fmt: skip


def verdict(expect: str, text: str = "", then: str = "") -> Verdict:
    (story,) = stories(f"- name: a\n{text}  expect: {{{expect}}}\n{then}")
    return put(POLICY, story)


GRADE = "  context: {icans_grade: 3}\n"
CALM = "    - {when: b, context: {icans_grade: 0}, expect: {priority: P2, change: %s}}\n"


def test_later_steps_know_the_most_urgent_priority_before_them():
    then = "  then:\n" + CALM % "held" + CALM % "held"
    told = verdict("priority: P2", GRADE, then)
    assert told.holds
    assert told.story.steps[0] == told.outcomes[0].step
    assert [outcome.case.earlier_priority for outcome in told.outcomes] == [None, P2, P2]
    assert [outcome.decision.priority for outcome in told.outcomes] == [P2, P2, P2]


@pytest.mark.parametrize(
    ("context", "change"),
    [("icans_grade: 4", "raised"), ("icans_grade: 3", "same"), ("icans_grade: 0", "held")],
)
def test_a_step_raises_keeps_or_holds_the_priority(context: str, change: str):
    priority = "P1" if change == "raised" else "P2"
    for expected in Change:
        then = f"  then:\n    - {{when: b, context: {{{context}}}, expect: {{priority: {priority}, change: {expected}}}}}\n"
        (_, outcome) = verdict("priority: P2", GRADE, then).outcomes
        is_right = expected == change
        assert outcome.differences == (() if is_right else (Difference("change", expected.value, change),))


def test_the_list_shows_a_study_higher_that_waits_too_long():
    told = verdict("priority: P2, shown: P1", f"{GRADE}  waiting_minutes: 61\n")
    assert told.holds
    assert told.outcomes[0].shown.priority is P1
    waits = verdict("priority: P2, shown: P1", f"{GRADE}  waiting_minutes: 59\n")
    assert waits.outcomes[0].differences == (Difference("shown as", "P1", "P2"),)
    why = told.outcomes[0].shown.why
    assert why
    assert verdict(f"priority: P2, must_say: ['{why}']", f"{GRADE}  waiting_minutes: 61\n").holds


@pytest.mark.parametrize(
    ("expect", "differences"),
    [
        ("priority: P2, floors: [F2]", ()),
        ("priority: P2, floors: [F2, F1]", (Difference("floors", "F1, F2", "F2"),)),
        ("priority: P2, assessed: true, day: 3", (Difference("day", "3", "None"),)),
        ("priority: P2, imaging: P4, could_be: none", ()),
        ("priority: P2, could_be: P1", (Difference("could be", "P1", "none"),)),
        ("priority: P2, open: [R13], absent: [R02]", ()),
        (
            "priority: P1, open: [R02], must_say: [zzz, P2, yyy]",
            (
                Difference("priority", "P1", "P2"),
                Difference("R02", "open", "absent"),
                Difference("must say", "zzz", "not said"),
                Difference("must say", "yyy", "not said"),
            ),
        ),
        (
            "priority: P2, must_not_say: [zzz, It does not grade]",
            (
                Difference(
                    "must not say",
                    "nothing with `It does not grade`",
                    "It does not grade ICANS and names no cause as certain.",
                ),
            ),
        ),
    ],
)
def test_each_difference_is_told_as_expected_and_decided(expect: str, differences: tuple[Difference, ...]):
    told = verdict(expect, GRADE)
    assert told.outcomes[0].differences == differences
    assert told.holds is not bool(differences)


def test_a_difference_within_a_range_is_told_once_at_its_first_value():
    findings = "  findings: {flair_volume right thalamus: 3 mL, flair_volume left thalamus: 0.5 to 4 mL}\n"
    (outcome,) = verdict("priority: P2, present: [R02]", findings).outcomes
    low, high = "flair_volume left thalamus 0.5", "flair_volume left thalamus 1"
    assert outcome.decision.priority is P4
    assert outcome.case.findings == outcome.step.variants[0].case.findings
    assert set(outcome.differences) >= {
        Difference("priority", "P2", "P4", low),
        Difference("R02", "present", "absent", low),
        Difference("all of the range", "P4", "P2", high),
        Difference("all of the range, R02", "absent", "present", high),
        Difference("all of the range, R14", "present", "absent", high),
    }
    assert len(outcome.differences) == len({one.what for one in outcome.differences})
