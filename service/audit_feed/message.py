"""The DICOM Audit Message Schema (PS3.15 A.5.1) as data, and its XML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from xml.etree import ElementTree as ET

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold (XML 1.0, 2.2)."""
_APPLICATION_SERVER = "4"
"""Audit Source Type Code: application server process (PS3.15 A.5.1.2.1)."""
_MACHINE, _IP_ADDRESS = "1", "2"
"""NetworkAccessPointTypeCode."""


class Code(Enum):
    """Codes of PS3.16 annex D (CID 400, 401, 402, 404) with their meanings; the last one is of the schema (A.5.1.2.4)."""

    APPLICATION_ACTIVITY = ("110100", "DCM", "Application Activity")
    AUDIT_LOG_USED = ("110101", "DCM", "Audit Log Used")
    BEGIN_TRANSFERRING = ("110102", "DCM", "Begin Transferring DICOM Instances")
    INSTANCES_ACCESSED = ("110103", "DCM", "DICOM Instances Accessed")
    INSTANCES_TRANSFERRED = ("110104", "DCM", "DICOM Instances Transferred")
    EXPORT = ("110106", "DCM", "Export")
    PATIENT_RECORD = ("110110", "DCM", "Patient Record")
    SECURITY_ALERT = ("110113", "DCM", "Security Alert")
    USER_AUTHENTICATION = ("110114", "DCM", "User Authentication")
    APPLICATION_START = ("110120", "DCM", "Application Start")
    APPLICATION_STOP = ("110121", "DCM", "Application Stop")
    LOGIN = ("110122", "DCM", "Login")
    LOGOUT = ("110123", "DCM", "Logout")
    NODE_AUTHENTICATION = ("110126", "DCM", "Node Authentication")
    SOFTWARE_CONFIGURATION = ("110131", "DCM", "Software Configuration")
    USER_SECURITY_CHANGED = ("110137", "DCM", "User Security Attributes Changed")
    APPLICATION = ("110150", "DCM", "Application")
    DESTINATION = ("110152", "DCM", "Destination Role ID")
    SOURCE = ("110153", "DCM", "Source Role ID")
    DESTINATION_MEDIA = ("110154", "DCM", "Destination Media")
    MEDIA_URI = ("110037", "DCM", "URI")
    STUDY_INSTANCE_UID = ("110180", "DCM", "Study Instance UID")
    NODE_ID = ("110182", "DCM", "Node ID")
    PATIENT_NUMBER = ("2", "RFC-3881", "Patient Number")
    URI = ("12", "RFC-3881", "URI")


class Action(Enum):
    """EventActionCode."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    EXECUTE = "E"


@dataclass(frozen=True, slots=True)
class Participant:
    """ActiveParticipant: a person, process or node that took part."""

    user_id: str
    is_requestor: bool = False
    roles: tuple[Code, ...] = ()
    alternative_id: str = ""
    address: str = ""
    """IP address, if known."""
    machine: str = ""
    """Name of the machine, where no address is known."""
    media: Code | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """ParticipantObjectIdentification: what it was done to."""

    id_type: Code
    object_id: str
    type_code: str
    role: str
    name: str
    accession_number: str = ""
    sop_classes: Mapping[str, int] = field(default_factory=dict)
    """SOP Class UID to the number of instances."""


@dataclass(frozen=True, slots=True)
class Message:
    """One audit message."""

    event: Code
    action: Action
    at: datetime
    participants: tuple[Participant, ...]
    things: tuple[Thing, ...] = ()
    types: tuple[Code, ...] = ()
    failure: str = ""
    """Why it failed, one clause; empty is success."""


def patient(patient_id: str, name: str) -> Thing:
    """The patient, as every message that touches patient data names it."""
    return Thing(Code.PATIENT_NUMBER, patient_id or "unknown", "1", "1", name or "unknown")


def xml_of(message: Message, source_id: str) -> bytes:
    """The message as UTF-8 XML.

    source_id : AuditSourceID, the system that tells
    """
    root = ET.Element("AuditMessage")
    event = ET.SubElement(
        root,
        "EventIdentification",
        EventActionCode=message.action.value,
        EventDateTime=message.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        EventOutcomeIndicator="4" if message.failure else "0",
    )
    _code(event, "EventID", message.event)
    for code in message.types:
        _code(event, "EventTypeCode", code)
    if message.failure:
        ET.SubElement(event, "EventOutcomeDescription").text = _clean(message.failure)
    for participant in message.participants:
        _participant(root, participant)
    source = ET.SubElement(root, "AuditSourceIdentification", AuditSourceID=_clean(source_id))
    ET.SubElement(source, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})
    for thing in message.things:
        _thing(root, thing)
    return b'<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(root, encoding="utf-8")


def _participant(root: ET.Element, one: Participant) -> None:
    attributes = {
        "UserID": one.user_id,
        "AlternativeUserID": one.alternative_id,
        "NetworkAccessPointID": one.address or one.machine,
        "NetworkAccessPointTypeCode": _IP_ADDRESS if one.address else _MACHINE if one.machine else "",
    }
    element = ET.SubElement(
        root, "ActiveParticipant", {key: _clean(text) for key, text in attributes.items() if text}
    )
    element.set("UserIsRequestor", "true" if one.is_requestor else "false")
    for role in one.roles:
        _code(element, "RoleIDCode", role)
    if one.media:
        _code(ET.SubElement(element, "MediaIdentifier"), "MediaType", one.media)


def _thing(root: ET.Element, one: Thing) -> None:
    element = ET.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_clean(one.object_id),
        ParticipantObjectTypeCode=one.type_code,
        ParticipantObjectTypeCodeRole=one.role,
    )
    _code(element, "ParticipantObjectIDTypeCode", one.id_type)
    ET.SubElement(element, "ParticipantObjectName").text = _clean(one.name)
    if one.sop_classes:
        described = ET.SubElement(element, "ParticipantObjectDescription")
        if one.accession_number:
            ET.SubElement(described, "Accession", Number=_clean(one.accession_number))
        for uid, count in sorted(one.sop_classes.items()):
            ET.SubElement(described, "SOPClass", UID=uid, NumberOfInstances=str(count))


def _code(parent: ET.Element, name: str, code: Code) -> None:
    value, system, meaning = code.value
    ET.SubElement(parent, name, {"csd-code": value, "codeSystemName": system, "originalText": meaning})


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
