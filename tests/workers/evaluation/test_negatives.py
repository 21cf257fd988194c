"""Which studies are negatives, and what is told of their alarms."""

import pytest

from rules.decision import Status
from rules.urgency import Priority
from tests.workers.evaluation.made_up import outcome
from workers.evaluation.negatives import (
    false_alarm_table,
    false_alarms,
    false_patterns,
    is_negative,
    is_unremarkable,
)
from workers.evaluation.outcome import Ending
from workers.evaluation.tables import Table
from workers.evaluation.truth import Truth

_HEALTHY = Truth((), strata=(("case", "healthy"),))
_PLAQUES = Truth((), ("R10", "R18"), strata=(("case", "plaques"),))
_PRES = Truth(("R03",), strata=(("case", "pres"),))


def _row(table: Table, first: str) -> dict:
    (row,) = [row for row in table.rows if row[0] == first]
    return dict(zip(table.columns, row, strict=True))


@pytest.mark.parametrize(
    "name", ["ms_like-philips-1053", "old_infarct-ge-1049", "healthy_old-ge-1031+seed700"]
)
def test_a_tolerated_rule_leaves_a_harmless_study_a_negative(name):
    one = outcome(name, _PLAQUES, {})
    assert is_negative(one)
    assert not is_unremarkable(one)


@pytest.mark.parametrize(
    "name", ["enhancing_lesion-ge-1025", "motion-ge-1028", "microbleeds_few-philips-1014"]
)
def test_what_a_reader_would_raise_is_no_negative_though_no_rule_must_be_present(name):
    assert not is_negative(outcome(name, _PLAQUES, {}))


@pytest.mark.parametrize(
    "name", ["motion_healthy-siemens-1170", "no_flair-philips-1008", "knee-siemens-1018"]
)
def test_a_harmless_study_that_cannot_be_assessed_is_a_negative(name):
    assert is_negative(outcome(name, _HEALTHY, {}))


def test_the_manifest_alone_says_what_a_read_study_is():
    assert is_negative(outcome("p01", _PLAQUES, {}))
    assert not is_negative(outcome("p01", _PRES, {}))
    assert not is_negative(outcome("p01", None, {}))


@pytest.fixture(scope="module")
def outcomes():
    present = (Status.PRESENT, 0.1)
    return (
        outcome("right", _HEALTHY, {}),
        outcome("raised", _HEALTHY, {"R03": present}, imaging_priority=Priority.P1),
        outcome("scars", _PLAQUES, {"R10": present}, imaging_priority=Priority.P2),
        outcome("scars alarm", _PLAQUES, {}, imaging_priority=Priority.P1),
        outcome("restless", _HEALTHY, {}, ending=Ending.REFUSED, imaging_priority=None),
        outcome("ill", _PRES, {}, imaging_priority=Priority.P1),
    )


def test_a_false_alarm_is_a_p1_of_a_negative_with_a_result(outcomes):
    assert (false_alarms(outcomes).value, false_alarms(outcomes).count) == (0.5, 4)
    strict = false_alarms(outcomes, is_unremarkable)
    assert (strict.value, strict.count) == (0.5, 2)


def test_a_tolerated_pattern_is_not_false(outcomes):
    assert (false_patterns(outcomes).value, false_patterns(outcomes).count) == (0.25, 4)


def test_alarms_are_told_by_kind(outcomes):
    table = false_alarm_table(outcomes)
    assert [row[0] for row in table.rows] == [
        "healthy",
        "plaques",
        "all",
        "all of which nothing is tolerated",
    ]
    healthy = _row(table, "healthy")
    assert (healthy["studies"], healthy["P1"], healthy["P4"], healthy["without a result"]) == (3, 1, 1, 1)
    assert (healthy["with a false pattern"], healthy["which"]) == (1, "R03 1")
    assert [_row(table, "plaques")[column] for column in ("P1", "P2", "which")] == [1, 1, ""]
    assert _row(table, "all")["P1"] == 2


def test_without_a_negative_there_is_no_table():
    assert false_alarm_table([outcome("ill", _PRES, {})]).rows == ()
