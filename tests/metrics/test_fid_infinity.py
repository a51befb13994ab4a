import numpy as np
import pytest
from scipy import stats

from harness.core.errors import ScoreError
from harness.metrics.fid import GaussianStatistics, frechet_distance
from harness.metrics.fid_infinity import (
    _draw_subsets,
    _image_weights,
    _intercept,
    _subset_sizes,
    frechet_at_infinity,
)

DIMENSIONS = 16
# Unit Gaussians whose deviations are 1 and 1.2 and whose means differ by 0.1 in each direction:
# 16 · (0.2² + 0.1²) = 0.8.
REAL = GaussianStatistics(np.zeros(DIMENSIONS), np.eye(DIMENSIONS), num_images=2)
TRUE_DISTANCE = 0.8


def draw(rng, count):
    return 1.2 * rng.normal(size=(count, DIMENSIONS)) + 0.1


def at_count(features):
    return frechet_distance(REAL, GaussianStatistics.from_features(features))


def half_width(interval):
    return (interval[1] - interval[0]) / 2


def test_is_nearer_to_the_truth_than_the_distance_at_this_number():
    rng = np.random.default_rng(0)
    samples = [draw(rng, 500) for _ in range(40)]
    extrapolated = np.array([frechet_at_infinity(REAL, x, 0)[0] for x in samples])
    plain = np.array([at_count(x) for x in samples])
    assert np.abs(extrapolated - TRUE_DISTANCE).mean() < np.abs(plain - TRUE_DISTANCE).mean() / 2
    # The bias is gone up to three standard errors of the mean, where the plain one is at 20.
    error = extrapolated.std(ddof=1) / np.sqrt(len(samples))
    assert abs(extrapolated.mean() - TRUE_DISTANCE) < 3 * error
    assert plain.mean() - TRUE_DISTANCE > 20 * error / 3


@pytest.mark.parametrize("count", [60, 500])
def test_the_interval_covers_the_true_distance(count):
    rng = np.random.default_rng(1)
    intervals = [frechet_at_infinity(REAL, draw(rng, count), seed)[1] for seed in range(200)]
    covered = np.mean([low <= TRUE_DISTANCE <= high for low, high in intervals])
    # Asked for 0.95; with 200 repeats the standard error of the share is 0.015.
    assert covered >= 0.90


def test_the_interval_is_not_needlessly_wide():
    rng = np.random.default_rng(2)
    values, widths = [], []
    for seed in range(100):
        value, interval = frechet_at_infinity(REAL, draw(rng, 500), seed)
        values.append(value)
        widths.append(half_width(interval))
    assert np.mean(widths) < 1.3 * 1.96 * np.std(values)


def test_the_line_is_that_of_linregress():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(size=15), rng.normal(size=15)
    expected = stats.linregress(x, y)
    value, weights = _intercept(x, y)
    assert value == pytest.approx(expected.intercept)
    assert weights @ y == pytest.approx(value)


def test_agrees_with_the_papers_formula_through_linregress():
    features = draw(np.random.default_rng(4), 400)
    sizes = _subset_sizes(400)
    distances = [at_count(features[rows]) for rows in _draw_subsets(400, sizes, seed=9)]
    expected = stats.linregress(1 / sizes, distances).intercept
    assert frechet_at_infinity(REAL, features, 9)[0] == pytest.approx(expected, rel=1e-4)


def test_sizes_by_hand():
    # From 5,000 to 50,000 in 14 steps of 45,000 / 14 = 3214.29, as in the paper.
    np.testing.assert_array_equal(_subset_sizes(50_000)[[0, 1, 2, 14]], [5000, 8214, 11428, 50000])
    # Fewer than 10,000: from a half. Steps of 700 / 14 = 50.
    np.testing.assert_array_equal(_subset_sizes(1_400), np.arange(700, 1_401, 50))


def test_subsets_are_without_replacement_and_the_seeds():
    sizes = _subset_sizes(100)
    subsets = _draw_subsets(100, sizes, seed=1)
    assert [len(rows) for rows in subsets] == list(sizes)
    assert all(len(np.unique(rows)) == len(rows) for rows in subsets)
    # The last takes all images: nothing is wasted.
    np.testing.assert_array_equal(np.sort(subsets[-1]), np.arange(100))
    assert not np.array_equal(subsets[0], _draw_subsets(100, sizes, seed=2)[0])


