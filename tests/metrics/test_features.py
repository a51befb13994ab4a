import numpy as np
import pytest

from harness.core.errors import ScoreError
from harness.metrics.features import centre_together, check_features, check_lengths


def test_other_types_become_float64():
    checked = check_features(np.ones((3, 2), np.float32), "FID")
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, np.ones((3, 2)))


def test_float64_is_not_copied():
    values = np.ones((3, 2))
    assert check_features(values, "FID") is values


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_refuses_what_is_not_finite_and_says_in_how_many_rows(bad):
    features = np.ones((5, 3))
    features[[1, 3], 2] = bad
    with pytest.raises(ScoreError, match=r"KID needs finite .* infinity in 2 of 5 rows"):
        check_features(features, "KID")


@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (12,), (2, 2, 4), (6, 0)])
def test_refuses_another_form_than_enough_rows(shape):
    with pytest.raises(ScoreError, match="recall needs the features of at least 4 images"):
        check_features(np.zeros(shape), "recall", minimum=4)


def test_refuses_features_of_different_extractors():
    with pytest.raises(ScoreError, match="received 3 for the real and 2 for the fake"):
        check_lengths(np.zeros((5, 3)), np.zeros((5, 2)), "KID")


def test_centring_keeps_distances_up_to_the_scale():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(5, 3)) * 300 + 1e4, rng.normal(size=(4, 3)) * 300 + 1e4
    first, second, scale = centre_together(one, other)
    np.testing.assert_allclose(first.mean(axis=0), 0.0, atol=1e-15)
    assert np.abs(first).max() <= 2
    np.testing.assert_allclose((first[:, None] - second) * scale, one[:, None] - other)
    # The next power of two above the largest value, about 10,700.
    assert scale == 16_384


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e300])
def test_centring_takes_every_magnitude(value):
    first, second, _ = centre_together(np.full((3, 2), value), np.full((2, 2), -value))
    np.testing.assert_array_equal(first, 0.0)
    assert np.isfinite(second).all()
