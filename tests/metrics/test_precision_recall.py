import numpy as np
import pytest
from scipy.spatial.distance import cdist

from harness.core.errors import ScoreError
from harness.metrics import precision_recall
from harness.metrics.precision_recall import manifold_scores
from tests.metrics.parity_values import precision_recall_inputs, stored_value


def shares(*values):
    return dict(zip(["precision", "recall", "density", "coverage"], values, strict=True))


def naive(real, fake):
    """Follow the papers' formulas word by word, from differences and with loops."""

    def radius(values, k):
        # The image itself comes first, at distance 0.
        return [np.sort(row)[k] for row in cdist(values, values)]

    across = cdist(real, fake)
    near, far, fake_near = radius(real, 3), radius(real, 5), radius(fake, 3)
    n, m = across.shape
    precise = [any(across[i, j] <= near[i] for i in range(n)) for j in range(m)]
    recalled = [any(across[i, j] <= fake_near[j] for j in range(m)) for i in range(n)]
    inside = [[across[i, j] < far[i] for j in range(m)] for i in range(n)]
    return {
        "precision": sum(precise) / m,
        "recall": sum(recalled) / n,
        "density": sum(sum(row) for row in inside) / (5 * m),
        "coverage": sum(any(row) for row in inside) / n,
    }


def draw(rng, count, dimensions=4, shift=0.0):
    return rng.normal(size=(count, dimensions)) + shift


def test_on_a_line_by_hand():
    # Real 0 … 6: the 3rd neighbours lie at 3, 2, 2, 2 (of 3: 2, 4, then 1 or 5), 2, 2, 3; the
    # 5th at 5, 4, 3, 3, 3, 4, 5. Fakes 2.5, 9, 10, 11, 12: 3rd neighbours at 8.5, 2, 2, 2, 3.
    # Precision: 2.5 lies within 2 of 3; the nearest real image to 9 is 6, at 3 = its radius,
    # which is inside; 10 to 12 are out: 2/5.
    # Recall: all seven lie within 8.5 of 2.5: 1.
    # Density, strictly inside: 2.5 in the spheres of 0 (2.5 < 5), 1 (1.5 < 4), 2, 3, 4 (1.5 < 3),
    # 5 (2.5 < 4), 6 (3.5 < 5): 7; 9 in that of 6 (3 < 5), not in that of 5 (4 = 4): 1; 10 in
    # that of 6 (4 < 5): 1; 11 not (5 = 5). 9 / (5 · 5) = 0.36. Coverage: all seven hold 2.5.
    real = np.arange(7.0)[:, None]
    fake = np.array([[2.5], [9], [10], [11], [12]])
    assert manifold_scores(real, fake) == shares(0.4, 1.0, 0.36, 1.0)


@pytest.mark.parametrize(
    ("dimensions", "shift"), [(1, 1.0), (4, 0.5), (30, 0.3), (30, 5.0)], ids=str
)
def test_agrees_with_the_formulas_word_by_word(dimensions, shift):
    rng = np.random.default_rng(dimensions)
    real, fake = draw(rng, 60, dimensions), draw(rng, 45, dimensions, shift)
    assert manifold_scores(real, fake) == naive(real, fake)


def test_agrees_with_an_independent_implementation():
    ours = manifold_scores(*precision_recall_inputs())
    assert ours["precision"] == pytest.approx(stored_value("precision"), abs=1e-4)
    assert ours["recall"] == pytest.approx(stored_value("recall"), abs=1e-4)
    assert 0.1 < ours["precision"] < 0.99  # a comparison of extremes would say little


def test_blocks_do_not_change_the_numbers(monkeypatch):
    rng = np.random.default_rng(1)
    real, fake = draw(rng, 60), draw(rng, 45, shift=0.5)
    whole = manifold_scores(real, fake)
    monkeypatch.setattr(precision_recall, "BLOCK", 7)
    assert manifold_scores(real, fake) == whole


def test_equal_distributions():
    rng = np.random.default_rng(2)
    scores = manifold_scores(draw(rng, 1_500), draw(rng, 1_500))
    assert scores["density"] == pytest.approx(1.0, abs=0.1)
    # 1 - 2⁻⁵ = 0.969, the value the authors derive for large sets.
    assert scores["coverage"] == pytest.approx(0.969, abs=0.015)


