"""Find directions of generators whose derivatives are known."""

import numpy as np
import pytest

from harness.exporting.explorer import Draw, main_directions


def linear(matrix: list[list[float]]) -> Draw:
    """Return a generator of images (1, pixels, 1) whose derivative is the matrix."""
    return lambda noise, labels: (noise @ np.array(matrix, np.float32))[:, None, :, None]


def test_directions_are_the_eigenvectors_of_the_derivative_with_the_strongest_first():
    # J J' = diag(1, 9, 0): of all change, 10, the second dimension makes 9 and the first 1.
    found = main_directions(linear([[1, 0], [0, 3], [0, 0]]), 3, num_classes=0)
    np.testing.assert_allclose(found.shares, [0.9, 0.1, 0.0], atol=1e-6)
    np.testing.assert_allclose(found.vectors[:2], [[0, 1, 0], [1, 0, 0]], atol=1e-3)


def test_directions_need_not_lie_along_the_axes():
    # Along (0.6, 0.8) the pixel grows by 5, across it by nothing.
    found = main_directions(linear([[3], [4]]), 2, num_classes=0)
    np.testing.assert_allclose(found.vectors[0], [0.6, 0.8], atol=1e-4)
    np.testing.assert_allclose(found.shares, [1, 0], atol=1e-6)


def test_a_direction_points_to_where_images_grow_brighter():
    found = main_directions(linear([[0, 0], [-3, -2]]), 2, num_classes=0)
    np.testing.assert_allclose(found.vectors[0], [0, -1], atol=1e-4)


def test_directions_are_orthonormal_and_no_more_than_asked_for():
    mixing = np.random.default_rng(3).standard_normal((12, 20)).astype(np.float32)
    found = main_directions(
        lambda noise, labels: np.tanh(noise @ mixing)[:, None, :, None], 12, num_classes=0, count=5
    )
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(5), atol=1e-12)
    assert found.shares.shape == (5,)
    assert (np.diff(found.shares) <= 0).all()
    assert 0.4 < found.shares.sum() < 1


def test_classes_count_alike():
    def draw(noise: np.ndarray, labels: np.ndarray) -> np.ndarray:
        # Class 0 follows the first dimension, class 1 twice the second: shares 1 and 4 of 5.
        return np.where(labels == 0, noise[:, 0], 2 * noise[:, 1])[:, None, None, None]

    found = main_directions(draw, 2, num_classes=2)
    np.testing.assert_allclose(found.shares, [0.8, 0.2], atol=1e-4)
    np.testing.assert_allclose(found.vectors, [[0, 1], [1, 0]], atol=1e-4)


@pytest.mark.parametrize("count", [1, 4])
def test_a_generator_that_ignores_its_noise_has_directions_without_a_share(count: int):
    found = main_directions(
        lambda noise, labels: np.zeros((len(noise), 4, 4, 1)), 4, num_classes=0, count=count
    )
    assert (found.shares == 0).all()
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(count), atol=1e-12)


def test_the_same_generator_has_the_same_directions():
    draw = linear([[1, 2], [3, 4]])
    once, again = (main_directions(draw, 2, num_classes=0) for _ in range(2))
    assert (once.vectors == again.vectors).all()
