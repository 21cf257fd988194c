"""FHIR resources of a made-up patient, each held against a library that was not written here."""

from typing import Any

from fhir.resources.R4B.bundle import Bundle

from service.cohort import context_of, flagged
from service.store.session import Store

PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [
        {"type": {"coding": [{"code": "MR"}]}, "value": "P1"},
        {"type": {"coding": [{"code": "SS"}]}, "value": "9"},
    ],
    "birthDate": "1970-01-02",
}
SUBJECT = {"reference": "Patient/p"}
OWN = "urn:cartriage:context"


def concept(code: str, system: str = OWN) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def observation(name: str, value: dict[str, Any], version: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name.replace("_", "-"),
        "meta": {"versionId": version, "lastUpdated": f"2026-05-04T12:00:0{version}Z"},
        "status": "final",
        "code": concept(name),
        "subject": SUBJECT,
        "effectiveDateTime": "2026-05-04T11:30:00Z",
        **value,
        **more,
    }


def infusion(name: str = "i") -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration",
        "id": name.replace("_", "-"),
        "meta": {"versionId": "1", "lastUpdated": "2026-05-04T12:00:01Z"},
        "status": "completed",
        "medicationCodeableConcept": concept("L01XL03", "http://www.whocc.no/atc"),
        "subject": SUBJECT,
        "effectiveDateTime": "2026-04-28",
    }


def bundle(*resources: dict[str, Any], kind: str = "collection") -> dict[str, Any]:
    made = {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"resource": one} for one in (*resources, PATIENT)],
    }
    Bundle.model_validate(made)  # what the tests send is FHIR, says a library that was not written here
    return made


def half(code: str, value: int) -> dict[str, Any]:
    quantity = {"value": value, "unit": "mmHg", "code": "mm[Hg]", "system": "http://unitsofmeasure.org"}
    return {"code": concept(code, "http://loinc.org"), "valueQuantity": quantity}


def held(store: Store) -> Any:
    with store.reading() as session:
        (patient,) = flagged(session)
        return context_of(patient)
