"""A result before the end over real sockets: the scanner still scans, and the PACS has what the FLAIR shows."""

import json

import pytest
from pydicom import dcmread

from rules.anatomy import Role
from tests.bench.scanner import ScannedSeries, ScannedStudy, begin, finish, send
from tests.walk.house import wait_for
from workers.simulation.cases import case_named
from workers.simulation.headers import SimulatedPatient
from workers.simulation.study import StudyOptions, simulate_study

pytestmark = pytest.mark.walk

PATIENT = "EARLY"


def scanned(folder) -> ScannedStudy:
    """A study with oedema of both thalami, of a localizer and the FLAIR."""
    options = StudyOptions(
        patient=SimulatedPatient(PATIENT, "", "DEMO^PATIENT", "F"),
        roles=frozenset({Role.LOCALIZER, Role.FLAIR}),
    )
    made = simulate_study(case_named("deep_grey_brainstem"), seed=1, out=folder, options=options)
    series = tuple(ScannedSeries(one.series_instance_uid, one.files) for one in made.series)
    return ScannedStudy(made.study_instance_uid, PATIENT, series)


def reports(pacs, study: str, folder):
    """The SRs that the PACS holds of a study, the oldest first."""
    held = [dcmread(path) for path in pacs.download(study, folder)]
    return sorted((one for one in held if one.Modality == "SR"), key=lambda one: int(one.InstanceNumber))


def test_a_provisional_p1_is_in_the_pacs_before_the_last_series_is_sent(early_house, pacs, tmp_path):
    house, port = early_house, early_house.node["port"]
    study = scanned(tmp_path / "scanned")
    last, flair = study.series
    house.run("cohort", "add", PATIENT, "--infusion-date", "2026-02-14", "--icans-grade", "1")

    step = begin(study, port)
    send(flair.files, port)
    wait_for(lambda: len(pacs.instances(study.uid)) == 3, 240, "SR, SC and KOS of the FLAIR")
    (provisional,) = reports(pacs, study.uid, tmp_path / "first")
    assert (provisional.CompletionFlag, provisional.PreliminaryFlag) == ("PARTIAL", "PRELIMINARY")
    assert "not yet received: no SWI series" in provisional.to_json()
    (row,) = [one for one in house.worklist() if one["study_instance_uid"] == study.uid]
    assert row["priority"] == "P1"
    assert "PROVISIONAL, " in row["headline"]
    assert "suspected bilateral thalamic signal" in row["headline"]

    send(last.files, port)
    finish(study, port, step)
    wait_for(lambda: len(pacs.instances(study.uid)) == 6, 240, "those of the whole study")
    first, whole = reports(pacs, study.uid, tmp_path / "both")
    assert first.SOPInstanceUID == provisional.SOPInstanceUID
    assert whole.CompletionFlag == "COMPLETE"
    (named,) = whole.PredecessorDocumentsSequence
    (instance,) = named.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert instance.ReferencedSOPInstanceUID == provisional.SOPInstanceUID
    assert "Confirms the priority of the provisional result of this study (P1)." in whole.to_json()
    assert "not yet received" not in whole.to_json()
    (row,) = [one for one in house.worklist() if one["study_instance_uid"] == study.uid]
    assert (row["priority"], "PROVISIONAL" in row["headline"]) == ("P1", False)

    events = house.events(study.uid)
    assert events.index("provisional_owed") < events.index("study_settled")
    assert events.count("study_triaged") == 2
    replayed = json.loads(house.run("replay", study.uid, "--json"))
    assert [(one["outcome"], one["faults"]) for one in replayed] == [("identical", [])] * 2
