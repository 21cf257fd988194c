"""Errors of the rules are told by the images that they were made on."""

import pytest

from rules.decision import Status
from tests.workers.evaluation.made_up import outcome
from workers.evaluation.rule_strata import error_table, rule_strata_table
from workers.evaluation.truth import Truth


def _truth(vendor, *present, tolerated=()):
    return Truth(present, tolerated, strata=(("case", "pres"), ("vendor", vendor)))


@pytest.fixture(scope="module")
def outcomes():
    present, unknown = (Status.PRESENT, 1.0), (Status.OPEN, float("-inf"))
    return (
        outcome("hit", _truth("ge", "R03"), {"R03": present}),
        outcome("missed", _truth("ge", "R03"), {}),
        outcome("false", _truth("ge"), {"R02": (Status.PRESENT, 0.2)}),
        outcome("either", _truth("ge", tolerated=("R02",)), {"R02": present}),
        outcome("open", _truth("philips", "R03"), {"R02": unknown, "R03": unknown}),
    )


def _rows(table, *keys):
    return {row[: len(keys)]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_misses_and_false_alarms_are_named(outcomes):
    rows = _rows(error_table(outcomes), "by", "group")
    ge, philips = rows["vendor", "ge"], rows["vendor", "philips"]
    # Two rules of four studies: two patterns are there, one is tolerated.
    assert (ge["studies"], ge["with"], ge["missed"], ge["which were missed"]) == (4, 2, 1, "R03 1")
    assert (ge["without"], ge["false"], ge["which were false"]) == (5, 1, "R02 1")
    assert (philips["missed"], philips["without"], philips["unanswered"]) == (1, 0, 1)


def test_strata_are_of_the_images_and_not_of_what_is_in_them(outcomes):
    assert {row[0] for row in error_table(outcomes).rows} == {"vendor", "slice spacing", "noise"}


def test_each_rule_has_its_quality_in_each_stratum(outcomes):
    rows = _rows(rule_strata_table(outcomes), "rule", "by", "group")
    found = rows["R03", "vendor", "ge"]
    assert (found["with"], found["without"]) == (2, 2)
    assert (found["sensitivity"].value, found["specificity"].value) == (0.5, 1.0)
    assert found["AUC"].value == (2 + 2 * 0.5) / 4  # 1 beats both -1, -1 ties both
    assert rows["R02", "vendor", "ge"]["specificity"].value == pytest.approx(2 / 3)
