"""A bar is judged on the kind of study that it is meant for, and on no other."""

import pytest

from rules.anatomy import Role
from rules.decision import Status
from rules.messages import SeriesQuality, SeriesUse
from rules.policy import load
from rules.urgency import Priority
from tests.workers.evaluation.made_up import outcome, overlap
from workers.evaluation.bars import NO_BAR, bar_table
from workers.evaluation.finding_tables import pairs
from workers.evaluation.rule_tables import rule_table
from workers.evaluation.truth import Truth

_PRES = Truth(("R03",), strata=(("case", "pres"),))
_MS = Truth((), strata=(("case", "MS"),))
_INSERTED = Truth(("R03",), strata=(("case", "inserted pres"),))
_THIN = SeriesUse("", Role.FLAIR, is_used=True, reason="", instances=1, quality=SeriesQuality(slice_spacing_mm=1.0))  # fmt: skip


@pytest.fixture(scope="module")
def verdicts():
    policy = load()

    def verdicts(*outcomes):
        """What to wanted, estimate and verdict."""
        table = bar_table(outcomes, rule_table(outcomes, policy), pairs(outcomes))
        return {what: rest for what, *rest in table.rows}

    return verdicts


def test_patterns_and_alarms_follow_the_issue(verdicts):
    found = verdicts(
        outcome("missed", _PRES, {}),
        outcome("alarm", _MS, {"R02": (Status.PRESENT, 0.1)}, imaging_priority=Priority.P1),
    )
    assert found["R03 PRES-type distribution: sensitivity"][-1] == "not reached"
    assert found["negatives that become P1"][-1] == "not reached"
    assert found["read negatives with a pattern that is not there"][-1] == "not reached"
    assert found["microbleed count within ±1"][-1] == "not measured"


def test_dice_of_read_scans_is_judged_and_that_of_thin_slices_by_the_lower_bar(verdicts):
    made = (
        outcome("p01", _MS, {}, overlaps=(overlap(0.68, 10.0, 12.0, false=2),)),
        outcome("p02", _MS, {}, overlaps=(overlap(0.56, 10.0, 12.0),), series=(_THIN,)),
    )
    found = verdicts(*made)
    assert found["FLAIR lesions, 2 read studies: mean Dice"] == ["≥ 0.6", pytest.approx(0.62), "reached"]
    assert found["1 of them with slices above 1.5 mm"] == ["≥ 0.7", 0.68, "not reached"]
    assert found["FLAIR false clusters, 2 read studies: mean"] == ["≤ 10", 1.0, "reached"]


def test_drawn_lesions_reach_no_bar_for_scans_of_patients(verdicts):
    good = (overlap(0.9, 10.0, 10.0),)
    found = verdicts(
        outcome("pres-siemens-1000", _PRES, {}, overlaps=good, brain_dice=0.99),
        outcome("p01+pres", _INSERTED, {}, overlaps=good),
    )
    assert found["FLAIR lesions, 1 simulated studies: mean Dice"] == ["-", 0.9, NO_BAR]
    assert found["FLAIR lesions, 1 inserted studies: mean Dice"] == ["-", 0.9, NO_BAR]
    assert found["FLAIR false clusters, 1 simulated studies: mean"][-1] == NO_BAR
    assert found["brain mask, 1 simulated studies: median Dice"][-1] == NO_BAR
    assert not any("read" in what for what in found)
