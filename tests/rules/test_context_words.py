from dataclasses import replace
from datetime import date, timedelta

import pytest

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
from rules.context_words import context_lines, recipient_line
from tests.rules.stories import NOW, STUDY_DATE

BEFORE = NOW - timedelta(hours=3)
FIELDS = {
    "icans_grade": (3, "ICANS grade 3"),
    "ice_score": (4, "ICE 4"),
    "capd_score": (12, "CAPD 12"),
    "crs_grade": (2, "CRS grade 2"),
    "blood_pressure": (BloodPressure(187, 109), "blood pressure 187/109 mmHg"),
    "seizure": (Seizure.NONCONVULSIVE, "seizure nonconvulsive"),
    "motor": (Motor.HEMIPARESIS, "motor weakness hemiparesis"),
    "raised_icp_signs": (True, "signs of raised intracranial pressure yes"),
    "consciousness": (Consciousness.TOUCH, "consciousness wakes only to touch"),
    "cord_signs": (False, "sensory level or bladder disturbance no"),
    "steroid_taper": (True, "steroid taper in the last 72 h yes"),
    "platelets": (18, "platelets 18 G/L"),
    "anticoagulant": (True, "anticoagulation yes"),
    "ventilation": (Ventilation.OXYGEN, "oxygen or ventilation oxygen"),
}
NOBODY = "CAR-T status not known"


@pytest.mark.parametrize("name", FIELDS)
def test_each_value_is_told_with_its_age(name: str):
    value, words = FIELDS[name]
    context = replace(PatientContext(), **{name: Recorded(value, BEFORE)})
    assert context_lines(context, NOW, STUDY_DATE) == (NOBODY, f"{words}, recorded 3 h before")


def test_all_are_told_in_one_order():
    context = replace(PatientContext(), **{name: Recorded(value) for name, (value, _) in FIELDS.items()})
    told = [f"{words}, time not recorded" for _, words in FIELDS.values()]
    assert context_lines(context, NOW, STUDY_DATE) == (NOBODY, *told)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"birth_date": date(STUDY_DATE.year - 40, 1, 1)}, "40 years old"),
        ({"birth_date": STUDY_DATE}, "0 years old"),
        ({"history": (History.CNS_TUMOUR,)}, "known: cns tumour"),
        ({"history": (History.SMALL_VESSEL, History.MIGRAINE)}, "known: small vessel and migraine"),
        ({"order_priority": "STAT"}, "ordered as STAT"),
        ({"notes": ("wears a pump",)}, "wears a pump"),
        ({"seizure": Recorded(Seizure.NONE)}, "seizure none, time not recorded"),
        ({"seizure": Recorded(Seizure.STATUS)}, "seizure status epilepticus, time not recorded"),
        ({"motor": Recorded(Motor.NONE)}, "motor weakness none, time not recorded"),
        ({"motor": Recorded(Motor.PARAPARESIS), "motor_depth": Depth.MILD}, "motor weakness paraparesis (mild), time not recorded"),
        ({"consciousness": Recorded(Consciousness.UNAROUSABLE)}, "consciousness cannot be roused, time not recorded"),
    ],
)  # fmt: skip
def test_what_else_is_known_is_told(changes, line: str):
    assert context_lines(replace(PatientContext(), **changes), NOW, STUDY_DATE) == (NOBODY, line)


def test_without_a_day_of_the_study_ages_count_from_now():
    context = PatientContext(birth_date=date(NOW.year - 40, NOW.month, NOW.day), infusion_date=NOW.date())
    assert context_lines(context, NOW, None) == (
        "CAR-T status inferred, day 0 after infusion",
        "40 years old",
    )
    earlier = context_lines(context, NOW, NOW.date() - timedelta(days=1))
    assert earlier == ("CAR-T status inferred, 1 days before infusion", "39 years old")


@pytest.mark.parametrize(
    ("context", "line"),
    [
        (PatientContext(), NOBODY),
        (PatientContext(is_cart_recipient=True), "CAR-T recipient, date unknown"),
        (PatientContext(is_cart_recipient=True, product="axi-cel"), "CAR-T recipient (axi-cel), date unknown"),
        (PatientContext(product="axi-cel"), "CAR-T status inferred (axi-cel), date unknown"),
        (PatientContext(is_cart_recipient=True, infusion_date=date(2026, 5, 1)), "day 3 after infusion"),
        (PatientContext(is_cart_recipient=True, infusion_date=date(2026, 5, 5), product="x"), "1 days before infusion (x)"),
        (PatientContext(infusion_date=date(2026, 5, 1), product="x"), "CAR-T status inferred, day 3 after infusion (x)"),
    ],
)  # fmt: skip
def test_whether_the_patient_was_given_the_cells_is_said(context: PatientContext, line: str):
    assert recipient_line(context, date(2026, 5, 4)) == line
