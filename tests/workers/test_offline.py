"""`cartriage triage` as a researcher uses it."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from pydicom import dcmread

from rules.anatomy import Region, Role
from rules.findings import Quantity, Why
from workers.cli import triage

pytestmark = pytest.mark.slow

_SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "triage.schema.json").read_text())
_AT = "2026-03-02T08:00:00+0000"
_CONTEXT = """
infusion_date: 2026-02-15
recorded_at: 2026-03-02T06:00+00:00
icans_grade: 1
ice_score: 9
"""


@pytest.fixture(scope="module")
def run(cache_folder, tmp_path_factory):
    """Run the command; returns (exit status, output, result.json or None, the --out folder)."""

    def invoke(folder: Path, *options: str, context: str = ""):
        out = tmp_path_factory.mktemp("out")
        arguments = [str(folder), "--out", str(out), "--cache", str(cache_folder), "--at", _AT, *options]
        if context:
            file = tmp_path_factory.mktemp("context") / "context.yaml"
            file.write_text(context)
            arguments += ["--context", str(file)]
        outcome = CliRunner().invoke(triage, arguments)
        result = out / "result.json"
        return (
            outcome.exit_code,
            outcome.output,
            json.loads(result.read_text()) if result.exists() else None,
            out,
        )

    return invoke


@pytest.fixture(scope="module")
def pres(run, simulate):
    return run(simulate("pres"), "--segmentation", context=_CONTEXT)


def test_a_pres_type_study_is_urgent_with_reasons(pres):
    status, output, result, _ = pres
    assert status == 0, output
    assert result["priority"] == "P2"
    (pattern,) = [one for one in result["decision"]["patterns"] if one["rule"] == "R03"]
    assert pattern["status"] == "present"
    assert pattern["reasons"]
    assert "PRES" in output


def test_the_result_keeps_to_its_published_schema(pres):
    _, _, result, _ = pres
    jsonschema.validate(result, _SCHEMA)


def test_the_schema_names_exactly_the_values_that_the_code_knows():
    known = _SCHEMA["$defs"]["not_assessed"]["properties"]
    assert known["why"]["enum"] == [why.value for why in Why]
    assert known["quantity"]["enum"] == [quantity.value for quantity in Quantity]
    assert known["region"]["enum"] == [region.value for region in Region]
    assert _SCHEMA["$defs"]["series"]["properties"]["role"]["enum"] == [role.value for role in Role]


def test_every_input_is_named_with_its_digest(pres, simulate):
    _, _, result, _ = pres
    files = {str(path) for path in simulate("pres").rglob("*.dcm")}
    assert {one["path"] for one in result["inputs"]} == files


def test_the_reports_lie_where_the_result_says(pres):
    _, _, result, out = pres
    assert {report["kind"] for report in result["reports"]} == {"SR", "SC", "SCM", "KOS", "SEG"}
    (masks,) = [report for report in result["reports"] if report["path"].endswith("SEG-FLAIR.dcm")]
    report = (out / "SR.dcm").read_bytes()
    assert masks["sop_instance_uid"].encode() in report, "the report points to its masks"
    for report in result["reports"]:
        assert str(dcmread(report["path"]).SOPInstanceUID) == report["sop_instance_uid"]
    assert (out / "secondary_capture.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_inputs_at_the_same_moment_give_the_same_bytes(pres, run, simulate):
    _, _, first, _ = pres
    _, _, second, _ = run(simulate("pres"), "--segmentation", context=_CONTEXT)
    for result in (first, second):
        result["digests"] = [report["sha256"] for report in result["reports"]]
    for volatile in ("stages", "reports"):
        assert first[volatile]
    assert {key: first[key] for key in first if key not in {"stages", "reports"}} == {
        key: second[key] for key in second if key not in {"stages", "reports"}
    }


def test_without_flair_nothing_is_concluded_and_the_floor_stands(run, simulate):
    status, output, result, _ = run(
        simulate("no_flair"), context=_CONTEXT.replace("icans_grade: 1", "icans_grade: 3")
    )
    assert status == 0, output
    assert result["priority"] == "P2"
    assert not result["decision"]["is_assessed"]
    present = [one["rule"] for one in result["decision"]["patterns"] if one["status"] == "present"]
    assert present == ["R19"], "nothing but `not assessable` can be present"
    assert any("FLAIR" in line for line in result["decision"]["not_assessed"])
    assert "on T2 alone" in result["decision"]["headline"]
    measured = {one["quantity"] for one in result["findings"] if one["type"] == "Measured"}
    assert {"midline_shift", "microbleed_count", "restricted_volume"} <= measured, (
        "what needs no FLAIR is measured"
    )
    assert not [name for name in measured if name.startswith("flair")]
    jsonschema.validate(result, _SCHEMA)


def test_a_context_of_another_patient_is_not_used_and_the_mismatch_is_shown(run, simulate):
    other = "patient_id: SOMEBODY-ELSE\nicans_grade: 4\n" + _CONTEXT.replace("icans_grade: 1", "")
    status, output, result, _ = run(simulate("no_flair"), context=other)
    assert status == 0, output
    assert result["decision"]["floors"] == []
    assert "IDENTITY MISMATCH, no context used" in result["decision"]["headline"]
    assert result["context"]["icans_grade"] is None
    assert any("patient ID in the images differs" in line for line in result["decision"]["sentences"])


def test_a_truncated_image_is_said_and_never_invented(run, simulate, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(simulate("pres"), folder)
    flair = [path for path in sorted(folder.rglob("*.dcm")) if dcmread(path).get("InversionTime")]
    flair[len(flair) // 2].write_bytes(flair[len(flair) // 2].read_bytes()[:-20_000])
    status, output, result, _ = run(folder)
    assert status == 0, output
    assert not result["decision"]["is_assessed"]
    measured = {one["quantity"] for one in result["findings"] if one["type"] == "Measured"}
    assert "midline_shift" in measured, "what needs no FLAIR is measured"
    assert not [name for name in measured if name.startswith("flair")]
    assert any("truncated" in line or "missing" in line for line in result["decision"]["not_assessed"]), (
        output
    )


def test_a_damaged_file_is_told(run, simulate, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(simulate("no_flair"), folder)
    damaged = max(folder.rglob("*.dcm"))
    damaged.write_bytes(damaged.read_bytes()[:700])
    status, output, result, _ = run(folder)
    assert status == 0, output
    assert len([*result["unreadable"], *result["skipped"]]) == 1


def test_a_folder_without_dicom_is_a_clear_error(run, tmp_path):
    (tmp_path / "notes.txt").write_text("no image here")
    status, output, result, _ = run(tmp_path)
    assert status != 0
    assert result is None
    assert "no DICOM file" in output
    assert "Traceback" not in output


def test_two_studies_in_a_folder_are_told_apart_by_name(run, simulate, tmp_path):
    for case in ("no_flair", "pres"):
        shutil.copytree(simulate(case), tmp_path / case)
    status, output, _, _ = run(tmp_path)
    assert status != 0
    assert "2 studies" in output
    study = str(dcmread(next((tmp_path / "no_flair").rglob("*.dcm"))).StudyInstanceUID)
    status, output, result, _ = run(tmp_path, "--study", study)
    assert status == 0, output
    assert result["study_instance_uid"] == study


def test_a_bad_context_value_is_named(run, simulate):
    status, output, _, _ = run(simulate("pres"), context="icans_grade: 7")
    assert status != 0
    assert "icans_grade" in output
    assert "0 to 4" in output


def test_json_on_standard_output_is_the_result(run, simulate):
    status, output, result, _ = run(simulate("no_flair"), "--json")
    assert status == 0
    assert json.loads(output) == result
