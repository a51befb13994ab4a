import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

from harness.core.errors import ScoreError
from harness.metrics import memorisation as module
from harness.metrics.memorisation import memorisation, nearest_distances


def draw(rng, count, dimensions=8):
    return rng.normal(size=(count, dimensions))


def score(train, held_out, fake):
    return memorisation(nearest_distances(held_out, train), nearest_distances(fake, train))


def test_pairs_by_hand():
    # Fake 1 is below 2, 3 and 3: wins 3 of 3. Fake 3 is above 2, ties with two: 1 of 3.
    # Share (1 + 1/3) / 2 = 2/3. Fakes: 1, 1/3, variance 2/9, over 2: 1/9. Real 2: beaten by one
    # of two, 1/2; each 3: by one and a tie, 3/4. Variance of 1/2, 3/4, 3/4: 1/48, over 3: 1/144.
    # Together 17/144.
    share, error = memorisation(np.array([3.0, 2, 3]), np.array([1.0, 3]))
    assert share == pytest.approx(2 / 3)
    assert error == pytest.approx(np.sqrt(17) / 12)


@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_the_mann_whitney_statistic(ties):
    rng = np.random.default_rng(0)
    real, fake = rng.gamma(4.0, size=80), rng.gamma(3.0, size=50)
    if ties:
        real, fake = real.round(), fake.round()
    expected = mannwhitneyu(real, fake).statistic / (80 * 50)
    assert memorisation(real, fake)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_the_standard_error_is_the_spread_of_other_samples(shift):
    rng = np.random.default_rng(1)
    shares, errors = np.array(
        [memorisation(rng.normal(size=70) + shift, rng.normal(size=50)) for _ in range(1_000)]
    ).T
    # The spread of 1,000 values is known to 1 / sqrt(2 · 1,000) = 2.2 %.
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(shares.std(ddof=1), rel=0.09)


def test_new_images_of_the_same_distribution_copy_nothing():
    rng = np.random.default_rng(2)
    share, error = score(draw(rng, 600), draw(rng, 300), draw(rng, 300))
    assert abs(share - 0.5) < 4 * error
    assert error < 0.03


def test_copies_are_told():
    rng = np.random.default_rng(3)
    train = draw(rng, 300)
    assert score(train, draw(rng, 100), train[:80]) == (1.0, 0.0)
    near_copies = train[:80] + 0.05 * draw(rng, 80)
    assert score(train, draw(rng, 100), near_copies)[0] > 0.99


def test_poor_images_are_below_one_half():
    rng = np.random.default_rng(4)
    assert score(draw(rng, 300), draw(rng, 100), 3 * draw(rng, 100))[0] < 0.05


def test_a_set_against_itself_is_one_half():
    rng = np.random.default_rng(5)
    held_out = draw(rng, 100)
    assert score(draw(rng, 300), held_out, held_out)[0] == 0.5


def test_one_constant_image_repeated():
    # All distances equal: every pair a tie.
    train, rest = np.zeros((9, 3)), np.ones((5, 3))
    assert score(train, rest, rest) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("queries", "points", "dimensions"), [(40, 300, 8), (40, 300, 200), (5, 3, 30)], ids=str
)
def test_nearest_distances_agree_with_all_differences(monkeypatch, queries, points, dimensions):
    monkeypatch.setattr(module, "BLOCK", 64)
    rng = np.random.default_rng(6)
    x, y = draw(rng, queries, dimensions), draw(rng, points, dimensions)
    np.testing.assert_allclose(nearest_distances(x, y), cdist(x, y).min(axis=1), rtol=1e-9)


def test_a_copy_is_at_distance_zero_far_from_the_origin():
    points = draw(np.random.default_rng(7), 500) + 1e3
    np.testing.assert_allclose(nearest_distances(points[::7], points), 0.0, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e12, 1e300])
def test_distances_are_proportional_to_the_scale(scale):
    rng = np.random.default_rng(8)
    x, y = draw(rng, 30), draw(rng, 50)
    expected = nearest_distances(x, y)
    np.testing.assert_allclose(nearest_distances(x * scale, y * scale) / scale, expected)


def test_rank_deficient_features():
    rng = np.random.default_rng(9)
    mixing = rng.normal(size=(2, 40))
    x, y = draw(rng, 20, 2) @ mixing, draw(rng, 30, 2) @ mixing
    np.testing.assert_allclose(nearest_distances(x, y), cdist(x, y).min(axis=1), rtol=1e-6)


def test_float32_agrees_with_float64():
    rng = np.random.default_rng(10)
    x, y = draw(rng, 30).astype(np.float32), draw(rng, 50).astype(np.float32)
    double = nearest_distances(x.astype(np.float64), y.astype(np.float64))
    np.testing.assert_array_equal(nearest_distances(x, y), double)


@pytest.mark.parametrize("side", ["queries", "points"])
def test_nearest_distances_refuse_what_is_not_finite(side):
    arrays = {"queries": np.ones((4, 2)), "points": np.ones((4, 2))}
    arrays[side][1, 1] = np.nan
    with pytest.raises(ScoreError, match="memorisation needs finite features"):
        nearest_distances(**arrays)


def test_nearest_distances_refuse_no_points_and_mixed_extractors():
    with pytest.raises(ScoreError, match="at least 1 images"):
        nearest_distances(np.ones((4, 2)), np.ones((0, 2)))
    with pytest.raises(ScoreError, match="received 3 for the real and 2 for the fake"):
        nearest_distances(np.ones((4, 2)), np.ones((4, 3)))


@pytest.mark.parametrize("bad", [np.ones(1), np.ones((3, 3)), np.array([1.0, np.nan])])
def test_memorisation_refuses_what_are_no_distances(bad):
    with pytest.raises(ScoreError, match="finite distances of at least 2 images"):
        memorisation(np.ones(5), bad)
