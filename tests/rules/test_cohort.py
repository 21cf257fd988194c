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
    reason = "The patient is not on the registry of CAR-T recipients."
    assert admit(HEADERS, context) == Declined(DeclineCode.NOT_FLAGGED, reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"modalities": ("US", "CT", "CT")}, "The study holds no MR series (CT, US); only MR is analysed."),
        ({"body_parts": ("KNEE",)}, "Every body part in the headers is another than the head (KNEE)."),
        (
            {"body_parts": ("TSPINE", "CSPINE"), "descriptions": ("MRI whole spine",)},
            "Every body part in the headers is another than the head (CSPINE, TSPINE).",
        ),
    ],
)
def test_what_is_no_mr_of_the_head_is_declined(change: dict[str, tuple[str, ...]], reason: str):
    assert admit(replace(HEADERS, **change), FLAGGED) == Declined(DeclineCode.NOT_MR_HEAD, reason)


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


def test_a_study_without_a_body_part_is_admitted_and_says_so():
    answer = admit(replace(HEADERS, body_parts=()), FLAGGED)
    told = "MR study without a body part in its headers."
    assert answer == Admitted(f"The patient is on the registry of CAR-T recipients; {told}")


def test_below_two_years_the_checks_are_not_used():
    young = replace(FLAGGED, birth_date=date(2024, 5, 17))
    assert admit(HEADERS, young) == Declined(DeclineCode.TOO_YOUNG, "The patient is younger than 2 years.")
    assert isinstance(admit(HEADERS, replace(FLAGGED, birth_date=date(2024, 5, 16))), Admitted)


def test_without_a_study_date_nobody_is_too_young():
    young = replace(FLAGGED, birth_date=date(2024, 5, 17))
    assert isinstance(admit(replace(HEADERS, study_date=None), young), Admitted)


def test_another_birth_date_is_admitted_and_shown():
    answer = admit(replace(HEADERS, birth_date=date(1996, 1, 2)), FLAGGED)
    assert isinstance(answer, Admitted)
    told = "The birth date in the images differs from the registry's: check that it is the same patient."
    assert answer.remarks == (told,)


@pytest.mark.parametrize("missing", ["headers", "registry"])
def test_a_birth_date_that_only_one_knows_is_no_contradiction(missing: str):
    headers = replace(HEADERS, birth_date=None) if missing == "headers" else HEADERS
    context = replace(FLAGGED, birth_date=None) if missing == "registry" else FLAGGED
    answer = admit(headers, context)
    assert isinstance(answer, Admitted)
    assert answer.remarks == ()
