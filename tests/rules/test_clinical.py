"""The context as it is read at one moment."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rules.clinical import Clinic, Known, inferred, is_recipient, observe
from rules.context import Consciousness, Depth, History, Motor, PatientContext, Recorded, Ventilation
from rules.facts import Earlier
from rules.fields import FIELD_CHOICES, FIELD_UNITS, FIELD_WORDS, Field
from rules.policy import load
from rules.recorded import Missing, recorded_words
from tests.rules.stories import NOW, STUDY_DATE

LIMITS = load().limits
BEFORE = NOW - timedelta(hours=3)


def read(context: PatientContext, earlier: Earlier | None = None) -> Clinic:
    return observe(context, LIMITS, NOW, STUDY_DATE, earlier)


def test_every_field_has_words_and_either_a_unit_or_choices():
    assert set(FIELD_WORDS) == set(Field) == set(read(PatientContext()).facts)
    assert set(FIELD_UNITS) ^ set(FIELD_CHOICES) == set(Field)


@pytest.mark.parametrize(
    ("wakes", "grade"),
    [(Consciousness.VOICE, 2), (Consciousness.TOUCH, 3), (Consciousness.UNAROUSABLE, 4)],
)
def test_what_the_patient_wakes_to_is_a_domain_of_its_own(wakes: Consciousness, grade: int):
    fact = read(PatientContext(consciousness=Recorded(wakes, BEFORE))).facts[Field.GRADE]
    assert isinstance(fact, Known)
    assert fact.value == grade
    assert fact.words.startswith("consciousness")


def test_waking_spontaneously_says_nothing_on_the_grade():
    fact = read(PatientContext(consciousness=Recorded(Consciousness.SPONTANEOUS, BEFORE))).facts[Field.GRADE]
    assert isinstance(fact, Missing)


def test_a_domain_that_is_worse_than_the_recorded_grade_is_shown():
    context = PatientContext(
        icans_grade=Recorded(1, BEFORE), consciousness=Recorded(Consciousness.TOUCH, BEFORE)
    )
    (conflict,) = read(context).conflicts
    assert conflict.startswith("Contradiction: ICANS grade 1 is recorded, but consciousness touch")
    assert conflict.endswith("grade 3; the worse one counts.")


@pytest.mark.parametrize(
    "motor", [None, Recorded(Motor.NONE, BEFORE), Recorded(Motor.PARAPARESIS, NOW - timedelta(90))]
)
def test_a_depth_without_a_weakness_is_shown(motor: Recorded[Motor] | None):
    clinic = read(PatientContext(motor=motor, motor_depth=Depth.DEEP))
    assert any(
        one.startswith("Contradiction: the weakness is recorded as deep, but") for one in clinic.conflicts
    )
    assert not isinstance(clinic.facts[Field.GRADE], Known)


def test_a_depth_with_its_weakness_is_no_contradiction():
    context = PatientContext(motor=Recorded(Motor.PARAPARESIS, BEFORE), motor_depth=Depth.DEEP)
    assert read(context).conflicts == ()


def test_what_is_known_from_before_is_told_in_words():
    fact = read(PatientContext(history=(History.CNS_TUMOUR, History.MIGRAINE))).facts[Field.HISTORY]
    assert fact == Known(("cns_tumour", "migraine"), "cns tumour, migraine")
    assert isinstance(read(PatientContext()).facts[Field.HISTORY], Missing)


def test_ventilation_of_last_week_counts_no_longer():
    week = NOW - timedelta(days=7)
    fact = read(PatientContext(ventilation=Recorded(Ventilation.OXYGEN, week))).facts[Field.VENTILATION]
    assert isinstance(fact, Missing)


@pytest.mark.parametrize(
    ("earlier", "value"),
    [
        (None, None),
        (Earlier(STUDY_DATE), None),
        (Earlier(STUDY_DATE, is_baseline=True), "true"),
        (Earlier(STUDY_DATE, is_baseline=False), "false"),
    ],
)
def test_a_baseline_is_one_only_where_that_is_known(earlier: Earlier | None, value: str | None):
    fact = read(PatientContext(), earlier).facts[Field.BASELINE]
    assert (fact.value if isinstance(fact, Known) else None) == value


def test_an_order_that_names_a_product_makes_a_recipient():
    context = PatientContext(order_text="Day 8 post Axi-cel, confused")
    found = inferred(context, LIMITS.recipient_words)
    assert is_recipient(found)
    assert found.product == "axi-cel"
    assert not found.is_cart_recipient


def test_an_order_changes_nothing_for_a_known_recipient_or_without_the_words():
    known = PatientContext(is_cart_recipient=True, order_text="post CAR-T")
    assert inferred(known, LIMITS.recipient_words) == known
    other = replace(known, is_cart_recipient=False, order_text="headache")
    assert inferred(other, LIMITS.recipient_words) == other


def test_a_value_from_after_the_decision_s_moment_is_called_so():
    assert recorded_words(NOW + timedelta(hours=5), NOW) == "recorded 5 h after"
    assert recorded_words(NOW + timedelta(days=5), NOW) == "recorded 5 days after"
    assert recorded_words(NOW + timedelta(minutes=5), NOW) == "recorded less than 1 h before"
