"""The context as it is read at one moment."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from rules.clinical import Clinic, Known, age_at, day_after_infusion, inferred, is_recipient, observe
from rules.context import (
    BloodPressure,
    Consciousness,
    Depth,
    History,
    Motor,
    PatientContext,
    Recorded,
    Seizure,
    Ventilation,
)
from rules.facts import Earlier
from rules.fields import FIELD_CHOICES, FIELD_UNITS, FIELD_WORDS, Field
from rules.policy import load
from rules.recorded import Missing, recorded_words
from tests.rules.stories import NOW, STUDY_DATE

LIMITS = load().limits
BEFORE = NOW - timedelta(hours=3)
PRESSURE = Recorded(BloodPressure(187, 109), BEFORE)


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


FACTS = {
    Field.RECIPIENT: (PatientContext(), Known("false", "no")),
    Field.AGE: (PatientContext(birth_date=date(STUDY_DATE.year - 9, 1, 1)), Known(9, "9 years")),
    Field.DAY: (PatientContext(infusion_date=STUDY_DATE - timedelta(days=4)), Known(4, "day 4")),
    Field.CRS: (PatientContext(crs_grade=Recorded(2, BEFORE)), Known(2, "2, recorded 3 h before")),
    Field.PLATELETS: (PatientContext(platelets=Recorded(18, BEFORE)), Known(18, "18, recorded 3 h before")),
    Field.SYSTOLIC: (PatientContext(blood_pressure=PRESSURE), Known(187, "187 mmHg, recorded 3 h before")),
    Field.DIASTOLIC: (PatientContext(blood_pressure=PRESSURE), Known(109, "109 mmHg, recorded 3 h before")),
    Field.SEIZURE: (
        PatientContext(seizure=Recorded(Seizure.STATUS, BEFORE)),
        Known("status", "status, recorded 3 h before"),
    ),
    Field.MOTOR: (
        PatientContext(motor=Recorded(Motor.PARAPARESIS, BEFORE)),
        Known("paraparesis", "paraparesis, recorded 3 h before"),
    ),
    Field.MOTOR_DEPTH: (PatientContext(motor_depth=Depth.MILD), Known("mild", "mild")),
    Field.ICP: (
        PatientContext(raised_icp_signs=Recorded(value=True, at=BEFORE)),
        Known("true", "yes, recorded 3 h before"),
    ),
    Field.TAPER: (
        PatientContext(steroid_taper=Recorded(value=False, at=BEFORE)),
        Known("false", "no, recorded 3 h before"),
    ),
    Field.CORD_SIGNS: (
        PatientContext(cord_signs=Recorded(value=True, at=BEFORE)),
        Known("true", "yes, recorded 3 h before"),
    ),
    Field.ANTICOAGULANT: (
        PatientContext(anticoagulant=Recorded(value=True, at=BEFORE)),
        Known("true", "yes, recorded 3 h before"),
    ),
    Field.INDICATION: (PatientContext(has_neuro_indication=False), Known("false", "no")),
    Field.CONSCIOUSNESS: (
        PatientContext(consciousness=Recorded(Consciousness.VOICE, BEFORE)),
        Known("voice", "voice, recorded 3 h before"),
    ),
    Field.VENTILATION: (
        PatientContext(ventilation=Recorded(Ventilation.OXYGEN, BEFORE)),
        Known("oxygen", "oxygen, recorded 3 h before"),
    ),
    Field.HISTORY: (PatientContext(history=(History.MIGRAINE,)), Known(("migraine",), "migraine")),
}
SILENT = {
    Field.AGE: "birth date not known",
    Field.DAY: "infusion date not known",
    Field.MOTOR_DEPTH: "not stated",
    Field.INDICATION: "not stated",
    Field.BASELINE: "no earlier study",
}


@pytest.mark.parametrize("field", FACTS)
def test_each_field_is_read_with_its_words(field: Field):
    context, fact = FACTS[field]
    assert read(context).facts[field] == fact


def test_what_is_not_known_is_missing_with_the_reason():
    for field, fact in read(PatientContext()).facts.items():
        if field is not Field.RECIPIENT:
            assert fact == Missing(SILENT.get(field, "not recorded")), field


def test_a_recipient_and_an_indication_are_told_as_yes():
    facts = read(PatientContext(is_cart_recipient=True, has_neuro_indication=True)).facts
    assert facts[Field.RECIPIENT] == facts[Field.INDICATION] == Known("true", "yes")
    assert is_recipient(PatientContext(product="axi-cel"))
    assert is_recipient(PatientContext(infusion_date=STUDY_DATE))


def test_the_baseline_is_told_in_words():
    told = {
        is_baseline: read(PatientContext(), Earlier(STUDY_DATE, is_baseline=is_baseline)).facts[
            Field.BASELINE
        ]
        for is_baseline in (True, False, None)
    }
    assert told == {
        True: Known("true", "yes"),
        False: Known("false", "no"),
        None: Missing("not known whether the earlier study is from before the infusion"),
    }


def test_age_and_day_count_at_the_study_or_else_from_now():
    context = PatientContext(birth_date=NOW.date().replace(year=NOW.year - 30), infusion_date=NOW.date())
    without = observe(context, LIMITS, NOW, None, None).facts
    assert (without[Field.AGE], without[Field.DAY]) == (Known(30, "30 years"), Known(0, "day 0"))
    before = observe(context, LIMITS, NOW, NOW.date() - timedelta(days=1), None).facts
    assert (before[Field.AGE], before[Field.DAY]) == (Known(29, "29 years"), Known(-1, "day -1"))


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2000, 6, 15), date(2026, 6, 14), 25),
        (date(2000, 6, 15), date(2026, 6, 15), 26),
        (date(2000, 6, 15), date(2026, 7, 1), 26),
        (date(2000, 6, 15), date(2000, 6, 15), 0),
        (date(2000, 6, 15), date(2000, 6, 14), None),
        (None, date(2026, 1, 1), None),
    ],
)
def test_ages_are_whole_years(born: date | None, day: date, age: int | None):
    assert age_at(PatientContext(birth_date=born), day) == age


def test_a_day_of_which_nobody_knows_the_infusion_is_none():
    assert day_after_infusion(PatientContext(), STUDY_DATE) is None


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("icans_grade", 1, "ICANS grade"),
        ("ice_score", 9, "ICE score"),
        ("blood_pressure", BloodPressure(120, 80), "blood pressure"),
        ("raised_icp_signs", True, "signs of raised intracranial pressure"),
    ],
)
def test_what_is_too_old_to_count_is_said(field: str, value: object, name: str):
    context = replace(PatientContext(), **{field: Recorded(value, NOW - timedelta(days=90))})
    (said,) = read(context).conflicts
    assert said == f"The recorded {name} was not used: recorded 90 days before, too old to count."


def test_the_depth_is_named_with_what_is_lacking():
    def said(motor: Recorded[Motor] | None) -> str:
        return read(PatientContext(motor=motor, motor_depth=Depth.DEEP)).conflicts[0]

    start = "Contradiction: the weakness is recorded as deep, but"
    assert said(None) == f"{start} no weakness that counts now is recorded."
    assert said(Recorded(Motor.NONE, BEFORE)) == f"{start} the recorded weakness is none."


def test_a_grade_without_a_domain_keeps_its_reason():
    old = PatientContext(icans_grade=Recorded(1, NOW - timedelta(days=90)))
    assert read(old).facts[Field.GRADE] == Missing(
        "recorded 90 days before, too old to count", is_too_old=True
    )
    recorded = read(PatientContext(icans_grade=Recorded(1, BEFORE))).facts[Field.GRADE]
    assert isinstance(recorded, Known)
    assert (recorded.value, recorded.words) == (1, "ICANS grade 1, recorded 3 h before")


def test_the_words_of_an_order_are_sought_in_small_letters():
    context = PatientContext(order_text="Post TECARTUS")
    assert inferred(context, ("yescarta", "tecartus")).product == "tecartus"
    assert inferred(replace(context, product="brexu-cel"), ("tecartus",)).product == "brexu-cel"


def test_depth_age_and_the_policy_s_scores_make_the_feature():
    deep = PatientContext(motor=Recorded(Motor.PARAPARESIS, BEFORE), motor_depth=Depth.DEEP)
    mild = replace(deep, motor_depth=Depth.MILD)
    assert isinstance(read(deep).facts[Field.GRADE], Known)
    assert read(deep).facts[Field.GRADE] != read(mild).facts[Field.GRADE]
    child = PatientContext(
        birth_date=date(STUDY_DATE.year - 5, 1, 1),
        ice_score=Recorded(1, BEFORE),
        capd_score=Recorded(0, BEFORE),
    )
    (remark,) = read(child).conflicts
    assert "ICE" in remark
    fact = read(child).facts[Field.GRADE]
    assert isinstance(fact, Known)
    assert fact.value == 3
