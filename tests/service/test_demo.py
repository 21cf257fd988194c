import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from PIL import Image
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
)
from rich.console import Console

from rules.decision import Pattern, Status
from rules.messages import ReportKind
from rules.urgency import Priority
from service.demo.narration import Narrator
from service.demo.pacs import Archive, Orthanc, find_pacs, read
from service.demo.picture import write_png
from service.demo.study import SourceStudy, StudyError, read_study, send
from service.demo.verdict import Evidence, faults
from service.demo.walk import Demo
from service.parcel import Parcel
from service.scu import send as store
from service.settings import Settings
from service.store.tables import Report
from tests.peers import need
from tests.service.conftest import mr_slice
from tests.service.sending import STUDY, result, write_report

PATTERN = Pattern(
    rule="R03",
    name="PRES-type distribution",
    status=Status.PRESENT,
    priority=Priority.P2,
    sentence="Suspected PRES-type distribution.",
    reasons=(),
)


def coded(name, value):
    item = Dataset()
    for keyword, (code, scheme) in (("ConceptNameCodeSequence", name), ("ConceptCodeSequence", value)):
        concept = Dataset()
        concept.CodeValue, concept.CodingSchemeDesignator = code, scheme
        setattr(item, keyword, [concept])
    return item


def text(value):
    item = Dataset()
    item.TextValue = value
    return item


def structured_report(priority="P2", status="52101004", texts=()):
    """The content tree of an SR as far as the demo reads it."""
    group = Dataset()
    group.ContentSequence = [
        coded(("260870009", "SCT"), (priority, "99CARTRIAGE")),
        coded(("R03", "99CARTRIAGE"), (status, "SCT")),
        *(text(one) for one in texts),
    ]
    return identified(Comprehensive3DSRStorage, "1.2.3.1", ContentSequence=[group])


def identified(sop_class, uid, **values):
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, uid
    ds.StudyInstanceUID, ds.PatientID, ds.Modality = STUDY, "P1", "OT"
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


@pytest.fixture
def evidence():
    triaged = result("a" * 64, ())
    triaged = replace(triaged, decision=replace(triaged.decision, patterns=(PATTERN,)))
    decision = triaged.decision
    texts = (decision.headline, *decision.sentences, PATTERN.sentence)
    return Evidence(
        study=SourceStudy(STUDY, "P1", "", None, None, (), is_simulated=True),
        triaged=triaged,
        reports=[Report(sop_instance_uid=f"1.2.3.{number}") for number in (1, 2, 3)],
        objects=[
            structured_report(texts=texts),
            identified(SecondaryCaptureImageStorage, "1.2.3.2"),
            identified(KeyObjectSelectionDocumentStorage, "1.2.3.3"),
        ],
    )


def test_a_pacs_that_holds_what_was_decided_is_right(evidence):
    assert faults(evidence) == []


@pytest.mark.parametrize(
    ("objects", "fault"),
    [
        (lambda right: [right[0], right[2]], "does not hold exactly one SC"),
        (lambda right: [*right, right[0]], "does not hold exactly one SR"),
        (
            lambda right: [right[0], identified(SecondaryCaptureImageStorage, "1.2.3.9"), right[2]],
            "not those of the rows",
        ),
        (lambda right: [structured_report(priority="P4"), *right[1:]], "priority in the SR"),
        (lambda right: [structured_report(status="272519000"), *right[1:]], "R03 is present in the database"),
        (
            lambda right: [structured_report(texts=()), *right[1:]],
            "3 sentences of the decision are not in the SR",
        ),
        (
            lambda right: [
                right[0],
                identified(SecondaryCaptureImageStorage, "1.2.3.2", PatientID="P2"),
                right[2],
            ],
            "of another study or patient",
        ),
    ],
)
def test_a_pacs_that_holds_something_else_is_wrong(evidence, objects, fault):
    assert any(fault in one for one in faults(replace(evidence, objects=objects(evidence.objects))))


def test_the_simulated_patient_must_be_found(evidence):
    decision = evidence.triaged.decision
    absent = replace(PATTERN, status=Status.ABSENT)
    missed = replace(evidence.triaged, decision=replace(decision, priority=Priority.P3, patterns=(absent,)))
    said = faults(replace(evidence, triaged=missed))
    assert "the priority is P3, at least P2 was expected" in said
    assert "R03 is not present" in said
    own = replace(evidence.study, is_simulated=False)
    assert "R03 is not present" not in faults(replace(evidence, triaged=missed, study=own))


def write_slices(folder: Path, *slices: Dataset) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for ds in slices:
        ds.file_meta = FileMetaDataset()
        ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
            ds.SOPClassUID,
            ds.SOPInstanceUID,
        )
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dcmwrite(folder / f"{ds.SOPInstanceUID}.dcm", ds, enforce_file_format=True)
    return folder


