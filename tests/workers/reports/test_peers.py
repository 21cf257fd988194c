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
from tests.workers.reports import studies
from workers.reports.content import ReportContent
from workers.reports.writing import write_reports

UTF_8_UNCHECKED = "W: The VR checker does not support this Specific Character Set: ISO_IR 192"
"""DCMTK's remark on every UTF-8 object; it shows the text all the same."""

CONTENTS = {
    "key slices": studies.sliced_content,
    "masks": studies.masked_content,
    # PixelMed takes half a minute for a report of six volumes of interest.
    "two masks": lambda: studies.masked_content(studies.FINDINGS[:1]),
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


def written(content: ReportContent, root: Path) -> dict[str, Path]:
    files = write_reports(content, root / "outbox" / "job", root)
    return {Path(file.path).stem: root / file.path for file in files}


@pytest.mark.parametrize("name", CONTENTS)
def test_dciodvfy_finds_no_error(name, tmp_path):
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


def saved(header: Dataset, path: Path) -> Path:
    """A header of the study as a file."""
    image = deepcopy(header)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.save_as(path, enforce_file_format=True)
    return path


def test_dcentvfy_finds_the_reports_at_one_with_each_other_and_with_the_study(tmp_path):
    dcentvfy = need("dcentvfy")
    content = everything()
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


def test_dsrdump_reads_the_tree_without_complaint(tmp_path):
    dsrdump = need("dsrdump")
    dump = run(dsrdump, str(written(studies.unassessed_content(), tmp_path)["SR"]))
    assert set(re.findall(r"^[EFW]: .*", dump, re.MULTILINE)) <= {UTF_8_UNCHECKED}
    assert "PRELIMINARY" in dump
    assert "UNVERIFIED" in dump
    assert 'Priority")=(P3,99CARTRIAGE,"P3 expedited")' in dump


@pytest.mark.parametrize(
    ("name", "kind", "template"),
    [
        ("corrected", "SR", "TID_1500"),
        ("not assessed", "SR", "TID_1500"),
        ("two masks", "SR", "TID_1500"),
        ("P2", "KOS", "TID_2010"),
    ],
)
def test_pixelmed_finds_no_error(name, kind, template, tmp_path):
    report = run(*pixelmed("DicomSRValidator"), str(written(CONTENTS[name](), tmp_path)[kind]))
    assert f"Found Root Template {template}" in report
    assert "IOD validation complete" in report
    assert "Error" not in report


def test_pixelmed_finds_no_error_in_a_seg_but_the_one_that_is_its_own(tmp_path):
    mask = written(CONTENTS["two masks"](), tmp_path)["SEG-T1C"]
    report = run(*pixelmed("DicomInstanceValidator"), str(mask))
    assert "Found Segmentation IOD" in report
    assert "IOD validation complete" in report
    errors = [line for line in report.splitlines() if line.startswith("Error")]
    # It is asked for of paired body parts only (PS3.3 C.7.3.1), and the brain is none.
    assert errors == ["Error: GeneralSeriesModule/Laterality/: : Missing conditional attribute"]


ALLOWED_WARNINGS = {
    # 99CARTRIAGE is ours, and identified in the Coding Scheme Identification Sequence (PS3.3 8.2).
    "Unrecognized defined term = <99CARTRIAGE>",
    # Added to Contributing Equipment by CP 1752, after this validator was written; IHE AIR asks for it.
    "DeviceUID(0018,1002)> - Attribute is not present in standard DICOM IOD",
}
"""Warnings of dciodvfy that may stand, each with its reason."""


@pytest.mark.parametrize("name", ["P2", "corrected", "not assessed", "key slices", "masks"])
def test_every_warning_of_dciodvfy_has_a_reason(name, tmp_path):
    dciodvfy = need("dciodvfy")
    for path in written(CONTENTS[name](), tmp_path).values():
        warnings = [line for line in run(dciodvfy, "-new", str(path)).splitlines() if "Warning" in line]
        assert [line for line in warnings if not any(known in line for known in ALLOWED_WARNINGS)] == []
