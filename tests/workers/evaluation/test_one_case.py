"""What one case keeps of an analysis, and of the study that it was made for."""

import json

import pytest

from rules.codec import to_plain
from rules.decision import Status
from tests.workers.evaluation.made_up import outcome, overlap, write_truth
from workers.evaluation.one_case import MADE, _made_elsewhere, is_failure
from workers.evaluation.outcome import Ending
from workers.evaluation.suites import Made, Study
from workers.evaluation.truth import Truth

_PRES = Truth(("R03",), ("R10",))
_GIVEN = {"R03": (Status.PRESENT, 1.0)}


@pytest.mark.parametrize(
    ("changes", "is_wrong"),
    [
        ({}, False),
        ({"overlaps": (overlap(0.8, 10, 10),)}, False),
        ({"overlaps": (overlap(0.2, 10, 10),)}, True),
        ({"overlaps": (overlap(0.0, 0.5, 0),)}, False),
        ({"ending": Ending.TIMEOUT}, True),
    ],
)
def test_a_failure_is_a_wrong_rule_a_poor_mask_or_no_result(changes, is_wrong):
    assert is_failure(outcome("a", _PRES, _GIVEN, **changes)) is is_wrong


def test_wrong_rules_are_named_with_their_direction():
    answers = {"R02": (Status.PRESENT, 0.1), "R10": (Status.PRESENT, 0.1), "R03": (Status.OPEN, -1.0)}
    assert outcome("a", _PRES, answers).wrong_rules == ("-R03", "+R02")


def test_a_made_study_is_not_made_again(tmp_path):
    made = Made("/nowhere/study", Truth(("R03",)))
    (tmp_path / MADE).write_text(json.dumps(to_plain(made)))
    assert _made_elsewhere(Study("read", folder="/given"), tmp_path) == made


def test_the_truth_of_a_kept_study_is_read_anew(tmp_path):
    made = Made("/nowhere/study", Truth(("R03",), strata=(("against baseline", "none"),)))
    (tmp_path / MADE).write_text(json.dumps(to_plain(made)))
    write_truth(tmp_path / "study-truth", expected_rules=["R08"])
    # No study of that name is in the suite: making it would fail.
    truth = _made_elsewhere(Study("unknown"), tmp_path).truth
    assert truth.present == ("R08",)
    assert {("against baseline", "none"), ("case", "pres")} <= set(truth.strata)


def test_what_a_killed_process_left_is_made_anew(tmp_path):
    place = tmp_path / "kept"
    (place / "study").mkdir(parents=True)
    (place / "study" / "0001.dcm").write_bytes(b"half")
    (place / f"{MADE}.new").write_text("{")
    made = _made_elsewhere(Study("read", folder="/given"), place)
    assert made.folder == "/given"
    assert [path.name for path in place.iterdir()] == [MADE]
