"""Whether what the PACS holds is what was decided: read back over its own interface, compared with the rows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from rules.decision import Decision, Status
from rules.messages import ReportKind, StudyTriaged
from rules.urgency import Priority
from service.demo.study import SourceStudy
from service.store.tables import Report

_SOP_CLASSES = {
    ReportKind.SR: (Comprehensive3DSRStorage,),
    ReportKind.SC: (SecondaryCaptureImageStorage, MultiFrameTrueColorSecondaryCaptureImageStorage),
    ReportKind.KOS: (KeyObjectSelectionDocumentStorage,),
}
"""What the PACS must hold one of each; the secondary capture as one page or with the key slices."""
_PRIORITY = ("260870009", "SCT")
"""Concept of the priority in the SR; its value is coded as P1 to P4."""
_STATUSES = {Status.PRESENT: "52101004", Status.ABSENT: "272519000", Status.OPEN: "373068000"}
"""SNOMED CT codes of CID 240 by a rule's outcome."""
_EXPECTED_RULE = "R03"
"""PRES-type distribution."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the database says, and what the PACS holds."""

    study: SourceStudy
    triaged: StudyTriaged
    reports: Sequence[Report]
    """Those that were sent."""
    objects: Sequence[Dataset]

    def of_kind(self, kind: ReportKind) -> Dataset | None:
        """The object of a kind in the PACS."""
        return next((ds for ds in self.objects if ds.SOPClassUID in _SOP_CLASSES[kind]), None)


def faults(evidence: Evidence) -> list[str]:
    """Everything that is wrong, one sentence each; empty if the PACS holds exactly what was decided."""
    return [*_of_objects(evidence), *_of_content(evidence), *_of_case(evidence)]


def _of_objects(evidence: Evidence) -> Iterator[str]:
    kinds = Counter(str(ds.SOPClassUID) for ds in evidence.objects)
    for kind, sop_classes in _SOP_CLASSES.items():
        if sum(kinds.pop(str(one), 0) for one in sop_classes) != 1:
            yield f"the PACS does not hold exactly one {kind}"
    if kinds:
        yield f"the PACS holds other objects too: {sorted(kinds)}"
    if {report.sop_instance_uid for report in evidence.reports} != {
        str(ds.SOPInstanceUID) for ds in evidence.objects
    }:
        yield "the SOP Instance UIDs in the PACS are not those of the rows"
    for ds in evidence.objects:
        if (ds.StudyInstanceUID, ds.PatientID) != (
            evidence.study.study_instance_uid,
            evidence.study.patient_id,
        ):
            yield f"an object of the PACS ({ds.Modality}) is of another study or patient"


def _of_content(evidence: Evidence) -> Iterator[str]:
    report = evidence.of_kind(ReportKind.SR)
    if report is None:
        return
    decision = evidence.triaged.decision
    items = list(_items(report))
    codes = [(_code(item, "ConceptNameCodeSequence"), _code(item, "ConceptCodeSequence")) for item in items]
    if [value[0] for name, value in codes if name == _PRIORITY] != [decision.priority.value]:
        yield "the priority in the SR is not the one in the database"
    texts = {str(item.TextValue).strip() for item in items if "TextValue" in item}
    said = [decision.headline, *decision.sentences, *(pattern.sentence for pattern in decision.patterns)]
    if missing := [text for text in said if text.strip() and text.strip() not in texts]:
        yield f"{len(missing)} sentences of the decision are not in the SR"
    statuses = {name[0]: value[0] for name, value in codes}
    for pattern in decision.patterns:
        if statuses.get(pattern.rule) != _STATUSES[pattern.status]:
            yield f"{pattern.rule} is {pattern.status} in the database and something else in the SR"


def _of_case(evidence: Evidence) -> Iterator[str]:
    """The simulated patient has a PRES-type pattern, so nothing less may come out."""
    if not evidence.study.is_simulated:
        return
    decision = evidence.triaged.decision
    if Priority.P2.is_above(decision.priority):
        yield f"the priority is {decision.priority}, at least P2 was expected"
    if not is_present(decision, _EXPECTED_RULE):
        yield f"{_EXPECTED_RULE} is not present"


def is_present(decision: Decision, rule: str) -> bool:
    """Whether a rule fired."""
    return any(one.rule == rule and one.status is Status.PRESENT for one in decision.patterns)


def _items(ds: Dataset) -> Iterator[Dataset]:
    for item in ds.get("ContentSequence") or []:
        yield item
        yield from _items(item)


def _code(item: Dataset, keyword: str) -> tuple[str, str]:
    sequence = item.get(keyword)
    if not sequence:
        return "", ""
    return str(sequence[0].get("CodeValue", "")), str(sequence[0].get("CodingSchemeDesignator", ""))
