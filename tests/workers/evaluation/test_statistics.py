"""Shares, areas and medians against values worked out by hand or published."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from workers.evaluation.statistics import auc, median, quartiles, share


def test_wilson_s_interval_is_newcombe_s_example():
    # Newcombe, Stat Med 1998;17:857, table I: 81 of 263 gives 0.2553 to 0.3662.
    found = share(81, 263)
    assert found.value == pytest.approx(0.3080, abs=1e-4)
    assert (found.low, found.high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))


def test_none_of_twenty_still_leaves_room_above():
    # Newcombe's second example: 0 of 20 gives 0 to 0.1611.
    found = share(0, 20)
    assert (found.low, found.high) == (0.0, pytest.approx(0.1611, abs=1e-4))


def test_all_of_a_group_touches_one():
    assert share(5, 5).high == 1.0


def test_a_share_of_nothing_is_no_number():
    assert share(0, 0).value is None


def test_area_under_the_curve_counts_pairs_and_ties_half():
    # Pairs: 3 > 1, 3 > 2, 2 > 1 are right, 2 = 2 is half: 3.5 of 4.
    assert auc([3, 2], [1, 2]).value == 3.5 / 4


def test_area_under_the_curve_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(3)
    positive, negative = rng.normal(1, 1, 40), rng.normal(0, 1, 60)
    other = mannwhitneyu(positive, negative).statistic / (40 * 60)
    assert auc(positive, negative).value == pytest.approx(other)


def test_delong_s_variance_is_that_of_a_hand_worked_example():
    # Positives 2, 4, 6, negatives 1, 3, 5: placements 1/3, 2/3, 1 on both sides; variances 1/9 and 1/9, so
    # var = 1/27 + 1/27 and the area 2/3; on the logit scale +- 1.96 * sqrt(2/27) / (2/9).
    found = auc([2, 4, 6], [1, 3, 5])
    assert found.value == pytest.approx(2 / 3)
    half = 1.959964 * np.sqrt(2 / 27) / (2 / 9)
    assert found.low == pytest.approx(1 / (1 + np.exp(half - np.log(2))), abs=1e-6)
    assert found.high == pytest.approx(1 / (1 + np.exp(-half - np.log(2))), abs=1e-6)


def test_delong_s_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    true = 0.7602499  # of two unit normals one apart: Phi(1 / sqrt 2)
    found = [auc(rng.normal(1, 1, 30), rng.normal(0, 1, 40)) for _ in range(300)]
    inside = np.mean([one.low <= true <= one.high for one in found])
    assert 0.92 <= inside <= 0.98


def test_a_perfect_curve_keeps_an_interval():
    found = auc([5, 6, 7], [1, 2, 3, 4])
    assert found.value == 1.0
    assert found.low == pytest.approx(share(3, 3).low)
    assert found.high == 1.0


def test_scores_that_were_not_measured_rank_lowest():
    assert auc([float("-inf"), 2.0], [float("-inf"), 1.0]).value == (0.5 + 0 + 1 + 1) / 4


def test_a_curve_needs_both_groups():
    assert auc([1.0], []).value is None


def test_the_median_s_interval_comes_from_binomial_ranks():
    # n = 10: the 2nd and 9th value enclose the median with 97.9 %, the 3rd and 8th only with 89 %.
    found = median(list(range(1, 11)))
    assert (found.value, found.low, found.high) == (5.5, 2, 9)


def test_a_small_sample_s_median_lies_between_its_ends():
    found = median([3.0, 1.0])
    assert (found.low, found.value, found.high) == (1.0, 2.0, 3.0)


def test_quartiles_interpolate():
    assert quartiles([1.0, 2.0, 3.0, 4.0]) == (1.75, 2.5, 3.25)
    assert quartiles([]) is None
