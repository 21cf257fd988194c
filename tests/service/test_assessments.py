"""Assessments leave as JSON and as a DICOM SR that programs not written here find sound."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import dcmread

from rules.messages import ReportKind
from service.accounts import Role
from service.cli import main
from service.store.tables import AuditEvent, Job, Report
from tests.peers import need, pixelmed
from tests.service.web.conftest import PRES, Browser, Hospital, _cheap_hashes, browse, hospital  # noqa: F401
from tests.workers.reports import studies
from workers.reports.writing import write_reports

TEXT = "symmetrisches Artefakt, kein Ödem"


@pytest.fixture
def assessed(hospital: Hospital, browse: Callable[..., Browser]) -> tuple[Browser, str]:  # noqa: F811
    """A study with a real SR of the workers, assessed by a radiologist on the page."""
    uid = hospital.study("PRES", PRES)
    with hospital.store.session() as session:
        job = session.query(Job).filter_by(study_instance_uid=uid).one()
        _give_report(hospital, session, job.job_id)
        job_id = job.job_id
    reader = browse(Role.RADIOLOGIST)
    path = f"/studies/{uid}"
    answer = reader.post(f"{path}/assessment", job_id=job_id, verdict="disagree", text=TEXT)
    assert answer.status_code == 303
    return reader, path


def _give_report(hospital: Hospital, session, job_id: str) -> None:  # noqa: F811
    root = hospital.settings.files
    (made,) = [
        one
        for one in write_reports(studies.content(), root / "outbox" / "x", root)
        if one.kind is ReportKind.SR
    ]
    session.add(
        Report(
            job_id=job_id,
            kind=made.kind.value,
            path=made.path,
            sha256=made.sha256,
            sop_class_uid=made.sop_class_uid,
            sop_instance_uid=made.sop_instance_uid,
            series_instance_uid=made.series_instance_uid,
            transfer_syntax_uid=made.transfer_syntax_uid,
        )
    )


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_the_report_refers_to_what_it_assesses_and_is_sound(
    hospital: Hospital,  # noqa: F811
    assessed: tuple[Browser, str],
    tmp_path: Path,
):
    reader, path = assessed
    assert f"{path}/assessments/1.dcm" in reader.page(path)
    answer = reader.get(f"{path}/assessments/1.dcm")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom")
    assert reader.get(f"{path}/assessments/1.dcm").content == answer.content, "the same object each time"
    file = tmp_path / "assessment.dcm"
    file.write_bytes(answer.content)

    report, original = dcmread(file), dcmread(next(hospital.settings.files.rglob("SR.dcm")))
    evaluations = report.ContentSequence[-1].ContentSequence
    verdict, priority, comment = evaluations
    assert verdict.ConceptCodeSequence[0].CodeValue == "disagree"
    assert priority.ConceptCodeSequence[0].CodeMeaning == "P2 urgent"
    assert comment.TextValue == TEXT
    referred = verdict.ContentSequence[0].ReferencedSOPSequence[0]
    assert referred.ReferencedSOPInstanceUID == original.SOPInstanceUID
    assert (report.PatientName, report.StudyInstanceUID) == (original.PatientName, original.StudyInstanceUID)

    said = run(need("dciodvfy"), "-new", str(file))
    assert "ComprehensiveSR" in said
    assert {
        line.partition("Unrecognized defined term")[2] for line in said.splitlines() if "Warning" in line
    } == {" = <99CARTRIAGE>"}
    assert "Error" not in said
    assert TEXT in _html(file, tmp_path)
    _expect_pixelmed(file)


def _html(file: Path, folder: Path) -> str:
    run(need("dsr2html"), str(file), str(folder / "page.html"))
    return (folder / "page.html").read_text(encoding="utf-8")


def _expect_pixelmed(file: Path) -> None:
    said = run(*pixelmed("DicomSRValidator"), str(file))
    assert "Found Root Template TID_1500" in said
    assert "IOD validation complete" in said
    assert "Error" not in said


def test_json_names_the_result_and_the_reader_but_not_the_patient(
    hospital: Hospital,  # noqa: F811
    assessed: tuple[Browser, str],
):
    reader, path = assessed
    told = reader.get(f"{path}/assessments/1.json").json()
    assert (told["verdict"], told["text"], told["assessed_by"]) == ("disagree", TEXT, "radiologist")
    assert told["result"]["priority"] == "P2"
    assert told["result"]["patterns_present"] == ["R03"]
    assert told["result"]["sop_instance_uid"]
    assert "Okafor" not in json.dumps(told)
    assert reader.get(f"/api/v1{path}/assessments").json() == [told]
    assert reader.get(f"{path}/assessments/2.json").status_code == 404
    assert reader.get("/studies/9.9/assessments/1.json").status_code == 404
    with hospital.store.reading() as session:
        events = session.query(AuditEvent).filter_by(event="assessment_exported").all()
    assert [event.detail["format"] for event in events] == ["json"]


def test_the_command_writes_all_of_them_and_names_what_it_cannot(
    hospital: Hospital,  # noqa: F811
    assessed: tuple[Browser, str],
    tmp_path: Path,
):
    asked = ["assessments", "export", "--data", str(hospital.settings.data), "--dicom", str(tmp_path / "out")]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["verdict"] == "disagree"
    (written,) = (tmp_path / "out").iterdir()
    assert dcmread(written).Modality == "SR"
    next(hospital.settings.files.rglob("SR.dcm")).unlink()
    again = CliRunner().invoke(main, asked)
    assert "no structured report" in again.stderr
    reader, path = assessed
    assert reader.get(f"{path}/assessments/1.dcm").status_code == 409
