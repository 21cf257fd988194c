from datetime import date

import pytest

from rules.context import PatientContext
from rules.decide import decide
from rules.decision import Status
from rules.facts import Case
from rules.policy import load
from rules.same_patient import Identifiers, contradiction
from tests.rules.stories import NOW, STUDY_DATE, findings_of

BORN = date(1990, 1, 2)
CONTEXT = PatientContext(patient_id="A", issuer="H", birth_date=BORN)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Identifiers("B", "H", BORN), "the patient ID in the images differs from the one in the context"),
        (Identifiers("A", "G", BORN), "the issuer of the patient ID in the images differs"),
        (Identifiers("A", "H", date(1990, 2, 1)), "the birth date in the images differs"),
    ],
)
def test_identifiers_that_differ_contradict(image: Identifiers, reason: str):
    assert contradiction(CONTEXT, [image]).startswith(reason)


@pytest.mark.parametrize(
    "image", [Identifiers("A", "H", BORN), Identifiers("A"), Identifiers(), Identifiers(birth_date=BORN)]
)
def test_what_is_equal_or_not_known_contradicts_nothing(image: Identifiers):
    assert contradiction(CONTEXT, [image]) == ""
    assert contradiction(PatientContext(), [image]) == ""


def test_images_of_two_patients_contradict_whatever_the_context():
    assert (
        contradiction(PatientContext(), [Identifiers("A"), Identifiers("B")])
        == "the images name more than one patient ID"
    )
    assert contradiction(CONTEXT, [Identifiers("A", "H"), Identifiers("", "H", BORN)]) == ""


def test_a_mismatch_is_shown_and_leaves_the_images_their_say():
    policy = load()
    findings = findings_of(policy, {"haemorrhage_diameter whole brain": "20 mm"})
    case = Case(
        findings, PatientContext(), (), NOW, STUDY_DATE, ("MR",), identity_mismatch="the birth date differs"
    )
    decision = decide(policy, case)
    assert decision.priority == "P1"
    assert "R08" in {pattern.rule for pattern in decision.patterns if pattern.status is Status.PRESENT}
    assert "IDENTITY MISMATCH, no context used" in decision.headline
    assert "Identity mismatch: the birth date differs; no context was used." in decision.sentences
