"""The mapping of codes: packaged, overlaid by a site, and strict."""

from pathlib import Path

import pytest

from rules.context_file import OBSERVED
from rules.context_map import load_context_map
from rules.policy_reading import PolicyError

HEAD = 'map: ours\nversion: "1"\n'


def site(folder: Path, text: str) -> Path:
    path = folder / "codes.yaml"
    path.write_text(HEAD + text)
    return path


def test_every_observed_field_has_a_code_of_our_own():
    known = load_context_map()
    for field in OBSERVED:
        rule = known.observation([known.coding_of("99CARTRIAGE", field)])
        assert rule is not None, field
        assert rule.field == field


def test_a_site_lays_its_codes_over_ours_and_switches_others_off(tmp_path: Path):
    text = """systems:
  KIS: {hl7: [99KIS], fhir: "urn:kis"}
observations:
  icans-grade: {field: icans_grade, codes: [KIS ICANS, CARTRIAGE icans_grade], values: {KIS G3: 3, severe: 3}}
infusions:
  other: {codes: []}
issuers: {HOSP-A: A, HOSP-B: none}
time_zone: Europe/Berlin
"""
    known = load_context_map(site(tmp_path, text))
    rule = known.observation([known.coding_of("urn:kis", "ICANS")])
    assert rule is not None
    assert (rule.field, rule.values["KIS G3"]) == ("icans_grade", "3")
    assert known.infusion([known.coding_of("99CARTRIAGE", "infusion")]) is None
    assert known.infusion([known.coding_of("HPC", "Q2041")]) is not None
    assert dict(known.issuers) == {"HOSP-A": "A", "HOSP-B": ""}
    assert str(known.time_zone) == "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("observations:\n  a: {field: colour, codes: []}\n", 4, "`colour` is none of"),
        ("observations:\n  a: {field: motor, codes: [LOINC]}\n", 4, "expected a code such as"),
        ("observations:\n  a: {field: motor, codes: [KIS 7]}\n", 4, "expected a code such as"),
        (
            "observations:\n  a:\n    field: seizure\n    codes: []\n    values: {x: often}\n",
            7,
            "no value of seizure",
        ),
        ("observations:\n  a: {field: platelets, codes: []}\n", 4, "`units` belong to"),
        ("observations:\n  a: {field: platelets, codes: [], units: {x: 0}}\n", 4, "larger than 0"),
        ("observations:\n  a: {field: motor, codes: [LOINC 777-3]}\n", 4, "means `platelets` already"),
        ("time_zone: Mars/North\n", 3, "no time zone"),
        ("observation: {}\n", 3, "unknown key `observation`"),
    ],
)
def test_a_wrong_mapping_says_where_and_why(tmp_path: Path, text: str, line: int, problem: str):
    with pytest.raises(PolicyError, match=problem) as caught:
        load_context_map(site(tmp_path, text))
    assert (caught.value.file, caught.value.line) == ("codes.yaml", line)
