"""SR, SC, KOS, HL7, FHIR and UPS of one decision say the same priority."""

from datetime import UTC, datetime

import pytest

from rules.messages import ResultState
from rules.notice import Notice, NoticedPatient
from rules.urgency import Priority
from service.destinations import Hl7Destination
from service.fhir import bundle_of
from service.hl7 import message_of
from service.ups import workitem_of
from tests.workers.reports import studies
from workers.reports.key_objects import key_objects
from workers.reports.secondary_capture import secondary_capture
from workers.reports.structured_report import structured_report


def notice_of(decision):
    return Notice(
        uid="2.25.1",
        study_instance_uid=studies.STUDY,
        accession_number="A",
        study_description="",
        patient=NoticedPatient("1"),
        state=ResultState.CONFIRMED,
        priority=decision.priority,
        is_assessed=decision.is_assessed,
        headline=decision.headline,
        sentences=decision.sentences,
        present=(),
        not_assessed=decision.not_assessed,
        disclaimers=decision.disclaimers,
        decided_at=datetime(2026, 11, 3, 7, 20, tzinfo=UTC),
        reports=(),
        device="Cartriage",
        policy="x",
    )


def coded(report, name):
    """Values of all code items with a concept name, anywhere in an SR."""
    found = []
    for item in report.get("ContentSequence") or ():
        if item.ConceptNameCodeSequence[0].CodeMeaning == name:
            found.append(item.ConceptCodeSequence[0].CodeValue)
        found += coded(item, name)
    return found


def described(document):
    (text,) = [
        one.TextValue
        for one in document.ContentSequence
        if "ConceptNameCodeSequence" in one and one.ConceptNameCodeSequence[0].CodeValue == "113012"
    ]
    return text


@pytest.mark.parametrize("priority", list(Priority))
def test_all_six_say_the_same(priority):
    decision = studies.decision(priority)
    content, notice = studies.content(decision), notice_of(decision)
    report = structured_report(content)
    hl7 = message_of(notice, Hl7Destination(name="r", kind="hl7", host="h", port=1))
    resources = {one["resource"]["resourceType"]: one["resource"] for one in bundle_of(notice)["entry"]}
    item = workitem_of(notice)
    codings = resources["Observation"]["valueCodeableConcept"]["coding"]
    obx = {
        row.split("|")[3].split("^")[0]: row.split("|")[5] for row in hl7.split("\r") if row.startswith("OBX")
    }
    ours = {
        "SR": coded(report, "Priority"),
        "SC": [secondary_capture(content).ImageComments.split(" ")[0]],
        "KOS": [described(key_objects(content)).split(" ")[0]],
        "HL7": [obx["priority"].split("^")[0]],
        "FHIR": [codings[0]["code"]],
        "UPS": [item.ReasonForRequestedProcedureCodeSequence[0].CodeValue],
    }
    assert ours == {name: [priority.value] for name in ours}
    actionable = {
        "SR": coded(report, "Overall Assessment"),
        "HL7": [obx["actionable"].split("^")[0]] if "actionable" in obx else [],
        "FHIR": [one["code"] for one in codings[1:]],
        "UPS": [one.CodeValue for one in item.ReasonForRequestedProcedureCodeSequence[1:]],
    }
    assert len({tuple(one) for one in actionable.values()}) == 1
    assert bool(actionable["SR"]) is (priority is not Priority.P4)
