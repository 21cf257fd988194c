"""FHIR R4: the decision as DiagnosticReport, Observation and, where it raises, Flag and Task, in one transaction."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from rules.notice import Notice
from rules.urgency_codes import ABNORMAL, ENCODINGS, code_of
from service.destinations import AnyDestination, FhirDestination
from service.http import Unanswered, request
from service.parcel import Outcome, Parcel, Trouble, failed
from service.settings import Settings
from service.statuses import http_meaning_of

_JSON = "application/fhir+json"
_SYSTEM = "urn:cartriage:codes"
"""System of our own codes, those that DICOM and HL7 v2 carry under the scheme 99CARTRIAGE."""
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_RADLEX = "http://www.radlex.org"
_DICOM_UID = "urn:dicom:uid"


def send(
    parcels: Sequence[Parcel], destination: AnyDestination, settings: Settings
) -> Iterator[tuple[Parcel, Outcome]]:
    """Post each notice as a transaction: a server takes all of it or nothing."""
    assert isinstance(destination, FhirDestination)  # noqa: S101 - the table of senders says so
    headers = {"Content-Type": _JSON, "Accept": _JSON}
    for parcel in parcels:
        if parcel.notice is None:
            yield parcel, failed(Trouble.UNSENDABLE)
            continue
        body = json.dumps(bundle_of(parcel.notice)).encode()
        answer = request("POST", destination.url, destination, settings, headers=headers, body=body)
        if isinstance(answer, Unanswered):
            yield parcel, failed(answer.trouble)
            return
        meaning = http_meaning_of(answer.status)
        yield parcel, Outcome(meaning.is_stored, meaning.words, answer.status)


def bundle_of(notice: Notice) -> dict[str, Any]:
    """A transaction of conditional updates by identifier: the same notice twice changes nothing.

    Of an alert that nobody acknowledged it is only a Task: the result itself was told before.
    """
    if notice.escalation:
        return _transaction([(f"urn:uuid:{_uuid(notice, 4)}", _task(notice, ""))], notice)
    observation, report = f"urn:uuid:{_uuid(notice, 1)}", f"urn:uuid:{_uuid(notice, 2)}"
    resources = [(observation, _observation(notice)), (report, _report(notice, observation))]
    if notice.priority in ENCODINGS:
        resources += [
            (f"urn:uuid:{_uuid(notice, 3)}", _flag(notice)),
            (f"urn:uuid:{_uuid(notice, 4)}", _task(notice, report)),
        ]
    return _transaction(resources, notice)


def _transaction(resources: list[tuple[str, dict[str, Any]]], notice: Notice) -> dict[str, Any]:
    entries = [
        {
            "fullUrl": url,
            "resource": resource,
            "request": {
                "method": "PUT",
                "url": f"{resource['resourceType']}?identifier={_DICOM_UID}|urn:oid:{notice.uid}",
            },
        }
        for url, resource in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _observation(notice: Notice) -> dict[str, Any]:
    encoding = ENCODINGS.get(notice.priority)
    code, meaning = code_of(notice.priority)
    codings = [{"system": _SYSTEM, "code": code, "display": meaning}]
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        **_identified(notice),
        "status": "preliminary",
        "code": _concept("priority", "Reading priority"),
        "subject": _subject(notice),
        "effectiveDateTime": notice.decided_at.isoformat(),
        "device": {"display": notice.device},
        "note": [{"text": text} for text in (*notice.sentences, *notice.disclaimers)],
    }
    if encoding:
        codings.append({"system": _RADLEX, "code": encoding.acr_code, "display": encoding.acr_meaning})
        observation["interpretation"] = [{"coding": [{"system": _INTERPRETATION, "code": ABNORMAL}]}]
    return observation | {"valueCodeableConcept": {"coding": codings, "text": notice.headline}}


def _report(notice: Notice, observation: str) -> dict[str, Any]:
    gaps = [f"Not assessed: {one}." for one in notice.not_assessed]
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        **_identified(notice),
        # Nobody has verified it, whichever state it is in.
        "status": "preliminary",
        "code": _concept("triage", "CAR-T neurotoxicity MRI triage"),
        "subject": _subject(notice),
        "effectiveDateTime": notice.decided_at.isoformat(),
        "issued": notice.decided_at.isoformat(),
        "result": [{"reference": observation}],
        "conclusion": " ".join((*notice.sentences, *gaps, *notice.disclaimers)),
        "imagingStudy": [
            {"identifier": {"system": _DICOM_UID, "value": f"urn:oid:{notice.study_instance_uid}"}}
        ],
    }
    if notice.accession_number:
        report["basedOn"] = [{"identifier": {"value": notice.accession_number}}]
    return report


def _flag(notice: Notice) -> dict[str, Any]:
    return {
        "resourceType": "Flag",
        **_identified(notice),
        "status": "active",
        "code": _concept(*code_of(notice.priority)),
        "subject": _subject(notice),
        "period": {"start": notice.decided_at.isoformat()},
    }


def _task(notice: Notice, report: str) -> dict[str, Any]:
    study = {
        "type": "ImagingStudy",
        "identifier": {"system": _DICOM_UID, "value": f"urn:oid:{notice.study_instance_uid}"},
    }
    return {
        "resourceType": "Task",
        **_identified(notice),
        "status": "requested",
        "intent": "proposal",
        "priority": ENCODINGS[notice.priority].fhir_priority,
        "code": _concept("read", "Read this study earlier"),
        "description": notice.headline,
        "focus": {"reference": report} if report else study,
        "for": _subject(notice),
        "authoredOn": notice.decided_at.isoformat(),
    }


def _identified(notice: Notice) -> dict[str, Any]:
    return {"identifier": [{"system": _DICOM_UID, "value": f"urn:oid:{notice.uid}"}]}


def _subject(notice: Notice) -> dict[str, Any]:
    """By identifier: the server knows its patients, we do not make any."""
    identifier: dict[str, Any] = {"value": notice.patient.patient_id or "unknown"}
    if notice.patient.issuer:
        identifier["assigner"] = {"display": notice.patient.issuer}
    return {"type": "Patient", "identifier": identifier}


def _concept(code: str, words: str) -> dict[str, Any]:
    return {"coding": [{"system": _SYSTEM, "code": code, "display": words}], "text": words}


def _uuid(notice: Notice, number: int) -> str:
    """A name within the bundle, derived: the same notice gives the same bytes."""
    return str(uuid5(NAMESPACE_OID, f"{notice.uid}.{number}"))
