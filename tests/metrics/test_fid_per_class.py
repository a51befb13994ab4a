import numpy as np
import pytest

from harness.core.errors import ScoreError
from harness.metrics.fid import GaussianStatistics, frechet_distance
from harness.metrics.fid_interval import frechet_interval
from harness.metrics.fid_per_class import per_class_distances


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


def test_identical_sets_are_at_distance_zero():
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