def test_recall_and_coverage_fall_with_a_lost_half_precision_does_not():
    rng = np.random.default_rng(3)
    real = np.concatenate([draw(rng, 200), draw(rng, 200, shift=50)])
    scores = manifold_scores(real, draw(rng, 400))
    assert scores["recall"] <= 0.5
    assert scores["coverage"] <= 0.5
    assert scores["precision"] > 0.8


def test_apart_is_zero_in_all():
    rng = np.random.default_rng(4)
    scores = manifold_scores(draw(rng, 50), draw(rng, 50, shift=1e3))
    assert scores == shares(0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_identical_sets_hold_their_ties(offset):
    # In each sphere lie the image itself and four neighbours, the fifth on its edge, outside:
    # density exactly 1, whatever the rounding of the products.
    values = draw(np.random.default_rng(5), 700, 33) + offset
    assert manifold_scores(values, values) == shares(1.0, 1.0, 1.0, 1.0)


def test_integer_grids_full_of_ties():
    rng = np.random.default_rng(6)
    real, fake = (rng.integers(0, 4, (80, 3)).astype(float) for _ in range(2))
    assert manifold_scores(real, fake) == naive(real, fake)


def test_one_constant_fake_repeated():
    # Spheres of radius 0: the fakes are real, and recall the one image that they are.
    rng = np.random.default_rng(7)
    real = draw(rng, 40)
    scores = manifold_scores(real, np.repeat(real[:1], 30, axis=0))
    assert scores["precision"] == 1.0
    assert scores["recall"] == pytest.approx(1 / 40)
    assert scores == naive(real, np.repeat(real[:1], 30, axis=0))


def test_one_constant_image_on_both_sides():
    # On a sphere of radius 0: inside for precision and recall, outside for density and coverage.
    values = np.full((10, 3), 0.1)
    assert manifold_scores(values, values) == shares(1.0, 1.0, 0.0, 0.0)


def test_fewer_images_than_dimensions_and_rank_deficient():
    rng = np.random.default_rng(8)
    mixing = rng.normal(size=(3, 50))
    real, fake = rng.normal(size=(20, 3)) @ mixing, rng.normal(size=(15, 3)) @ mixing
    assert manifold_scores(real, fake) == naive(real, fake)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e12, 1e300])
def test_the_scale_of_the_features_does_not_matter(scale):
    rng = np.random.default_rng(9)
    real, fake = draw(rng, 50), draw(rng, 50, shift=0.7)
    assert manifold_scores(real * scale, fake * scale) == manifold_scores(real, fake)


def test_small_differences_far_from_zero_count():
    rng = np.random.default_rng(10)
    real, fake = draw(rng, 50), draw(rng, 50, shift=0.7)
    assert manifold_scores(real + 1e6, fake + 1e6) == manifold_scores(real, fake)


def test_float32_agrees_with_float64():
    rng = np.random.default_rng(11)
    real, fake = draw(rng, 50).astype(np.float32), draw(rng, 50).astype(np.float32)
    double = manifold_scores(real.astype(np.float64), fake.astype(np.float64))
    assert manifold_scores(real, fake) == double


def test_the_callers_features_stay_as_they_are():
    rng = np.random.default_rng(12)
    real, fake = draw(rng, 20), draw(rng, 20)
    before = real.copy(), fake.copy()
    manifold_scores(real, fake)
    np.testing.assert_array_equal((real, fake), before)


def test_refuses_what_is_not_finite():
    values = draw(np.random.default_rng(13), 20)
    broken = values.copy()
    broken[0, 0] = np.nan
    with pytest.raises(ScoreError, match="finite features; received NaN or infinity in 1 of 20"):
        manifold_scores(broken, values)


def test_refuses_too_few_and_mixed_extractors():
    with pytest.raises(ScoreError, match="coverage needs the features of at least 6 images"):
        manifold_scores(np.ones((5, 2)), np.ones((9, 2)))
    with pytest.raises(ScoreError, match="recall needs the features of at least 4 images"):
        manifold_scores(np.ones((9, 2)), np.ones((3, 2)))
    with pytest.raises(ScoreError, match="received 2 for the real and 3 for the fake"):
        manifold_scores(np.ones((9, 2)), np.ones((9, 3)))
