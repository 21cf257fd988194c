"""Promises that hold for every case, not only for those somebody thought of."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.anatomy import Role
from rules.case_series import SERIES, lack
from rules.codec import from_plain, to_plain
from rules.context import PatientContext
from rules.decide import decide
from rules.decision import Decision, Status
from rules.facts import Case
from rules.findings import Measured
from rules.last_result import DERIVED
from rules.policy import Kind
from rules.urgency import Priority, most_urgent
from rules.words import family_words
from tests.rules.making import (
    CASES,
    CONTEXTS,
    FINDINGS,
    POLICY,
    WANTED,
    subject_of,
    worse,
)
from tests.rules.stories import NOW, STUDY_DATE, not_assessed

ADDED_LATER = tuple(
    name
    for name in PatientContext.__dataclass_fields__
    # A date can show that the study lies outside the 30 days that an unknown date is granted (floor F3).
    if name not in {"patient_id", "issuer", "notes", "infusion_date"}
)
WITHOUT_WORDS = replace(POLICY, rules=tuple(replace(rule, labels=(), remarks=()) for rule in POLICY.rules))
promise = settings(max_examples=100, deadline=None)


def statuses(decision: Decision) -> dict[str, Status]:
    return {pattern.rule: pattern.status for pattern in decision.patterns}


def asked(decision: Decision) -> dict[str, tuple[Status, Priority | None]]:
    return {pattern.rule: (pattern.status, pattern.priority) for pattern in decision.patterns}


@promise
@given(case=CASES, other=CONTEXTS, name=st.sampled_from(ADDED_LATER))
def test_learning_more_of_the_patient_never_lowers(case: Case, other: PatientContext, name: str):
    default = PatientContext.__dataclass_fields__[name].default
    before = replace(case, context=replace(case.context, **{name: default}))
    after = replace(case, context=replace(case.context, **{name: getattr(other, name)}))
    assert not decide(POLICY, before).priority.is_above(decide(POLICY, after).priority)


@promise
@given(case=CASES, other=CONTEXTS)
def test_no_context_makes_a_pattern_of_the_images_disappear(case: Case, other: PatientContext):
    alone = decide(POLICY, replace(case, context=PatientContext(is_cart_recipient=True)))
    known = decide(POLICY, replace(case, context=other))
    imaging = {rule.code for rule in POLICY.rules if rule.kind is Kind.IMAGING}
    for rule in imaging:
        if statuses(alone)[rule] is Status.PRESENT:
            assert statuses(known)[rule] is Status.PRESENT
    assert not alone.imaging_priority.is_above(known.imaging_priority)


@promise
@given(case=CASES)
def test_the_day_of_the_infusion_only_labels_what_the_images_show(case: Case):
    without = decide(POLICY, replace(case, context=replace(case.context, infusion_date=None)))
    decision = decide(POLICY, case)
    lost = set(without.floors) - set(decision.floors)
    assert asked(without) == asked(decision)
    assert {floor.code for floor in lost} <= {"F3", "QUALITY"} or not case.context.is_cart_recipient


@promise
@given(case=CASES)
def test_words_change_no_priority_and_no_answer(case: Case):
    told, bare = decide(POLICY, case), decide(WITHOUT_WORDS, case)
    assert asked(told) == asked(bare)
    assert (told.priority, told.floors, told.could_be) == (bare.priority, bare.floors, bare.could_be)


@promise
@given(case=CASES, data=st.data())
def test_a_worse_measurement_never_lowers(case: Case, data: st.DataObject):
    places = [i for i, finding in enumerate(case.findings) if isinstance(finding, Measured)]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    changed = worse(case.findings[place], data.draw(st.floats(0, 100)))
    after = replace(case, findings=(*case.findings[:place], changed, *case.findings[place + 1 :]))
    assert not decide(POLICY, case).priority.is_above(decide(POLICY, after).priority)


@promise
@given(case=CASES, by=st.floats(0, 100))
def test_more_lesion_everywhere_never_lowers(case: Case, by: float):
    after = replace(case, findings=tuple(worse(finding, by) for finding in case.findings))
    assert not decide(POLICY, case).priority.is_above(decide(POLICY, after).priority)


@promise
@given(case=CASES, gone=st.sampled_from(SERIES))
def test_a_series_less_never_turns_an_open_question_into_an_absent_pattern(case: Case, gone: Role):
    left = [role for role in SERIES if role is not gone]
    reasons = {one.quantity: lack(one.quantity, left, {}) for one in case.findings}
    findings = tuple(
        not_assessed(subject_of(one), reason[0]) if (reason := reasons[one.quantity]) else one
        for one in case.findings
    )
    before = statuses(decide(POLICY, case))
    after = statuses(decide(POLICY, replace(case, findings=findings)))
    for rule, status in before.items():
        assert not (status is Status.OPEN and after[rule] is Status.ABSENT), rule


@promise
@given(case=CASES, data=st.data())
def test_a_missing_finding_never_makes_a_question_read_as_absent(case: Case, data: st.DataObject):
    # What the policy asks only `if_assessed` is told as not assessed, and leaves no question open (docs/adr/0004).
    dropped = set(data.draw(st.lists(st.integers(0, max(len(case.findings) - 1, 0)), max_size=40)))
    kept = tuple(
        finding
        for place, finding in enumerate(case.findings)
        if place not in dropped or subject_of(finding) in WANTED
    )
    before = statuses(decide(POLICY, case))
    after = statuses(decide(POLICY, replace(case, findings=kept)))
    for rule, status in before.items():
        if status is not Status.ABSENT and rule != "R19":
            assert after[rule] is not Status.ABSENT


@promise
@given(case=CASES)
def test_what_is_only_wanted_is_told_when_it_is_missing(case: Case):
    kept = tuple(finding for finding in case.findings if subject_of(finding) not in WANTED)
    without = (*kept, *(not_assessed(subject, "no earlier study") for subject in WANTED))
    told = " ".join(decide(POLICY, replace(case, findings=without)).not_assessed)
    for subject in WANTED:
        if subject.quantity not in DERIVED:  # nobody misses a last result that there is none of
            assert family_words(subject.quantity) in told


@promise
@given(case=CASES, data=st.data())
def test_the_order_of_findings_changes_nothing(case: Case, data: st.DataObject):
    seed = data.draw(st.randoms(use_true_random=False))
    shuffled = list(case.findings)
    seed.shuffle(shuffled)
    assert decide(POLICY, replace(case, findings=tuple(shuffled))) == decide(POLICY, case)


@promise
@given(case=CASES)
def test_a_decision_is_deterministic_whole_and_bounded_by_its_floors(case: Case):
    decision = decide(POLICY, case)
    assert decision == decide(POLICY, case)
    assert from_plain(Decision, to_plain(decision)) == decision
    assert [pattern.rule for pattern in decision.patterns] == [rule.code for rule in POLICY.rules]
    for floor in decision.floors:
        assert not floor.priority.is_above(decision.priority)
    assert not decision.imaging_priority.is_above(decision.priority)
    assert decision.could_be is None or decision.could_be.is_above(decision.priority)


@promise
@given(case=CASES)
def test_every_open_pattern_says_what_would_settle_it(case: Case):
    for pattern in decide(POLICY, case).patterns:
        assert (pattern.status is Status.OPEN) <= bool(pattern.missing)


@promise
@given(case=CASES)
def test_without_a_single_measurement_nothing_reads_as_negative(case: Case):
    decision = decide(POLICY, replace(case, findings=()))
    assert not decision.is_assessed
    assert decision.imaging_priority.value == "P4"
    assert statuses(decision)["R14"] is Status.OPEN
    assert statuses(decision)["R19"] is Status.PRESENT
    assert "No prespecified pattern" not in " ".join(decision.sentences)
    assert "NOT ASSESSED" in " ".join(decision.sentences)


@promise
@given(found=FINDINGS, earlier=st.sampled_from(list(Priority)))
def test_a_later_result_never_lowers_an_earlier_one_and_says_so(found, earlier):
    case = Case(found, PatientContext(is_cart_recipient=True), (), NOW, STUDY_DATE)
    own = decide(POLICY, case)
    later = decide(POLICY, replace(case, earlier_priority=earlier))
    assert later.priority is most_urgent(own.priority, earlier)
    assert later.imaging_priority is own.imaging_priority
    told = [sentence for sentence in later.sentences if sentence.startswith("Earlier result")]
    assert bool(told) == earlier.is_above(own.priority)
