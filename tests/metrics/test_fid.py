import numpy as np
import pytest
from scipy import linalg

from harness.core.errors import ScoreError
from harness.metrics.fid import GaussianStatistics, frechet_distance
from tests.metrics.parity_values import fid_inputs, stored_value


def gaussian(mean, covariance):
    return GaussianStatistics(np.array(mean, float), np.array(covariance, float), num_images=2)


def textbook(real, fake):
    difference = real.mean - fake.mean
    root = linalg.sqrtm(real.covariance @ fake.covariance).real
    return float(
        difference @ difference + np.trace(real.covariance + fake.covariance - 2.0 * root)
    )


def random_statistics(rng, dimensions, num_images):
    mixing = rng.normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
    features = rng.normal(size=(num_images, dimensions)) @ mixing + rng.normal(size=dimensions)
    return GaussianStatistics.from_features(features)


def test_one_dimension_by_hand():
    # Means 1 and 4, standard deviations 2 and 3: (1 - 4)² + (2 - 3)² = 9 + 1 = 10.
    assert frechet_distance(gaussian([1], [[4]]), gaussian([4], [[9]])) == pytest.approx(10)


def test_diagonal_by_hand():
    # (0-1)² + (2-0)² = 5; (1-2)² + (3-1)² + (0-4)² = 1 + 4 + 16 = 21; together 26. The third
    # standard deviation of the real is 0: a singular covariance.
    real = gaussian([0, 2, 5], np.diag([1.0, 9.0, 0.0]))
    fake = gaussian([1, 0, 5], np.diag([4.0, 1.0, 16.0]))
    assert frechet_distance(real, fake) == pytest.approx(26)


def test_agrees_with_an_independent_implementation():
    real, fake = (GaussianStatistics.from_features(features) for features in fid_inputs())
    assert frechet_distance(real, fake) == pytest.approx(stored_value("fid"), rel=1e-9)


def test_rotated_by_hand():
    # C1 = [[5, 4], [4, 5]] has eigenvalues 9 and 1, so tr C1 = 10; C2 = identity, tr C2 = 2;
    # tr (C1 C2)^½ = 3 + 1 = 4. Together 10 + 2 - 2·4 = 4.
    assert frechet_distance(gaussian([0, 0], [[5, 4], [4, 5]]), gaussian([0, 0], np.eye(2))) == (
        pytest.approx(4)
    )


def test_statistics_by_hand():
    # Rows (1, 2), (3, 2), (5, 8): means 3 and 4; deviations (-2, -2), (0, -2), (2, 4).
    # Variances 8/2 = 4 and 24/2 = 12, covariance (4 + 0 + 8)/2 = 6.
    statistics = GaussianStatistics.from_features(np.array([[1, 2], [3, 2], [5, 8]], float))
    np.testing.assert_allclose(statistics.mean, [3, 4])
    np.testing.assert_allclose(statistics.covariance, [[4, 6], [6, 12]])
    assert statistics.num_images == 3


@pytest.mark.slow
def test_agrees_with_textbook_in_2048_dimensions():
    rng = np.random.default_rng(0)
    real, fake = (random_statistics(rng, 2_048, 2_500) for _ in range(2))
    assert frechet_distance(real, fake) == pytest.approx(textbook(real, fake), rel=1e-6)


@pytest.mark.parametrize("num_images", [40, 64, 200])
def test_agrees_with_textbook_in_64_dimensions(num_images):
    rng = np.random.default_rng(num_images)
    real = random_statistics(rng, 64, 500)
    fake = random_statistics(rng, 64, num_images)
    assert frechet_distance(real, fake) == pytest.approx(textbook(real, fake), rel=1e-6)


def test_rank_deficient_sets_by_their_angle():
    # One direction each, at 60°: C1 = 4 aaᵀ, C2 = 9 bbᵀ, a·b = 1/2. C1^½ C2 C1^½ = 9 (a·b)² · 4
    # aaᵀ = 9 aaᵀ, whose root has trace 3: distance 4 + 9 - 2·3 = 7.
    a, b = np.array([1.0, 0, 0]), np.array([0.5, np.sqrt(0.75), 0])
    real, fake = (
        gaussian(np.zeros(3), 4 * np.outer(a, a)),
        gaussian(np.zeros(3), 9 * np.outer(b, b)),
    )
    assert frechet_distance(real, fake) == pytest.approx(7)


def test_identical_sets_are_at_distance_zero():
    statistics = random_statistics(np.random.default_rng(1), 48, 300)
    scale = np.trace(statistics.covariance)
    assert frechet_distance(statistics, statistics) <= 1e-10 * scale


def test_fewer_images_than_dimensions_are_at_distance_zero_from_themselves():
    statistics = random_statistics(np.random.default_rng(2), 96, 30)
    assert frechet_distance(statistics, statistics) <= 1e-5 * np.trace(statistics.covariance)


def test_symmetric():
    rng = np.random.default_rng(3)
    one, other = (random_statistics(rng, 32, 100) for _ in range(2))
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-9)


def test_grows_as_the_fake_set_moves_away():
    features = np.random.default_rng(4).normal(size=(500, 16))
    real = GaussianStatistics.from_features(features)
    distances = [
        frechet_distance(real, GaussianStatistics.from_features(features + shift))
        for shift in (0.0, 0.1, 0.5, 2.0)
    ]
    # All 16 means move by the shift and nothing else does: 16 · shift².
    np.testing.assert_allclose(distances, [0.0, 0.16, 4.0, 64.0], atol=1e-9)


def test_small_variances_far_from_zero_survive():
    # Without centring first, 1e8² = 1e16 would leave no digit for a variance of 1.
    features = np.random.default_rng(5).normal(size=(1_000, 4))
    near = GaussianStatistics.from_features(features)
    far = GaussianStatistics.from_features(features + 1e8)
    np.testing.assert_allclose(far.covariance, near.covariance, rtol=1e-5, atol=1e-6)


def test_float32_features_are_summed_in_float64():
    features = np.random.default_rng(6).normal(100.0, 1.0, size=(2_000, 8)).astype(np.float32)
    single = GaussianStatistics.from_features(features)
    double = GaussianStatistics.from_features(features.astype(np.float64))
    np.testing.assert_array_equal(single.covariance, double.covariance)


def test_constant_features():
    constant = GaussianStatistics.from_features(np.full((10, 3), 2.0))
    # A point at (2, 2, 2) against a point at the origin: 3 · 2² = 12.
    assert frechet_distance(gaussian(np.zeros(3), np.zeros((3, 3))), constant) == pytest.approx(12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_refuses_features_that_are_not_finite(bad):
    features = np.ones((5, 3))
    features[2, 1] = bad
    with pytest.raises(ScoreError, match="NaN or infinity in 1 of 5 rows"):
        GaussianStatistics.from_features(features)


@pytest.mark.parametrize("shape", [(1, 3), (0, 3), (6,)])
def test_refuses_fewer_than_two_images(shape):
    with pytest.raises(ScoreError, match="at least 2 images"):
        GaussianStatistics.from_features(np.zeros(shape))


def test_refuses_features_whose_squares_overflow():
    with pytest.raises(ScoreError, match="up to 1e\\+200"):
        GaussianStatistics.from_features(np.array([[1e200], [-1e200]]))


def test_refuses_features_of_different_extractors():
    with pytest.raises(ScoreError, match="received 2 for the real and 1 for the fake"):
        frechet_distance(gaussian([0, 0], np.eye(2)), gaussian([0], [[1]]))