def test_the_weights_of_all_images_sum_to_one():
    sizes = _subset_sizes(100)
    _, weights = _intercept(1 / sizes, np.ones(15))
    images = _image_weights(100, _draw_subsets(100, sizes, seed=1), weights)
    assert images.sum() == pytest.approx(1)


def test_a_seed_reproduces_and_another_differs_little():
    features = draw(np.random.default_rng(5), 600)
    value, interval = frechet_at_infinity(REAL, features, 1)
    assert frechet_at_infinity(REAL, features, 1) == (value, interval)
    other = frechet_at_infinity(REAL, features, 2)[0]
    assert 0 < abs(other - value) < half_width(interval)


def test_the_order_of_the_images_carries_no_trend():
    # Sorted by distance from the mean; prefixes of these would not be random subsets.
    features = draw(np.random.default_rng(6), 600)
    ordered = features[np.argsort(np.square(features).sum(axis=1))]
    assert frechet_at_infinity(REAL, ordered, 1)[0] == pytest.approx(TRUE_DISTANCE, abs=0.25)


def test_identical_distributions_are_about_zero_where_the_plain_distance_is_not():
    features = np.random.default_rng(7).normal(size=(500, DIMENSIONS))
    value, (low, high) = frechet_at_infinity(REAL, features, 0)
    assert low < 0 < high
    assert abs(value) < at_count(features) / 2


def test_one_constant_image_repeated():
    # A point has no bias and no doubt: 16 · (1² + 0.5²) = 20 at any number.
    value, (low, high) = frechet_at_infinity(REAL, np.full((40, DIMENSIONS), 0.5), 0)
    assert value == pytest.approx(20)
    assert high - low == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("dimensions", "fewest"), [(4, 30), (16, 32), (64, 128)])
def test_refuses_subsets_smaller_than_the_dimensions(dimensions, fewest):
    # Half of 128 images are 64, as many as dimensions.
    rng = np.random.default_rng(8)
    real = GaussianStatistics.from_features(rng.normal(size=(500, dimensions)))
    features = rng.normal(size=(fewest, dimensions))
    value, (low, high) = frechet_at_infinity(real, features, 0)
    assert low < value < high
    with pytest.raises(ScoreError, match=f"FID∞ needs the features of at least {fewest} images"):
        frechet_at_infinity(real, features[1:], 0)


def test_rank_deficient_features():
    rng = np.random.default_rng(9)
    mixing = rng.normal(size=(2, 8))
    real = GaussianStatistics.from_features(rng.normal(size=(5_000, 2)) @ mixing)
    # A common shift of 2 in 8 directions: 8 · 2² = 32.
    value, (low, high) = frechet_at_infinity(real, rng.normal(size=(2_000, 2)) @ mixing + 2, 0)
    assert low < 32 < high
    assert value == pytest.approx(32, rel=0.1)


def test_is_proportional_to_the_square_of_the_scale():
    features = draw(np.random.default_rng(10), 100)
    value, interval = frechet_at_infinity(REAL, features, 0)
    for scale in (1e-12, 1e12):
        real = GaussianStatistics(REAL.mean * scale, REAL.covariance * scale**2, 2)
        scaled, scaled_interval = frechet_at_infinity(real, features * scale, 0)
        assert scaled / scale**2 == pytest.approx(value, rel=1e-6)
        assert half_width(scaled_interval) / scale**2 == pytest.approx(
            half_width(interval), rel=1e-6
        )


def test_float32_agrees_with_float64():
    features = draw(np.random.default_rng(11), 100).astype(np.float32)
    expected = frechet_at_infinity(REAL, features.astype(np.float64), 0)
    assert frechet_at_infinity(REAL, features, 0) == expected


def test_refuses_what_is_not_finite():
    features = draw(np.random.default_rng(12), 40)
    features[7, 7] = np.inf
    with pytest.raises(ScoreError, match="FID∞ needs finite features"):
        frechet_at_infinity(REAL, features, 0)
