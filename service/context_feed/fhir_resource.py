"""Reads FHIR R4 resources: Patient, Observation, Procedure, MedicationAdministration, Flag and Group, each with its Patient beside it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from rules.context_map import Coding, ContextMap
from rules.identity import digest_of
from rules.same_patient import Identifiers
from service.context_feed.news import Fault, FeedError, Infused, Message, Observed

Resource = Mapping[str, Any]
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_CURRENT = ("final", "amended", "corrected", "preliminary")
_WITHDRAWN = ("entered-in-error", "cancelled")
_GIVEN = ("completed", "in-progress")
_SHAPES = (AttributeError, TypeError, KeyError, ValueError, IndexError)
"""What a resource of another shape than R4 gives says raises."""
KINDS = ("Patient", "Observation", "Procedure", "MedicationAdministration", "Flag", "Group")


@dataclass(frozen=True, slots=True)
class Piece:
    """One resource with what it refers to: taken or set aside by itself."""

    key: str
    """Type, id and version: a newer version is another message."""
    kind: str
    content: bytes
    """JSON: a Bundle of the resource and its Patient."""


def pieces_of(raw: bytes) -> list[Piece]:
    """The resources of a Bundle, or the one resource, that are of a kind which is read here.

    Raises FeedError if it is no FHIR JSON.
    """
    try:
        root = json.loads(raw)
        entries = root["entry"] if root["resourceType"] == "Bundle" else [{"resource": root}]
        beside = {url: one["resource"] for one in entries for url in _urls(one)}
        return [piece for one in entries for piece in _pieces(one["resource"], beside)]
    except (*_SHAPES, UnicodeDecodeError, RecursionError) as error:
        raise FeedError(Fault.UNREADABLE, "no FHIR R4 resource in JSON") from error


def message_of(content: bytes, known: ContextMap) -> Message:
    """What a piece says.

    Raises FeedError.
    """
    try:
        entries = json.loads(content)["entry"]
        resource, beside = entries[0]["resource"], [one["resource"] for one in entries[1:]]
        return _message(resource, beside, known)
    except _SHAPES as error:
        raise FeedError(Fault.UNREADABLE, "not of the shape of a FHIR R4 resource") from error


def _urls(entry: Resource) -> Iterator[str]:
    resource = entry["resource"]
    if "fullUrl" in entry:
        yield entry["fullUrl"]
    yield f"{resource['resourceType']}/{resource.get('id', '')}"


def _pieces(resource: Resource, beside: Mapping[str, Resource]) -> Iterator[Piece]:
    kind = resource["resourceType"]
    if kind not in KINDS:
        return
    inside = {f"#{one.get('id', '')}": one for one in resource.get("contained", [])}
    around = {**beside, **inside}
    if kind == "Group":
        members = [one for one in resource.get("member", []) if not one.get("inactive", False)]
        for number, member in enumerate(members):
            yield _piece(
                {**resource, "member": [member]}, [_referred(member["entity"], around)], f"/{number}"
            )
        return
    others = [] if kind == "Patient" else [_referred(resource["subject"], around)]
    if "medicationReference" in resource:
        others.append(_referred(resource["medicationReference"], around))
    yield _piece(resource, others)


def _piece(resource: Resource, others: list[Resource | None], part: str = "") -> Piece:
    kept = [one for one in others if one is not None]
    content = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": one} for one in (resource, *kept)],
    }
    meta = resource.get("meta", {})
    version = meta.get("versionId") or meta.get("lastUpdated") or digest_of(content)
    kind = str(resource["resourceType"])
    key = f"{kind}/{resource.get('id', '')}{part}/{version}"
    return Piece(key, kind, json.dumps(content, sort_keys=True).encode())


def _referred(reference: Resource, around: Mapping[str, Resource]) -> Resource | None:
    """What a reference leads to, by its whole URL or by its last two parts."""
    url = str(reference.get("reference", ""))
    return around.get(url) or around.get("/".join(url.split("/")[-2:]))


def _message(resource: Resource, beside: list[Resource], known: ContextMap) -> Message:
    kind = str(resource["resourceType"])
    patients = [one for one in (resource, *beside) if one["resourceType"] == "Patient"]
    if len(patients) != 1:
        raise FeedError(Fault.INCOMPLETE, f"{kind} without its Patient beside it")
    key = _piece(resource, list(beside)).key
    told = Message(
        key,
        kind,
        _patient(patients[0], known),
        identifiers=frozenset(str(one.get("value", "")) for one in patients[0].get("identifier", [])),
    )
    if kind == "Observation":
        return replace(told, observed=tuple(_observed(resource, known)))
    if kind in ("Procedure", "MedicationAdministration"):
        return replace(told, infused=tuple(_infused(resource, beside, known)))
    if kind == "Group" or (kind == "Flag" and resource.get("status") == "active"):
        return replace(told, memberships=tuple(_codings(resource.get("code", {}), known)))
    return told


def _patient(resource: Resource, known: ContextMap) -> Identifiers:
    identifiers = resource.get("identifier", [])
    typed = [one for kind in known.identifier_types for one in identifiers if kind in _types(one)]
    bare = [one for one in identifiers if not _types(one)] if len(identifiers) == 1 else []
    born = str(resource.get("birthDate", ""))
    chosen: Resource = next(iter(typed or bare), {})
    issuer = known.issuers.get(str(chosen.get("system", "")), "")
    birth_date = date.fromisoformat(born) if len(born) == 10 else None
    return Identifiers(str(chosen.get("value", "")).strip(), issuer, birth_date)


def _types(identifier: Resource) -> set[str]:
    return {
        str(one.get("code"))
        for one in identifier.get("type", {}).get("coding", [])
        if one.get("system", _IDENTIFIER_TYPES) == _IDENTIFIER_TYPES
    }


def _observed(resource: Resource, known: ContextMap) -> Iterator[Observed]:
    """The observation itself, and each of its components."""
    status = resource.get("status")
    if status not in (*_CURRENT, *_WITHDRAWN):
        return
    at = _moment(resource, known)
    for one in (resource, *resource.get("component", [])):
        values, unit, comparator = _value(one, known)
        if values or status in _WITHDRAWN:
            codings = tuple(_codings(one["code"], known))
            yield Observed(codings, values, at, unit, comparator, is_withdrawn=status in _WITHDRAWN)


def _value(holder: Resource, known: ContextMap) -> tuple[tuple[str, ...], str, str]:
    """How the value may be read, its unit, and what bounds it."""
    if "valueQuantity" in holder:
        quantity = holder["valueQuantity"]
        if "value" not in quantity:
            return (), "", ""
        unit = quantity.get("code") or quantity.get("unit") or ""
        return (_number(quantity["value"]),), str(unit), str(quantity.get("comparator", ""))
    if "valueCodeableConcept" in holder:
        concept = holder["valueCodeableConcept"]
        coded = list(_codings(concept, known))
        texts = [
            *(f"{one.system} {one.code}" for one in coded),
            concept.get("text"),
            *(one.code for one in coded),
        ]
        return tuple(str(one) for one in texts if one), "", ""
    for name in ("valueInteger", "valueString", "valueBoolean", "valueDateTime"):
        if name in holder:
            return (_number(holder[name]),), "", ""
    return (), "", ""


def _number(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _infused(resource: Resource, beside: list[Resource], known: ContextMap) -> Iterator[Infused]:
    if resource.get("status") not in _GIVEN:
        return
    medicines = [one for one in beside if one["resourceType"] == "Medication"]
    concepts = [
        resource.get("code"),
        resource.get("medicationCodeableConcept"),
        *(one.get("code") for one in medicines),
    ]
    period = resource.get("performedPeriod") or resource.get("effectivePeriod") or {}
    text = resource.get("performedDateTime") or resource.get("effectiveDateTime") or period.get("start") or ""
    day = date.fromisoformat(text[:10]) if len(text) >= 10 else None
    yield Infused(tuple(one for concept in concepts if concept for one in _codings(concept, known)), day)


def _codings(concept: Resource, known: ContextMap) -> Iterator[Coding]:
    for one in concept.get("coding", []):
        if "code" in one:
            yield known.coding_of(str(one.get("system", "")), str(one["code"]))


def _moment(resource: Resource, known: ContextMap) -> datetime | None:
    """When it was observed, to the minute and with its zone, else None."""
    period = resource.get("effectivePeriod") or {}
    text = resource.get("effectiveDateTime") or resource.get("effectiveInstant") or period.get("end") or ""
    if "T" not in text:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        if known.time_zone is None:
            return None
        at = at.replace(tzinfo=known.time_zone)
    return at.astimezone(UTC)
