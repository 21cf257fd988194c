from dataclasses import replace
from datetime import date

import pytest

from rules.cohort import Admitted, DeclineCode, Declined, admit
from rules.context import PatientContext
from rules.facts import StudyHeaders

HEADERS = StudyHeaders(
    "1.2.3", "X1", study_date=date(2026, 5, 16), modalities=("MR",), body_parts=("BRAIN",), birth_date=date(1996, 1, 1)
)  # fmt: skip
FLAGGED = PatientContext(patient_id="X1", is_cart_recipient=True, birth_date=date(1996, 1, 1))


def test_an_mr_study_of_the_head_of_a_flagged_patient_is_admitted():
    answer = admit(HEADERS, FLAGGED)
    assert isinstance(answer, Admitted)
    assert answer.reason == "The patient is on the registry of CAR-T recipients; MR study of the head."
    assert answer.remarks == ()


@pytest.mark.parametrize("context", [None, PatientContext(patient_id="X1")])
def test_a_patient_who_is_not_flagged_is_declined(context: PatientContext | None):
    answer = admit(HEADERS, context)
    assert isinstance(answer, Declined)
    assert answer.code is DeclineCode.NOT_FLAGGED
    assert answer.reason.endswith(".")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"modalities": ("CT",)}, DeclineCode.NOT_MR_HEAD),
        ({"body_parts": ("KNEE",)}, DeclineCode.NOT_MR_HEAD),
        ({"body_parts": ("CSPINE", "TSPINE"), "descriptions": ("MRI whole spine",)}, DeclineCode.NOT_MR_HEAD),
    ],
)
def test_what_is_no_mr_of_the_head_is_declined(change: dict[str, tuple[str, ...]], code: DeclineCode):
    answer = admit(replace(HEADERS, **change), FLAGGED)
    assert isinstance(answer, Declined)
    assert answer.code is code


@pytest.mark.parametrize(
    "change",
    [
        {"body_parts": ()},
        {"body_parts": ("HEADNECK",)},
        {"body_parts": ("KNEE", "head")},
        {"body_parts": ("CSPINE",), "descriptions": ("MR brain and spine",)},
        {"modalities": ("CT", "MR")},
        {"modalities": ()},
    ],
)
def test_a_doubtful_header_does_not_lose_a_study(change: dict[str, tuple[str, ...]]):
    assert isinstance(admit(replace(HEADERS, **change), FLAGGED), Admitted)


def test_below_two_years_the_checks_are_not_used():
    answer = admit(HEADERS, replace(FLAGGED, birth_date=date(2025, 1, 1)))
    assert isinstance(answer, Declined)
    assert answer.code is DeclineCode.TOO_YOUNG


def test_another_birth_date_is_admitted_and_shown():
    answer = admit(replace(HEADERS, birth_date=date(1996, 1, 2)), FLAGGED)
    assert isinstance(answer, Admitted)
    assert "birth date" in answer.remarks[0]
