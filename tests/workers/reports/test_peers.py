"""Programs that were not written here read the reports and find no error."""

import re
import subprocess
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from rules.urgency import Priority
from tests.peers import need, pixelmed
from tests.workers.reports import enhanced, studies
from workers.reports.content import ReportContent
from workers.reports.structured_report import structured_report
from workers.reports.writing import write_reports

UTF_8_UNCHECKED = "W: The VR checker does not support this Specific Character Set: ISO_IR 192"
"""DCMTK's remark on every UTF-8 object; it shows the text all the same."""

ALLOWED_WARNINGS = {
    # 99CARTRIAGE is ours, and identified in the Coding Scheme Identification Sequence (PS3.3 8.2).
    "Unrecognized defined term = <99CARTRIAGE>",
    # Added to Contributing Equipment by CP 1752, after this validator was written; IHE AIR asks for it.
    "DeviceUID(0018,1002)> - Attribute is not present in standard DICOM IOD",
}
"""Warnings of dciodvfy that may stand, each with its reason."""

CONTENTS = {
    "key slices": studies.sliced_content,
    "masks": studies.masked_content,
    # PixelMed takes half a minute for a report of six volumes of interest.
    "two masks": lambda: studies.masked_content(studies.FINDINGS[:1]),
    "partly masked": studies.partly_masked_content,
    "multi-frame": enhanced.masked_content,
    "corrected": studies.corrected_content,
    "provisional": studies.provisional_content,
    "P1": lambda: studies.content(studies.decision(Priority.P1)),
    "P2": studies.content,
    "negative": lambda: studies.content(studies.negative()),
    "not assessed": studies.unassessed_content,
    "CT only": lambda: studies.unassessed_content((studies.header(f"{studies.STUDY}.5", 1, "CT"),)),
    "a single slice": lambda: studies.unassessed_content((studies.header(studies.FLAIR, 1),)),
}


def everything() -> ReportContent:
    """A result with every kind of object."""
    return replace(studies.masked_content(), key_slices=studies.sliced_content().key_slices)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def written_sr(content: ReportContent, root: Path) -> str:
    """The SR alone: what reads nothing else need not wait for pages and masks."""
    path = root / "SR.dcm"
    structured_report(content).save_as(path, enforce_file_format=True)
    return str(path)


def written(content: ReportContent, root: Path) -> dict[str, Path]:
    files = write_reports(content, root / "outbox" / "job", root)
    return {Path(file.path).stem: root / file.path for file in files}


@pytest.mark.parametrize("name", CONTENTS)
def test_dciodvfy_finds_no_error_and_warns_of_nothing_without_a_reason(name, tmp_path):
    dciodvfy = need("dciodvfy")
    for path in written(CONTENTS[name](), tmp_path).values():
        report = run(dciodvfy, "-new", str(path))
        assert "Error" not in report
        assert report.startswith(
            (
                "Comprehensive3DSR",
                "SCImage",
                "MultiframeTrueColorSCImage",
                "KeyObjectSelectionDocument",
                "Segmentation",
            )
        )
        warnings = [line for line in report.splitlines() if "Warning" in line]
        assert [line for line in warnings if not any(known in line for known in ALLOWED_WARNINGS)] == []


def saved(header: Dataset, path: Path) -> Path:
    """A header of the study as a file."""
    image = deepcopy(header)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("name", ["everything", "multi-frame"])
def test_dcentvfy_finds_the_reports_at_one_with_each_other_and_with_the_study(name, tmp_path):
    dcentvfy = need("dcentvfy")
    content = everything() if name == "everything" else CONTENTS[name]()
    study = [saved(header, tmp_path / f"{number}.dcm") for number, header in enumerate(content.headers)]
    report = run(dcentvfy, *map(str, [*written(content, tmp_path).values(), *study]))
    # It takes the Accession Number inside Referenced Request Sequence for one of the series.
    lines = [line for line in report.splitlines() if "Element=<AccessionNumber> IE <" not in line]
    assert lines == []


