"""The report's numbers, from made-up outcomes whose numbers are plain."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from rules.anatomy import Region, Side
from rules.codec import to_plain
from rules.conditions import Subject
from rules.decision import Status
from rules.findings import Quantity
from rules.policy import load
from rules.urgency import Priority
from tests.workers.evaluation.made_up import (
    microbleeds,
    outcome,
    overlap,
    true_microbleeds,
    true_volume,
    volume,
)
from workers.evaluation.finding_tables import (
    calibration_table,
    count_accuracy,
    cuts,
    finding_table,
    pairs,
    volume_error,
)
from workers.evaluation.mask_tables import brain_table, mask_table, strata_of, strata_table
from workers.evaluation.outcome import Ending
from workers.evaluation.page import page_of
from workers.evaluation.report import report_of, worst_first
from workers.evaluation.rule_tables import NO_POSITIVES, priority_table, rule_table
from workers.evaluation.tables import Table, column
from workers.evaluation.truth import TrueValue, Truth

_PRES = Truth(("R03",), strata=(("case", "pres"), ("vendor", "ge")))
_HEALTHY = Truth((), strata=(("case", "healthy"), ("vendor", "ge")))
_UNCLEAR = Truth((), ("R03",), strata=(("case", "unclear"),))


@pytest.fixture(scope="module")
def policy():
    return load()


def _row(table: Table, first: str) -> dict:
    (row,) = [row for row in table.rows if row[0] == first]
    return dict(zip(table.columns, row, strict=True))


@pytest.fixture(scope="module")
def outcomes():
    present, absent, unknown = (Status.PRESENT, 2.0), (Status.ABSENT, -0.5), (Status.OPEN, float("-inf"))
    return (
        outcome("hit", _PRES, {"R03": present}, imaging_priority=Priority.P2),
        outcome("missed", _PRES, {"R03": absent}),
        outcome("open", _PRES, {"R03": unknown}),
        outcome("crashed", _PRES, {}, ending=Ending.CRASH, imaging_priority=None, detail="KeyError"),
        outcome("right", _HEALTHY, {}),
        outcome("false", _HEALTHY, {"R03": (Status.PRESENT, 0.1)}, imaging_priority=Priority.P1),
        outcome("silent", _HEALTHY, {"R03": unknown}),
        outcome("either", _UNCLEAR, {"R03": present}),
    )


def test_open_and_crashed_positives_are_missed(outcomes, policy):
    row = _row(rule_table(outcomes, policy), "R03")
    assert (row["with"], row["sensitivity"].value) == (4, 0.25)


def test_a_rule_that_does_not_answer_earns_no_specificity(outcomes, policy):
    row = _row(rule_table(outcomes, policy), "R03")
    assert (row["without"], row["unanswered"], row["specificity"].value) == (2, 1, 0.5)


def test_the_curve_runs_over_the_margins(outcomes, policy):
    # Positives 2, -0.5, -inf and -1 (crashed) against negatives -1 and 0.1: 2 beats both, -0.5 one, -1 ties one.
    assert _row(rule_table(outcomes, policy), "R03")["AUC"].value == (2 + 1 + 0 + 0.5) / 8


def test_a_rule_without_positives_says_so(outcomes, policy):
    row = _row(rule_table(outcomes, policy), "R02")
    assert row["remark"] == NO_POSITIVES
    assert row["sensitivity"].value is None


def test_every_imaging_rule_of_the_policy_has_a_row(outcomes, policy):
    asked = {rule.code for rule in policy.rules if rule.kind.value == "imaging"}
    assert set(column(rule_table(outcomes, policy), "rule")) == asked


def test_priorities_are_told_by_kind_of_study(outcomes):
    row = _row(priority_table(outcomes), "pres")
    assert (row["studies"], row["P2"], row["P4"], row["no result"]) == (4, 1, 2, 1)
    assert row["with a wrong rule"] == 3


def test_findings_are_detected_at_the_policy_s_cut(policy):
    cut = cuts(policy)[Quantity.FLAIR_VOLUME, Region.THALAMUS]
    values = [(4 * cut, 5 * cut), (2 * cut, 0.0), (0.0, 0.0), (0.0, 3 * cut)]
    found = pairs(
        [
            outcome(str(n), Truth((), values=(true_volume(true),)), {}, measured=(volume(seen),))
            for n, (true, seen) in enumerate(values)
        ]
    )
    row = _row(finding_table(found, policy), Quantity.FLAIR_VOLUME)
    assert (row["with"], row["without"]) == (2, 2)
    assert (row["sensitivity"].value, row["specificity"].value) == (0.5, 0.5)
    assert row["median error %"].value == pytest.approx((25 + 100) / 2)
    assert row["median bias %"] == pytest.approx((25 - 100) / 2)


def test_lengths_have_their_error_in_mm(policy):
    def study(name, true, seen):
        shift = TrueValue(Quantity.MIDLINE_SHIFT, Region.BRAIN, Side.WHOLE, true)
        one = replace(volume(seen, 1.5, Region.BRAIN), quantity=Quantity.MIDLINE_SHIFT, side=Side.WHOLE)
        return outcome(name, Truth((), values=(shift,)), {}, measured=(one,))

    made = [study("a", 8.0, 7.0), study("b", 9.0, 12.0), study("c", 0.0, 1.0), study("d", 0.0, 2.0)]
    row = _row(finding_table(pairs(made), policy), Quantity.MIDLINE_SHIFT)
    assert (row["with"], row["without"], row["sensitivity"].value) == (2, 2, 1.0)
    assert (row["unit"], row["median error in units"].value) == ("mm", 2.0)
    assert row["where nothing is: 95 % below"] == pytest.approx(1.95)
    assert _row(calibration_table(pairs(made)), Quantity.MIDLINE_SHIFT)["inside"].value == 0.5


def test_a_loss_of_fluid_has_an_error_and_no_detection(policy):
    change = TrueValue(Quantity.CSF_CHANGE, Region.SULCI, Side.WHOLE, -60.0)
    seen = replace(volume(-45.0, region=Region.SULCI), quantity=Quantity.CSF_CHANGE, side=Side.WHOLE)
    made = [outcome("a", Truth((), values=(change,)), {}, measured=(seen,))]
    row = _row(finding_table(pairs(made), policy), Quantity.CSF_CHANGE)
    assert (row["sensitivity"], row["not assessed"]) == (None, 0)
    assert (row["median error %"].value, row["median bias %"]) == (25.0, 25.0)  # less is lost than is true


def test_what_was_not_assessed_is_missed_and_has_no_error(policy):
    found = pairs([outcome("a", Truth((), values=(true_volume(9.0),)), {})])
    row = _row(finding_table(found, policy), Quantity.FLAIR_VOLUME)
    assert (row["sensitivity"].value, row["not assessed"], row["median error %"].value) == (0.0, 1, None)


def test_the_region_error_leaves_out_specks_and_the_whole_brain():
    truth = Truth(
        (), values=(true_volume(10.0), true_volume(0.1, Region.PONS), true_volume(50.0, Region.BRAIN))
    )
    measured = (volume(8.0), volume(3.0, region=Region.PONS), volume(5.0, region=Region.BRAIN))
    found = volume_error(pairs([outcome("a", truth, {}, measured=measured)]))
    assert (found.value, found.count) == (pytest.approx(20.0), 1)


@pytest.mark.parametrize(("counted", "is_right"), [(5, 1.0), (4, 1.0), (6, 1.0), (7, 0.0), (0, 0.0)])
def test_a_count_may_be_wrong_by_one(counted, is_right):
    truth = Truth((), values=(true_microbleeds(5),))
    assert (
        count_accuracy(pairs([outcome("a", truth, {}, measured=(microbleeds(counted),))])).value == is_right
    )


def test_studies_without_microbleeds_do_not_help_the_count():
    truth = Truth((), values=(true_microbleeds(0),))
    assert count_accuracy(pairs([outcome("a", truth, {}, measured=(microbleeds(0),))])).value is None


def test_calibration_is_the_share_inside_the_interval():
    made = [
        outcome(str(n), Truth((), values=(true_volume(10.0),)), {}, measured=(volume(10.0 + n, 1.5),))
        for n in range(4)
    ]
    row = _row(calibration_table(pairs(made)), Quantity.FLAIR_VOLUME)
    assert (row["values"], row["inside"].value) == (4, 0.5)


def test_masks_are_told_with_and_without_lesions():
    made = [
        outcome("a", _PRES, {}, overlaps=(overlap(0.8, 10.0, 12.0),)),
        outcome("b", _PRES, {}, overlaps=(overlap(0.6, 20.0, 10.0, false=2),)),
        outcome("c", _HEALTHY, {}, overlaps=(overlap(0.0, 0.0, 1.0, false=4),)),
    ]
    row = _row(mask_table(made), "flair")
    assert (row["studies"], row["with lesion"], row["Dice median"].value) == (3, 2, pytest.approx(0.7))
    assert row["volume error % median"].value == pytest.approx(35.0)
    assert row["lesions found"].value == 0.75
    assert (row["false clusters median"].value, row["false clusters mean"]) == (2.0, 2.0)


def test_the_brain_is_told_of_all_studies_and_by_spacing():
    made = [outcome(str(dice), _HEALTHY, {}, brain_dice=dice) for dice in (0.9, 0.96, 0.97)]
    made.append(outcome("no brain found", _HEALTHY, {}))
    rows = {row[0]: row for row in brain_table(made).rows}
    assert set(rows) == {"all", "slices above 3.5 mm"}
    row = _row(brain_table(made), "all")
    assert (row["studies"], row["Dice median"].value, row["lowest"]) == (3, 0.96, 0.9)
    assert row["share of 0.95 or more"].value == pytest.approx(2 / 3)


def test_strata_follow_lesion_size_spacing_and_noise():
    one = outcome("a", _PRES, {"R03": (Status.PRESENT, 1.0)}, overlaps=(overlap(0.8, 10.0, 12.0),))
    assert {
        ("vendor", "ge"),
        ("FLAIR lesion", "5 to 20 mL"),
        ("slice spacing", "above 3.5 mm"),
        ("noise", "SNR 15 to 30"),
    } <= set(strata_of(one))
    rows = {row[1]: row for row in strata_table([one]).rows}
    assert rows["ge"][3].value == 1.0


def test_the_worst_cases_come_first(outcomes):
    assert [one.name for one in worst_first(outcomes)] == ["crashed", "false", "missed", "open"]


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.sources, self.rows = [], [], 0

    def handle_starttag(self, tag, attrs):
        self.rows += tag == "tr"
        self.sources += [value for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_one_file_with_pictures_inside(outcomes, policy, tmp_path):
    picture = tmp_path / "cases" / "missed" / "figures" / "FLAIR.png"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (1200, 800)).save(picture)
    made = [*outcomes, outcome("<b>", _PRES, {}, pictures=("cases/missed/figures/FLAIR.png",))]
    report = report_of(made, policy, "made up", "2026-11-20")
    text = page_of(report, tmp_path)
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.rows > 50
    assert all(source.startswith(("#", "data:image/jpeg")) for source in page.sources)
    assert sum(source.startswith("data:") for source in page.sources) == 1
    assert "&lt;b&gt;" in text
    assert "<b><b>" not in text


def test_the_report_is_plain_json(outcomes, policy):
    plain = json.loads(json.dumps(to_plain(report_of(outcomes, policy, "made up", "2026-11-20"))))
    assert plain["policy_digest"] == policy.digest
    assert {"bars", "rules", "findings", "masks", "calibration", "strata", "times"} <= {
        table["key"] for table in plain["tables"]
    }


def test_pairs_know_what_was_not_measured():
    (pair,) = pairs([outcome("a", Truth((), values=(true_volume(1.0),)), {})])
    assert pair.subject == Subject(Quantity.FLAIR_VOLUME, Region.THALAMUS, Side.LEFT)
    assert pair.measured is None
