from dataclasses import replace
from datetime import date, timedelta

from rules.case_file import read_cases
from rules.case_verdict import put
from rules.context import BloodPressure, Depth, Motor, PatientContext, Recorded, Seizure
from rules.context_words import context_lines
from rules.policy import load
from tests.rules.stories import NOW, STUDY_DATE

POLICY = load()
BEFORE = NOW - timedelta(hours=3)
CONTEXT = PatientContext(
    is_cart_recipient=True,
    birth_date=date(1995, 6, 1),
    infusion_date=date(2026, 5, 1),
    product="brexucabtagene autoleucel",
    icans_grade=Recorded(1, BEFORE),
    ice_score=Recorded(9),
    blood_pressure=Recorded(BloodPressure(187, 109), BEFORE),
    seizure=Recorded(Seizure.STATUS, BEFORE),
    motor=Recorded(Motor.PARAPARESIS, BEFORE),
    motor_depth=Depth.DEEP,
    raised_icp_signs=Recorded(value=False, at=BEFORE),
    platelets=Recorded(18, BEFORE),
    order_priority="STAT",
    notes=("known CNS lymphoma",),
)


def test_the_context_is_told_with_the_age_of_each_value():
    assert context_lines(CONTEXT, NOW, STUDY_DATE) == (
        "day 15 after infusion (brexucabtagene autoleucel)",
        "30 years old",
        "ICANS grade 1, recorded 3 h before",
        "ICE 9, time not recorded",
        "blood pressure 187/109 mmHg, recorded 3 h before",
        "seizure status epilepticus, recorded 3 h before",
        "motor weakness paraparesis (deep), recorded 3 h before",
        "signs of raised intracranial pressure no, recorded 3 h before",
        "platelets 18 G/L, recorded 3 h before",
        "ordered as STAT",
        "known CNS lymphoma",
    )


def test_a_study_before_the_infusion_counts_backwards():
    early = replace(CONTEXT, infusion_date=date(2026, 5, 19))
    assert context_lines(early, NOW, STUDY_DATE)[0] == "3 days before infusion (brexucabtagene autoleucel)"


def test_an_unknown_date_is_said():
    lines = context_lines(PatientContext(is_cart_recipient=True, product="axi-cel"), NOW, None)
    assert lines == ("CAR-T recipient (axi-cel), date unknown",)
    assert context_lines(PatientContext(is_cart_recipient=True), NOW, None) == (
        "CAR-T recipient, date unknown",
    )


def test_an_inferred_status_is_said():
    assert context_lines(PatientContext(product="axi-cel"), NOW, None) == (
        "CAR-T status inferred (axi-cel), date unknown",
    )
    assert context_lines(PatientContext(infusion_date=date(2026, 5, 8)), NOW, STUDY_DATE) == (
        "CAR-T status inferred, day 8 after infusion",
    )


def test_no_context_is_said():
    assert context_lines(PatientContext(), NOW, STUDY_DATE) == ("CAR-T status not known",)


def decided(text: str):
    (story,) = read_cases(f"- name: a\n  expect: {{priority: P4}}\n{text}", "case.yaml", POLICY)
    return put(POLICY, story).outcomes[0].decision


def why(text: str) -> list[str]:
    return [sentence for sentence in decided(text).sentences if sentence.startswith("Why")]


def test_the_priority_is_explained_by_the_patterns_and_floors_that_ask_for_it():
    thalami = "  findings: {flair_volume both thalamus: 3 mL}\n"
    because = next(rule.because for rule in POLICY.rules if rule.code == "R02")
    assert why(f"{thalami}  context: {{icans_grade: 3}}") == [
        f"Why P2: bilateral thalamic signal (deep grey type) – {because}. Also: clinical floor F2."  # noqa: RUF001
    ]
    assert why(f"{thalami}  context: {{icans_grade: 4}}") == ["Why P1: clinical floor F1."]
    assert why("  order: {priority: STAT}") == ["Why P2: order."]


def test_a_raised_pattern_says_from_where():
    (said,) = why("  findings: {flair_volume both thalamus: 3 mL, flair_volume midline pons: 9 mL}")
    assert said.startswith("Why P1: bilateral thalamic signal (deep grey type) raised from P2")


def test_routine_reading_needs_no_reason():
    assert why("") == []