def test_dsr2html_shows_priority_pattern_and_purpose(tmp_path):
    dsr2html = need("dsr2html")
    page, target = written(studies.content(), tmp_path)["SR"], tmp_path / "sr.html"
    assert run(dsr2html, str(page), str(target)) in ("", f"{UTF_8_UNCHECKED}\n")
    html = target.read_text()
    assert re.search(r"<b>Priority:</b><br>\s*P2 urgent", html)
    assert re.search(r"<b>PRES-type distribution:</b><br>\s*Present", html)
    assert re.search(r"<b>Limbic and deep grey involvement:</b><br>\s*Absent", html)
    assert re.search(r"<b>Restricted diffusion:</b><br>\s*Undetermined", html)
    assert "Not for diagnosis" in html


@pytest.mark.parametrize("name", ["not assessed", "masks", "partly masked"])
def test_dsrdump_reads_the_tree_without_complaint(name, tmp_path):
    dump = run(need("dsrdump"), written_sr(CONTENTS[name](), tmp_path))
    assert set(re.findall(r"^[EFW]: .*", dump, re.MULTILINE)) <= {UTF_8_UNCHECKED}


def test_dsrdump_shows_the_flags_and_our_priority(tmp_path):
    dump = run(need("dsrdump"), written_sr(studies.unassessed_content(), tmp_path))
    assert "PRELIMINARY" in dump
    assert "UNVERIFIED" in dump
    assert 'Priority")=(P3,99CARTRIAGE,"P3 expedited")' in dump


def validated(validator: str, path: Path) -> str:
    """What one of PixelMed's validators prints of a file."""
    return run(*pixelmed(validator), str(path))


PIXELMED_KNOWN = (
    # Evaluations within a group are of its template since CP 2176, which is younger than this validator.
    'CODE (RID39467,RADLEX,"T2 Hyperintensity"): Content Item not in template',
    # Of a group of TID 1501 that is held against TID 1411; see the test of groups side by side.
    'IMAGE (121112,DCM,"Source of Measurement"): Content Item not in template',
    # It does not know UTF-8 in images.
    "Unrecognized defined term :ISO_IR 192:",
)
"""Ends of the warnings of PixelMed's validators that may stand, each with its reason."""


def complaints(report: str, *kinds: str) -> list[str]:
    """The lines of one of PixelMed's validators by which it names an error or warns."""
    return [line for line in report.splitlines() if line.startswith(kinds or ("Error", "Warning"))]


@pytest.mark.parametrize(
    ("name", "kind", "template"),
    [
        ("corrected", "SR", "TID_1500"),
        ("not assessed", "SR", "TID_1500"),
        ("two masks", "SR", "TID_1500"),
        ("P2", "KOS", "TID_2010"),
    ],
)
def test_pixelmed_finds_no_error_and_warns_of_nothing_without_a_reason(name, kind, template, tmp_path):
    report = validated("DicomSRValidator", written(CONTENTS[name](), tmp_path)[kind])
    assert f"Found Root Template {template}" in report
    assert "IOD validation complete" in report
    assert [line for line in complaints(report) if not line.endswith(PIXELMED_KNOWN)] == []


def test_pixelmed_takes_every_group_for_a_volume_where_one_is_and_finds_no_other_error(tmp_path):
    """TID 1500 lets TID 1411 and 1501 stand side by side (rows 7 to 9); this validator asks for one of them per container."""
    report = validated("DicomSRValidator", Path(written_sr(CONTENTS["partly masked"](), tmp_path)))
    errors = complaints(report, "Error")
    assert all(line.endswith(PIXELMED_KNOWN) for line in complaints(report, "Warning"))
    asked = [
        re.search(r"\[Row (\d+)\] [A-Z0-9]+ \(\d+,DCM,[^)]*\): within 1\.9\.8: ", line) for line in errors
    ]
    assert [one and one[1] for one in asked] == ["5", "7", "10"], "the outline that the other group has"
    assert all(line.endswith("Missing conditional content item") for line in errors)


def test_pixelmed_finds_no_error_in_a_seg_but_the_one_that_is_its_own(tmp_path):
    mask = written(CONTENTS["two masks"](), tmp_path)["SEG-T1C"]
    report = validated("DicomInstanceValidator", mask)
    assert "Found Segmentation IOD" in report
    assert "IOD validation complete" in report
    errors = complaints(report, "Error")
    assert all(line.endswith(PIXELMED_KNOWN) for line in complaints(report, "Warning"))
    # It is asked for of paired body parts only (PS3.3 C.7.3.1), and the brain is none.
    assert errors == ["Error: GeneralSeriesModule/Laterality/: : Missing conditional attribute"]
