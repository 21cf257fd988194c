"""The main job over real sockets: DCMTK is the scanner, Orthanc the PACS, and judges not written here read the result."""

import json
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from rules.anatomy import Role
from tests.peers import need, pixelmed
from tests.walk.house import wait_for

pytestmark = pytest.mark.walk

SENTINEL_ID = "SENTINEL-QX4711ZW"
SENTINEL_NAME = "PHI^SENTINEL"


def _study_uid(folder: Path) -> str:
    return str(dcmread(next(folder.rglob("*.dcm")), stop_before_pixels=True).StudyInstanceUID)


@pytest.fixture(scope="module")
def pres(house, pacs, simulate, scanner, tmp_path_factory):
    """A flagged patient's PRES-type study, sent and answered: its UID and the result files as the PACS holds them."""
    folder = simulate("pres", SENTINEL_ID, "--patient-name", SENTINEL_NAME)
    house.run(
        *("cohort", "add", SENTINEL_ID, "--infusion-date", "2026-02-14", "--product", "axi-cel"),
        *("--icans-grade", "1", "--ice", "9"),
    )
    sent = scanner(folder)
    assert sent.returncode == 0, sent.stderr
    study = _study_uid(folder)
    wait_for(lambda: len(pacs.instances(study)) >= 3, 180, "SR, SC and KOS in the PACS")
    return study, {
        str(dcmread(path).Modality): path for path in pacs.download(study, tmp_path_factory.mktemp("back"))
    }


def test_a_flagged_study_comes_back_as_one_sr_one_secondary_capture_and_its_key_images(pres, pacs):
    study, results = pres
    assert len(pacs.instances(study)) == 3
    assert set(results) == {"SR", "OT", "KO"}
    assert dcmread(results["OT"]).NumberOfFrames > 1, "the page and the key slices"
    assert {str(dcmread(path).StudyInstanceUID) for path in results.values()} == {study}


def test_the_worklist_shows_it_as_urgent_with_its_reason(pres, house):
    study, _ = pres
    (row,) = [row for row in house.worklist() if row["study_instance_uid"] == study]
    assert row["priority"] in {"P1", "P2"}
    assert "PRES" in row["headline"]


def test_the_trail_tells_the_whole_walk(pres, house):
    study, _ = pres
    wait_for(
        lambda: house.events(study).count("report_proven") == 3, 20, "all deliveries proven in the trail"
    )
    events = house.events(study)
    walk = [
        "instance_stored",
        "study_settled",
        "study_admitted",
        "study_handed_over",
        "study_triaged",
        "report_stored",
        "report_proven",
    ]
    positions = [events.index(event) for event in walk]
    assert positions == sorted(positions)


def test_its_decision_is_made_again_from_the_rows_alone(pres, house):
    study, _ = pres
    (replayed,) = json.loads(house.run("replay", study, "--json"))
    assert (replayed["outcome"], replayed["faults"], replayed["differences"]) == ("identical", [], [])


def test_no_judge_finds_an_error_in_what_the_pacs_holds(pres):
    _, results = pres
    for path in results.values():
        verdict = subprocess.run(
            [need("dciodvfy"), "-new", str(path)], capture_output=True, text=True, timeout=60, check=False
        )
        assert "Error" not in verdict.stderr + verdict.stdout, verdict.stderr
    verdict = subprocess.run(
        [*pixelmed("DicomSRValidator"), str(results["SR"])],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = verdict.stdout + verdict.stderr
    assert "Error" not in said, said
    assert "Root Template Validation" in said or "validation" in said.lower(), said


def test_the_report_reads_as_a_person_needs_it(pres):
    _, results = pres
    page = subprocess.run(
        [need("dsr2html"), str(results["SR"])], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for words in ("PRES", "Not for diagnosis", "not assessed"):
        assert words.lower() in page.lower()


def test_sending_the_same_study_again_changes_nothing(pres, house, pacs, scanner, simulate):
    study, results = pres
    decided = house.events(study).count("study_triaged")
    folder = simulate("pres", SENTINEL_ID, "--patient-name", SENTINEL_NAME)
    assert _study_uid(folder) == study
    assert scanner(folder).returncode == 0
    wait_for(lambda: "instance_repeated" in house.events(study), 20, "the repeat in the trail")
    with pytest.raises(TimeoutError):
        wait_for(lambda: house.events(study).count("study_triaged") > decided, 6, "a second decision")
    assert len(pacs.instances(study)) == len(results)


def test_no_log_line_names_the_patient(pres, house):
    said = house.logs() + (house.data / "up.out").read_text()
    assert "study_admitted" in said or "triage_done" in said, "the logs are not where this test looks"
    for secret in ("SENTINEL", "QX4711ZW"):
        assert secret not in said


def test_an_unflagged_patient_is_left_alone(house, pacs, scan, scanner):
    folder = scan("healthy", "UNFLAGGED", Role.LOCALIZER)
    study = _study_uid(folder)
    assert scanner(folder).returncode == 0
    wait_for(lambda: "study_declined" in house.events(study), 30, "the declined study in the trail")
    assert pacs.instances(study) == []
    assert study not in {row["study_instance_uid"] for row in house.worklist() if row["priority"]}


def test_a_study_without_flair_is_visibly_not_assessed_and_keeps_its_floor(
    house, pacs, simulate, scanner, tmp_path
):
    folder = simulate("no_flair", "NOFLAIR")
    study = _study_uid(folder)
    house.run("cohort", "add", "NOFLAIR", "--infusion-date", "2026-02-20", "--icans-grade", "3")
    assert scanner(folder).returncode == 0
    wait_for(lambda: len(pacs.instances(study)) == 3, 120, "SR, SC and KOS in the PACS")
    (row,) = [row for row in house.worklist() if row["study_instance_uid"] == study]
    assert row["priority"] == "P2"
    report = next(path for path in pacs.download(study, tmp_path) if dcmread(path).Modality == "SR")
    page = subprocess.run(
        [need("dsr2html"), str(report)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "not assessed" in page.stdout.lower()
    assert "no flair" in page.stdout.lower()
