"""The SR says what the decision says, in the shape that viewers and validators expect."""

import math
import os
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from highdicom.sr import srread
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, MRImageStorage

from rules.anatomy import Region, Side
from rules.findings import Quantity
from rules.messages import ReportKind
from rules.urgency import Priority
from tests.workers.reports import studies
from workers.reports.labelling import series_uid
from workers.reports.measurement_groups import GROUPS_AT_MOST
from workers.reports.structured_report import structured_report

GOLDEN = Path(__file__).parent / "golden"
VERIFIED = "# Verified by dciodvfy and the PixelMed SR validator; renewed by CARTRIAGE_UPDATE_GOLDEN=1"
CASES = {
    "positive": studies.content,
    "negative": lambda: studies.content(studies.negative()),
    "not_assessed": studies.unassessed_content,
    "masks": studies.masked_content,
}
VIEWED = {**CASES, "partly masked": studies.partly_masked_content}


def saved(report: Dataset) -> BytesIO:
    buffer = BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return buffer


def items(item: Dataset, meaning: str) -> list[Dataset]:
    """All content items below `item` with this concept name."""
    found = []
    for child in item.get("ContentSequence") or ():
        if child.ConceptNameCodeSequence[0].CodeMeaning == meaning:
            found.append(child)
        found += items(child, meaning)
    return found


def only(item: Dataset, meaning: str) -> Dataset:
    (found,) = items(item, meaning)
    return found


def coded(item: Dataset) -> str:
    code = item.ConceptCodeSequence[0]
    return f"{code.CodingSchemeDesignator} {code.CodeValue}"


def value_of(item: Dataset) -> str:
    match item.ValueType:
        case "CODE":
            code = item.ConceptCodeSequence[0]
            return f"({code.CodeValue}, {code.CodingSchemeDesignator}, {code.CodeMeaning})"
        case "NUM":
            measured = item.MeasuredValueSequence[0]
            return f"{measured.NumericValue} {measured.MeasurementUnitsCodeSequence[0].CodeValue}"
        case "TEXT":
            return str(item.TextValue)
        case "CONTAINER":
            return str(item.ContinuityOfContent)
        case _:
            return "<reference>"  # UIDs are tested by themselves


def tree(item: Dataset, depth: int = 0) -> str:
    name = item.ConceptNameCodeSequence[0].CodeMeaning
    relation = item.get("RelationshipType", "ROOT").lower()
    lines = [f"{'  ' * depth}{relation} {item.ValueType} {name} = {value_of(item)}"]
    lines += [tree(child, depth + 1) for child in item.get("ContentSequence") or ()]
    return "\n".join(lines)


@pytest.mark.parametrize("name", CASES)
def test_the_content_tree_is_the_golden_one(name):
    path = GOLDEN / f"sr_{name}.txt"
    found = f"{VERIFIED}\n{tree(structured_report(CASES[name]()))}\n"
    if os.environ.get("CARTRIAGE_UPDATE_GOLDEN"):
        path.write_text(found)
    assert found == path.read_text()


def test_highdicom_reads_the_report_back():
    report = srread(saved(structured_report(studies.content())))
    groups = report.content.get_image_measurement_groups()
    volumes = {
        (group.finding_sites[0].value.meaning, m.value)
        for group in groups
        for m in group.get_measurements()
        if m.name.meaning == "Volume"
    }
    assert ("Brain", 38410) in volumes
    assert {group.tracking_uid for group in groups}


def test_the_report_is_complete_but_neither_final_nor_verified():
    report = structured_report(studies.content())
    flags = (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag)
    assert flags == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")


