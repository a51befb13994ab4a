"""Compute intervals and probabilities from few values."""

import math

import numpy as np
import pytest
import scipy.stats

from harness.confirmation.statistics import probability_best, t_interval


def test_the_interval_of_three_values_is_students():
    # Mean 2, standard deviation 1, t(0.975, 2) = 4.302653: 4.302653 / sqrt(3) = 2.484138.
    assert t_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-6)


def test_the_interval_of_two_values_is_as_wide_as_the_docstring_says():
    # Standard deviation 1/sqrt(2), t(0.975, 1) = 12.7062: half width 12.7062 * 0.5 = 6.3531, which
    # is 12.7062 / sqrt(2) = 8.98 standard deviations.
    low, high = t_interval([0.0, 1.0])
    assert (high - low) / 2 == pytest.approx(6.3531, abs=1e-4)
    assert (high - low) / 2 / math.sqrt(0.5) == pytest.approx(8.98, abs=0.01)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_values_have_no_interval(values):
    assert t_interval(values) is None


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    # Of 2,000 intervals 1,900 should; the standard error of that share is 0.5 %.
    draws = np.random.default_rng(0).normal(5.0, 2.0, (2000, 3))
    held = [low <= 5.0 <= high for low, high in map(t_interval, draws)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_of_two_candidates_the_probability_is_that_of_students_t():
    # Means 1 and 2, squares 0.02 + 0.02 with 2 degrees of freedom: s = 0.1414, and the difference
    # of the means has the scale 0.1414 * sqrt(1/2 + 1/2): P = T2(1 / 0.1414) = 0.990. With the
    # means 0.2 apart: T2(0.2 / 0.1414) = 0.854.
    samples = [[0.9, 1.1], [1.9, 2.1]]
    expected = scipy.stats.t.cdf(1 / math.sqrt(0.02), 2)
    assert probability_best(samples)[0] == pytest.approx(expected, abs=0.01)
    assert probability_best([[0.9, 1.1], [1.1, 1.3]])[0] == pytest.approx(0.854, abs=0.012)


def test_probabilities_add_up_and_follow_the_means():
    found = probability_best([[1.0, 1.2, 1.1], [1.2, 1.3], [1.15, 1.25, 1.2]])
    assert sum(found) == pytest.approx(1.0)
    assert found[0] > found[2] > found[1]


def test_equal_candidates_are_equally_likely():
    found = probability_best([[1.0, 2.0, 3.0]] * 4)
    assert found == pytest.approx([0.25] * 4, abs=0.012)


def test_scale_and_place_do_not_matter_and_the_same_values_give_the_same_numbers():
    samples = [[1.0, 1.25], [1.5, 1.25, 1.75]]
    moved = [[8 * value + 64 for value in values] for values in samples]  # exact in binary
    assert probability_best(samples) == probability_best(samples)
    assert probability_best(moved) == pytest.approx(probability_best(samples), abs=1e-3)


def test_more_values_are_surer():
    few = probability_best([[1.0, 1.2], [1.1, 1.3]])
    many = probability_best([[1.0, 1.2] * 10, [1.1, 1.3] * 10])
    assert many[0] > few[0]


def test_one_value_each_says_nothing_and_one_among_more_shares_their_variance():
    assert probability_best([[1.0], [2.0]]) is None
    assert probability_best([]) is None
    assert probability_best([[1.0], [1.9, 2.1]])[0] > 0.9
