import numpy as np
import pytest
from scipy import linalg

from harness.core.errors import ScoreError
from harness.metrics.fid import (
    Z_95,
    GaussianStatistics,
    frechet_distance,
    frechet_interval,
    per_class_distances,
)
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


def statistics(features):
    return GaussianStatistics.from_features(features)


def test_an_interval_in_one_dimension_by_hand():
    # Real features -1, 1: mean 0, variance 2. Fakes 2, 4, 6: mean 4, variance 4.
    # Distance (4 - 0)^2 + (2 - sqrt 2)^2 = 16.3431457505.
    # T = sqrt(2 / 4); influence 2 * 4 * (x - 4) + (1 - T) (x - 4)^2 with 1 - T = 0.2928932188:
    # -16 + 1.1715728753, 0, 16 + 1.1715728753 = -14.8284271247, 0, 17.1715728753.
    # Mean 0.7810485835, sum of squares about it 243.6611 + 0.6100 + 268.6433 = 512.9144;
    # variance 256.4572, of the mean 85.4857, standard error 9.24585.
    distance, (low, high) = frechet_interval(
        statistics(np.array([[-1.0], [1]])), np.array([[2.0], [4], [6]])
    )
    assert distance == pytest.approx(16.3431457505)
    assert high - distance == pytest.approx(Z_95 * 9.24585, rel=1e-5)
    assert low == 0.0  # a distance is never negative


def test_the_distance_is_that_of_frechet_distance():
    rng = np.random.default_rng(0)
    real, fake = statistics(rng.normal(size=(50, 6))), rng.normal(size=(40, 6)) * 1.5
    expected = frechet_distance(real, statistics(fake))
    assert frechet_interval(real, fake)[0] == expected


@pytest.mark.parametrize(
    ("dimensions", "count", "shift"),
    [(8, 300, 0.3), (24, 400, 0.0), (24, 400, 0.3), (24, 16, 0.3)],
    ids=["usual", "same distribution", "more dimensions", "fewer images than dimensions"],
)
def test_covers_the_expected_distance(dimensions, count, shift):
    rng = np.random.default_rng(7)
    mixing = rng.normal(size=(dimensions, dimensions)) / np.sqrt(dimensions)
    real = statistics(rng.normal(size=(1000, dimensions)) @ mixing.T)
    other = mixing + shift * rng.normal(size=mixing.shape) / np.sqrt(dimensions)
    mean = shift * rng.normal(size=dimensions)
    repeats = [
        frechet_interval(real, rng.normal(size=(count, dimensions)) @ other.T + mean)
        for _ in range(200)
    ]
    expected = np.mean([distance for distance, _ in repeats])
    covered = np.mean([low <= expected <= high for _, (low, high) in repeats])
    # Asked for 0.95; with 200 repeats the standard error of the share is 0.015.
    assert covered >= 0.90


def test_is_as_wide_at_the_floor_as_draws_scatter():
    # Without the second-order term it would be 1.41 times as wide.
    rng = np.random.default_rng(11)
    real = gaussian(np.zeros(24), np.eye(24))
    repeats = [frechet_interval(real, rng.normal(size=(400, 24))) for _ in range(100)]
    scatter = Z_95 * np.std([distance for distance, _ in repeats], ddof=1)
    # The standard error of a standard deviation of 100 values is 7 %.
    assert np.mean([high - value for value, (_, high) in repeats]) / scatter == pytest.approx(
        1.0, abs=0.2
    )


def test_the_second_order_term_by_hand():
    # Real: mean 0, variance 1. Fakes -3, -1, 1, 3: mean 0, variance 20/3, T = sqrt(3/20) = 0.3873;
    # the influence 0.6127 x² is 5.5143, 0.6127, 0.6127, 5.5143 with variance 8.0086.
    # Halves -3, 1 and -1, 3: means -1 and 1, variance 8 each, T = sqrt(1/8), 1 - T = 0.646447.
    # Influences 2m (x - m) + 0.646447 (x - m)² differ by -4m² aside by what is odd in x:
    # -2 (x + 1) + 0.646447 (x + 1)² - 2 (x - 1) - 0.646447 (x - 1)² = (-4 + 2.585786) x, whose
    # variance is 2.0 * 20/3 = 13.3333 with 1.414214² = 2.0; a quarter of it is 3.3333.
    # 8.0086 - 3.3333 / 2 = 6.3420; standard error sqrt(6.3420 / 4) = 1.25916.
    distance, (_, high) = frechet_interval(
        gaussian([0.0], [[1.0]]), np.array([[-3.0], [-1.0], [1.0], [3.0]])
    )
    assert high - distance == pytest.approx(Z_95 * 1.25916, rel=1e-4)


def test_is_proportional_to_the_square_of_the_features_scale():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(60, 5)), rng.normal(size=(60, 5)) + 0.5
    distance, (low, high) = frechet_interval(statistics(real), fake)
    tiny, (tiny_low, tiny_high) = frechet_interval(statistics(real * 1e-12), fake * 1e-12)
    assert tiny * 1e24 == pytest.approx(distance, rel=1e-9)
    assert (tiny_high - tiny_low) * 1e24 == pytest.approx(high - low, rel=1e-6)


