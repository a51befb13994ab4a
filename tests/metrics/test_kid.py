import itertools

import numpy as np
import pytest

from harness.core.errors import ScoreError
from harness.metrics import kid
from harness.metrics.kid import kernel_distance
from tests.metrics.parity_values import KID_DIMENSIONS, kid_inputs, stored_value


def naive(real, fake):
    def k(x, y):
        return (x @ y / len(x) + 1) ** 3

    def within(values):
        return np.mean([k(x, y) for x, y in itertools.permutations(values, 2)])

    return within(real) + within(fake) - 2 * np.mean([k(x, y) for x in real for y in fake])


def naive_jackknife(real, fake):
    variance = 0.0
    for values, distance in (
        (real, lambda kept: naive(kept, fake)),
        (fake, lambda kept: naive(real, kept)),
    ):
        without = [distance(np.delete(values, i, axis=0)) for i in range(len(values))]
        variance += (len(values) - 1) * np.var(without)
    return np.sqrt(variance)


def draw(rng, count, dimensions=8, shift=0.0):
    return rng.normal(size=(count, dimensions)) + shift


def test_one_dimension_by_hand():
    # Kernel (xy + 1)³. Real 0, 1, 2: pairs 1, 1, 27, mean 29/3. Fake 1, 1, 3: pairs 8, 64, 64,
    # mean 136/3. Mixed: 0 gives 1 + 1 + 1, 1 gives 8 + 8 + 64, 2 gives 27 + 27 + 343: mean
    # 480/9. Distance 29/3 + 136/3 - 2 · 480/9 = -155/3.
    real, fake = np.array([[0.0], [1], [2]]), np.array([[1.0], [1], [3]])
    assert kernel_distance(real, fake)[0] == pytest.approx(-155 / 3)


def test_agrees_with_the_definition_and_with_leaving_each_image_out():
    rng = np.random.default_rng(0)
    real, fake = draw(rng, 12, 3), draw(rng, 9, 3, shift=0.4)
    distance, error = kernel_distance(real, fake)
    assert distance == pytest.approx(naive(real, fake), rel=1e-10)
    assert error == pytest.approx(naive_jackknife(real, fake), rel=1e-9)


def test_blocks_do_not_change_the_numbers(monkeypatch):
    rng = np.random.default_rng(1)
    real, fake = draw(rng, 53), draw(rng, 38, shift=0.3)
    whole = kernel_distance(real, fake)
    monkeypatch.setattr(kid, "BLOCK", 7)
    assert kernel_distance(real, fake) == pytest.approx(whole, rel=1e-10)


@pytest.mark.parametrize("dimensions", KID_DIMENSIONS)
def test_agrees_with_an_independent_implementation(dimensions):
    expected = stored_value(f"kid_{dimensions}")
    assert kernel_distance(*kid_inputs(dimensions))[0] == pytest.approx(expected, rel=1e-4)


def repeat(rng, shift, times=400):
    values = [kernel_distance(draw(rng, 60), draw(rng, 80, shift=shift)) for _ in range(times)]
    return np.array(values).T


def test_the_standard_error_is_the_spread_of_other_samples():
    distances, errors = repeat(np.random.default_rng(3), shift=0.5)
    # The spread of 400 values is known to 1 / sqrt(2 · 400) = 3.5 %.
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(distances.std(ddof=1), rel=0.12)


def test_between_equal_distributions_the_standard_error_is_on_the_safe_side():
    distances, errors = repeat(np.random.default_rng(4), shift=0.0)
    ratio = np.mean(errors**2) / distances.var(ddof=1)
    # 2 for a statistic made of pairs alone; 400 values leave 7 % of doubt.
    assert 1.0 < ratio < 2.3
    # Unbiased: the mean is 0 up to four of its standard errors.
    assert abs(distances.mean()) < 4 * distances.std() / np.sqrt(len(distances))


def test_grows_as_the_fake_set_moves_away():
    rng = np.random.default_rng(5)
    real, fake = draw(rng, 100), draw(rng, 100)
    distances = [kernel_distance(real, fake + shift)[0] for shift in (0.0, 0.3, 1.0, 3.0)]
    assert distances == sorted(distances)


def test_identical_sets_are_below_zero_by_the_pairs_of_an_image_with_itself():
    # Those pairs, of mean a, count among the mixed n² only; the others have the mean b. Twice b,
    # less 2 ((n - 1) b + a) / n, is 2 (b - a) / n.
    values = draw(np.random.default_rng(6), 100)
    products = (values @ values.T / 8 + 1) ** 3
    a = np.trace(products) / 100
    b = (products.sum() - np.trace(products)) / (100 * 99)
    distance, _ = kernel_distance(values, values)
    assert distance == pytest.approx(2 * (b - a) / 100)


def test_one_constant_image_repeated():
    # Kernel 27 among the real, 1 among the fakes and between them: 27 + 1 - 2 = 26, certainly.
    real, fake = np.full((10, 4), np.sqrt(2)), np.zeros((7, 4))
    distance, error = kernel_distance(real, fake)
    assert distance == pytest.approx(26)
    assert error == pytest.approx(0, abs=1e-12)


def test_fewer_images_than_dimensions_and_rank_deficient():
    rng = np.random.default_rng(7)
    mixing = rng.normal(size=(2, 30))
    real, fake = rng.normal(size=(9, 2)) @ mixing, rng.normal(size=(8, 2)) @ mixing
    assert kernel_distance(real, fake)[0] == pytest.approx(naive(real, fake), rel=1e-9)


def test_float32_agrees_with_float64():
    rng = np.random.default_rng(8)
    real, fake = draw(rng, 50).astype(np.float32), draw(rng, 60).astype(np.float32)
    double = kernel_distance(real.astype(np.float64), fake.astype(np.float64))
    assert kernel_distance(real, fake) == double


def test_the_digits_of_tiny_features_survive():
    # To first order (t + 1)³ - 1 = 3t: the distance is 3/d times that of the products, which is
    # proportional to the square of the scale.
    rng = np.random.default_rng(9)
    real, fake = draw(rng, 40), draw(rng, 40, shift=1.0)
    distance, error = kernel_distance(real * 1e-9, fake * 1e-9)
    tinier = kernel_distance(real * 1e-12, fake * 1e-12)
    assert tinier == pytest.approx((distance * 1e-6, error * 1e-6), rel=1e-6)
    assert distance > 0


def test_refuses_features_whose_sixth_powers_overflow():
    values = draw(np.random.default_rng(10), 20)
    assert np.isfinite(kernel_distance(values * 1e20, values)[0])
    with pytest.raises(ScoreError, match="sixth powers fit float64; received values up to"):
        kernel_distance(values * 1e60, values)


def test_refuses_what_is_not_finite():
    values = draw(np.random.default_rng(11), 20)
    broken = values.copy()
    broken[3, 3] = np.nan
    with pytest.raises(ScoreError, match="KID needs finite features"):
        kernel_distance(values, broken)


def test_refuses_too_few_and_mixed_extractors():
    with pytest.raises(ScoreError, match="KID needs the features of at least 3 images"):
        kernel_distance(np.ones((9, 2)), np.ones((2, 2)))
    with pytest.raises(ScoreError, match="received 2 for the real and 4 for the fake"):
        kernel_distance(np.ones((9, 2)), np.ones((9, 4)))