@pytest.mark.parametrize(
    ("priority", "category"),
    [
        (Priority.P1, ["RADLEX RID49480"]),
        (Priority.P2, ["RADLEX RID49481"]),
        (Priority.P3, ["RADLEX RID49482"]),
        (Priority.P4, []),
    ],
)
def test_the_priority_is_given_as_ours_and_as_acr_category(priority, category):
    report = structured_report(studies.content(studies.decision(priority)))
    assert coded(only(report, "Priority")) == f"99CARTRIAGE {priority.value}"
    assert [coded(item) for item in items(report, "Overall Assessment")] == category


def test_a_corrected_report_names_what_it_supersedes_and_stays_preliminary():
    report = structured_report(studies.corrected_content())
    (study,) = report.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert study.StudyInstanceUID == studies.STUDY
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == f"{studies.STUDY}.77"
    assert coded(only(report, "Result state")) == "99CARTRIAGE corrected"
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    assert "within 60 minutes" in only(report, "Start of reading asked for").TextValue
    assert "PredecessorDocumentsSequence" not in structured_report(studies.content())


@pytest.mark.parametrize(
    ("content", "quality"),
    [
        (studies.content(), "RADLEX RID13"),
        (studies.content(replace(studies.decision(), not_assessed=())), "RADLEX RID12"),
        (studies.unassessed_content(), "RADLEX RID14"),
    ],
)
def test_the_quality_of_the_study_is_coded(content, quality):
    assert coded(only(structured_report(content), "Imaging Study Quality")) == quality


@pytest.mark.parametrize("name", VIEWED)
def test_what_ohif_takes_without_asking_is_there(name):
    """Its SR extension reads these unguarded: root 126000, library groups, one tracking UID and a label for each group."""
    report = structured_report(VIEWED[name]())
    assert report.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    by_code = {item.ConceptNameCodeSequence[0].CodeValue: item for item in report.ContentSequence}
    for image in by_code["111028"].ContentSequence[0].ContentSequence:
        assert image.ValueType != "IMAGE" or image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    groups = [
        g for g in by_code["126010"].ContentSequence if g.ConceptNameCodeSequence[0].CodeValue == "125007"
    ]
    assert groups
    for group in groups:
        codes_of_group = [item.ConceptNameCodeSequence[0].CodeValue for item in group.ContentSequence]
        assert codes_of_group.count("112040") == 1
        numbers = [item for item in group.ContentSequence if item.ValueType == "NUM"]
        assert all(one.MeasuredValueSequence[0].MeasurementUnitsCodeSequence for one in numbers)


def test_every_sentence_stands_in_its_order():
    content = studies.content()
    conclusions = [item.TextValue for item in items(structured_report(content), "Conclusion")]
    assert tuple(conclusions[: len(content.decision.sentences)]) == content.decision.sentences


@pytest.mark.parametrize("name", VIEWED)
def test_every_measurement_group_can_be_tracked_and_images_are_listed(name):
    """OHIF takes both without asking (Tracking Unique Identifier 112040, Image Library 111028)."""
    report = structured_report(VIEWED[name]())
    groups = items(report, "Measurement Group")
    assert groups
    assert all(len(items(group, "Tracking Unique Identifier")) == 1 for group in groups)
    assert only(report, "Image Library").ContentSequence[0].ContentSequence[-1].ValueType == "IMAGE"


def test_a_later_result_keeps_series_and_tracking_but_is_another_object():
    first = structured_report(studies.content())
    later = structured_report(replace(studies.content(), job_id="other", snapshot=2))
    assert first.SOPInstanceUID != later.SOPInstanceUID
    assert first.SeriesInstanceUID == later.SeriesInstanceUID == series_uid(studies.STUDY, ReportKind.SR)
    uids = [[i.UID for i in items(r, "Tracking Unique Identifier")] for r in (first, later)]
    assert uids[0] == uids[1]
    assert len(set(uids[0])) == len(uids[0])


def test_nothing_measured_is_undetermined_and_holds_no_number():
    report = structured_report(studies.unassessed_content())
    group = only(report, "Measurement Group")
    assert coded(only(group, "T2 Hyperintensity")) == "SCT 373068000"
    assert "NUM" not in tree(report)
    assert [item.TextValue for item in items(report, "Not assessed")] == list(
        studies.not_assessed().not_assessed
    )


