import numpy as np
import pytest

from harness.core.errors import ScoreError
from harness.metrics.fid import GaussianStatistics, frechet_distance
from harness.metrics.fid_interval import Z_95, frechet_interval


def statistics(features):
    return GaussianStatistics.from_features(features)


def test_one_dimension_by_hand():
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
    [(8, 300, 0.3), (8, 300, 0.0), (24, 400, 0.3), (24, 16, 0.3)],
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