def test_images_all_alike_leave_no_doubt():
    real = statistics(np.random.default_rng(0).normal(size=(30, 4)))
    distance, (low, high) = frechet_interval(real, np.ones((10, 4)))
    assert low == distance == high


def test_refuses_what_has_no_finite_interval():
    real = statistics(np.random.default_rng(0).normal(size=(30, 2)))
    with pytest.raises(ScoreError, match="finite"):
        frechet_interval(real, np.array([[1.0, np.nan], [2, 3]]))


def draw(rng, count, dimensions=6):
    return rng.normal(size=(count, dimensions))


def test_by_hand():
    # Class 0: real -1, 1 (mean 0, variance 2), fake 2, 4 (mean 3, variance 2): 3² = 9.
    # Class 4: real 0, 2 (mean 1, variance 2), fake 1, 5 (mean 3, variance 8):
    # 2² + (√2 - √8)² = 4 + 2 = 6.
    real, fake = np.array([[-1.0], [0], [1], [2]]), np.array([[1.0], [5], [2], [4]])
    distances = per_class_distances(real, np.array([0, 4, 0, 4]), fake, np.array([4, 4, 0, 0]))
    assert list(distances) == [0, 4]
    assert distances[0][0] == pytest.approx(9)
    assert distances[4][0] == pytest.approx(6)


def test_each_class_is_scored_by_its_own_images_alone():
    rng = np.random.default_rng(0)
    real, fake = draw(rng, 90), draw(rng, 60)
    real_labels, fake_labels = np.arange(90) % 3, np.arange(60) % 3
    fake[fake_labels == 1] += 2
    distances = per_class_distances(real, real_labels, fake, fake_labels)
    for label, received in distances.items():
        statistics = GaussianStatistics.from_features(real[real_labels == label])
        assert received == frechet_interval(statistics, fake[fake_labels == label])
    assert max(distances, key=lambda label: distances[label][0]) == 1


def test_classes_exchanged_are_told_where_the_whole_is_not():
    rng = np.random.default_rng(1)
    labels = np.arange(200) % 2
    real = draw(rng, 200) + 10 * labels[:, None]
    whole = frechet_distance(*[GaussianStatistics.from_features(real)] * 2)
    distances = per_class_distances(real, labels, real, 1 - labels)
    assert whole == pytest.approx(0, abs=1e-8)
    # A shift of 10 in 6 directions, give or take the means of samples: 6 · 10² = 600.
    assert distances[0][0] == pytest.approx(600, rel=0.1)


def test_identical_classes_are_at_distance_zero():
    rng = np.random.default_rng(2)
    values, labels = draw(rng, 100), np.arange(100) % 2
    distances = per_class_distances(values, labels, values, labels)
    assert max(distance for distance, _ in distances.values()) < 1e-9


def test_constant_images_fewer_than_dimensions():
    # Points at (1, 1, 1, 1) and at the origin, twice each: 4 · 1².
    labels = np.array([5, 5])
    distances = per_class_distances(np.ones((2, 4)), labels, np.zeros((2, 4)), labels)
    assert distances == {5: (4.0, (4.0, 4.0))}


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_is_proportional_to_the_square_of_the_scale(scale):
    rng = np.random.default_rng(3)
    mixing = draw(rng, 2, 10)  # rank 2 in 10 dimensions
    real, fake = draw(rng, 40, 2) @ mixing, draw(rng, 40, 2) @ mixing + 1
    labels = np.arange(40) % 2
    plain = per_class_distances(real, labels, fake, labels)
    scaled = per_class_distances(real * scale, labels, fake * scale, labels)
    for label, (distance, _) in plain.items():
        assert scaled[label][0] / scale**2 == pytest.approx(distance, rel=1e-6)


def test_float32_agrees_with_float64():
    rng = np.random.default_rng(4)
    real, fake = draw(rng, 40).astype(np.float32), draw(rng, 40).astype(np.float32)
    labels = np.arange(40) % 2
    double = per_class_distances(real.astype(float), labels, fake.astype(float), labels)
    assert per_class_distances(real, labels, fake, labels) == double


def test_refuses_classes_with_too_few_images_and_names_them_all():
    real_labels, fake_labels = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 3, 2, 2])
    expected = "class 1 has 2 real and 1 fake; class 3 has 0 real and 1 fake. Score more images"
    with pytest.raises(ScoreError, match=expected):
        per_class_distances(np.ones((6, 2)), real_labels, np.ones((6, 2)), fake_labels)


def test_refuses_labels_of_another_number():
    labels = np.array([0, 0, 0])
    with pytest.raises(ScoreError, match=r"received 3 fake images and labels of shape \(2,\)"):
        per_class_distances(np.ones((3, 2)), labels, np.ones((3, 2)), labels[:2])
    with pytest.raises(ScoreError, match=r"received 2 real images and labels of shape \(3,\)"):
        per_class_distances(np.ones((2, 2)), labels, np.ones((3, 2)), labels)


def test_refuses_what_is_not_finite():
    broken, labels = np.full((4, 2), np.nan), np.zeros(4, int)
    with pytest.raises(ScoreError, match="FID per class needs finite features"):
        per_class_distances(np.ones((4, 2)), labels, broken, labels)