def test_a_value_that_is_no_number_is_left_out():
    findings = (
        studies.measured(Quantity.FLAIR_VOLUME, 3.0),
        studies.measured(Quantity.FLAIR_LATERALITY, math.nan),
    )
    report = structured_report(studies.content(findings=findings))
    assert [item.ConceptNameCodeSequence[0].CodeMeaning for item in _numbers(report)] == ["Volume"]


def _numbers(item: Dataset) -> list[Dataset]:
    below = [number for child in item.get("ContentSequence") or () for number in _numbers(child)]
    return [item, *below] if item.get("ValueType") == "NUM" else below


def test_regions_without_signal_are_left_out_and_the_most_involved_come_first():
    sides = (Side.LEFT, Side.RIGHT, Side.WHOLE)
    findings = tuple(
        studies.measured(Quantity.FLAIR_VOLUME, 1.0 + number, region, side)
        for number, (region, side) in enumerate((r, s) for r in Region for s in sides)
    )
    groups = items(structured_report(studies.content(findings=findings)), "Measurement Group")
    volumes = [float(_numbers(group)[0].MeasuredValueSequence[0].NumericValue) for group in groups]
    assert len(groups) == GROUPS_AT_MOST
    assert volumes[1:] == sorted(volumes[1:], reverse=True)  # the whole brain stands before
    assert [coded(only(group, "Laterality")) for group in groups[1:3]] == ["SCT 24028007", "SCT 7771000"]
    positive = structured_report(studies.content())
    assert "Thalamus" not in tree(positive)


def test_all_instances_of_the_study_are_evidence_with_their_own_class():
    headers = (*studies.headers(), studies.header(f"{studies.STUDY}.5", 1, "CT"))
    report = structured_report(studies.content(of_headers=headers))
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    found = {
        (item.ReferencedSOPInstanceUID, item.ReferencedSOPClassUID)
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert found == {(h.SOPInstanceUID, h.SOPClassUID) for h in headers}
    assert {uid for _, uid in found} == {MRImageStorage, CTImageStorage}


def test_an_unknown_sop_class_is_reported_too():
    header = studies.header(studies.FLAIR, 1)
    header.SOPClassUID = "1.2.3.4.5"
    report = structured_report(studies.unassessed_content((header,)))
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPClassUID == "1.2.3.4.5"


def test_a_study_without_images_has_an_empty_library():
    header = studies.sloppy(studies.header(studies.FLAIR, 1), "Rows", "Columns")
    report = structured_report(studies.unassessed_content((header,)))
    assert not only(report, "Image Library").ContentSequence


def test_the_request_is_the_one_the_images_were_made_for():
    report = structured_report(studies.content())
    (request,) = report.ReferencedRequestSequence
    assert (request.RequestedProcedureID, request.AccessionNumber) == ("RP118", "A-2026-118")
    assert request.StudyInstanceUID == studies.STUDY


def test_three_hundred_instances_take_less_than_two_seconds():
    headers = tuple(studies.header(studies.FLAIR, number) for number in range(1, 301))
    start = time.process_time()
    saved(structured_report(studies.content(of_headers=headers)))
    assert time.process_time() - start < 2


def test_pydicom_reads_what_was_written():
    report = structured_report(studies.content())
    again = dcmread(saved(report))
    assert tree(again) == tree(report)
    assert again.ContentDate == "20261103"
    assert again.ContentTime == "082011.250000"


def test_a_report_on_a_study_that_still_arrives_is_partial():
    report = structured_report(studies.provisional_content())
    assert (report.CompletionFlag, report.PreliminaryFlag) == ("PARTIAL", "PRELIMINARY")
    assert report.CompletionFlagDescription == "Provisional: the study is still arriving"