def test_the_users_own_study_is_read_from_its_headers(tmp_path):
    folder = write_slices(tmp_path / "a" / "b", mr_slice(1), mr_slice(2), mr_slice(3, series=2))
    (tmp_path / "a" / "notes.txt").write_text("no DICOM")
    study = read_study(folder.parent, is_simulated=False)
    assert (study.study_instance_uid, study.patient_id, study.series, len(study.files)) == (STUDY, "P1", 2, 3)
    assert (study.birth_date.isoformat(), study.study_date.isoformat()) == ("1970-01-02", "2026-05-04")


def test_a_folder_that_is_not_one_study_of_one_patient_is_refused(tmp_path):
    with pytest.raises(StudyError, match="0 studies"):
        read_study(tmp_path, is_simulated=False)
    write_slices(tmp_path / "two", mr_slice(1), mr_slice(1, study="1.2.3.4"))
    with pytest.raises(StudyError, match="2 studies"):
        read_study(tmp_path / "two", is_simulated=False)
    write_slices(tmp_path / "nobody", mr_slice(1, PatientID=""))
    with pytest.raises(StudyError, match="has no ID"):
        read_study(tmp_path / "nobody", is_simulated=False)


def test_the_scanner_sends_every_file_to_the_node(tmp_path, settings, listen):
    study = read_study(write_slices(tmp_path / "s", mr_slice(1), mr_slice(2)), is_simulated=False)
    with listen(settings) as node:
        assert list(send(study, "127.0.0.1", node.port, "CARTRIAGE")) == [1, 2]


@pytest.mark.walk
@pytest.mark.parametrize("kind", [Orthanc, Archive])
def test_either_pacs_keeps_what_it_is_sent_and_gives_it_back(tmp_path, monkeypatch, kind):
    if kind is Orthanc:
        need("Orthanc")
    else:
        monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    report = write_report(tmp_path, "1.2.3.1", ReportKind.SC)
    pacs = find_pacs(tmp_path, "CARTRIAGE")
    assert isinstance(pacs, kind)
    pacs.start()
    try:
        end = time.monotonic() + 30
        while not pacs.is_ready() and time.monotonic() < end:
            time.sleep(0.1)
        file = tmp_path / report.path
        parcel = Parcel(
            delivery_id=1,
            sop_instance_uid=report.sop_instance_uid,
            sop_class_uid=report.sop_class_uid,
            transfer_syntax_uid=report.transfer_syntax_uid,
            file=file,
        )
        outcomes = [outcome for _, outcome in store([parcel], pacs.destination, Settings(data=tmp_path))]
        assert [outcome.words for outcome in outcomes] == ["stored"]
        assert [read(one).SOPInstanceUID for one in pacs.objects(STUDY)] == ["1.2.3.1"]
        assert pacs.objects("1.2.3.4") == []
    finally:
        pacs.stop()
    assert not pacs.is_ready()


def test_the_secondary_capture_becomes_a_picture(tmp_path):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.PhotometricInterpretation, ds.PlanarConfiguration, ds.BitsAllocated = "RGB", 0, 8
    ds.Rows, ds.Columns, ds.PixelData = 1, 3, bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture = write_png(ds, tmp_path / "SC.png")
    with Image.open(BytesIO(picture.read_bytes())) as image:
        assert [image.getpixel((x, 0)) for x in range(3)] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    ds.PhotometricInterpretation = "MONOCHROME2"
    assert write_png(ds, tmp_path / "other.png") is None


def started_by(out: Path) -> list[str]:
    """Whatever still runs in a demo's session folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            if str(out).encode() in words:
                found.append((entry / "cmdline").read_text())
    return found


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder with a short name: the embedded Redis listens on a Unix socket below it."""
    with tempfile.TemporaryDirectory(prefix="c-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.walk
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing(tmp_path, temporary, number):
    folder = write_slices(tmp_path / "study", mr_slice(1))
    out = tmp_path / "printed"
    with out.open("w") as printed:
        demo = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "service.cli",
                "demo",
                "--study",
                str(folder),
                "--out",
                str(tmp_path / "o"),
            ],
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | {"TMPDIR": str(temporary)},
            start_new_session=True,
        )
    end = time.monotonic() + 60
    while "Starting" not in out.read_text() and time.monotonic() < end:
        time.sleep(0.1)
    assert "Starting the service" in out.read_text()
    demo.send_signal(number)
    assert demo.wait(60) == 130, out.read_text()
    assert "nothing is left running" in out.read_text()
    assert list(temporary.iterdir()) == []
    assert started_by(temporary) == []


def test_a_folder_without_a_study_is_refused_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    said = StringIO()
    demo = Demo(Narrator(Console(file=said)), tmp_path, tmp_path / "out")
    with pytest.raises(StudyError, match="0 studies"):
        demo.run()
    assert said.getvalue() == ""
    assert list((tmp_path / "t").iterdir()) == []
