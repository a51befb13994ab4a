"""Extrapolate the Fréchet distance to endlessly many generated images (FID∞)."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics.features import Matrix, check_features
from harness.metrics.fid import (
    GaussianStatistics,
    frechet_distance,
    half_width,
    influence_of_images,
)

NUM_SIZES = 15
SMALLEST = 5_000


def fewest_images(dimensions: int) -> int:
    """Return from how many images on features of so many dimensions can be extrapolated.

    Half of them, the smallest subset, must not be fewer than the dimensions.
    """
    return max(2 * NUM_SIZES, 2 * dimensions)


def frechet_at_infinity(
    real: GaussianStatistics, features: NDArray[np.floating], seed: int
) -> tuple[float, tuple[float, float]]:
    """Return the Fréchet distance extrapolated to infinitely many fakes, and a 95 % interval.

    At N images the distance is too large by about c/N, and c depends on the generator. Distances
    of random subsets of 15 sizes are fitted by a line in 1/N; its value at 1/N = 0 is returned.
    The bias that the reference's own finite number causes remains.

    The interval is the first-order one. An image's influence on a distance (`frechet_interval`)
    enters the result through every subset that holds it, times the subset's weight in the
    least-squares fit; so the interval counts how the regression amplifies the noise of the
    sample and of the drawn subsets. The scatter about the line is the same noise, and not added.

    A line in 1/N fits where the subsets hold several times as many images as the features have
    dimensions. It bends below, and the result is too low: by little at twice the dimensions, by
    more than the distance itself where subsets are smaller than them, which is refused.

    Args:
        real: Statistics of the reference, taken as fixed.
        features: Features of the generated images, (n, d), n at least `fewest_images(d)`.
        seed: Origin of the subsets; the same seed, the same number.

    Returns:
        The distance and (low, high); lower is better. Near 0 all three may be negative: cutting
        them off would bring back a bias.

    Raises:
        ScoreError: If there are too few images, or as `frechet_interval`.

    References:
        Chong & Forsyth 2020, arXiv 1911.07023, section 4: 15 regularly spaced sizes from 5,000 to
        N. Deviations: below N = 10,000 the smallest is N / 2; the interval, of which they have
        none; pseudo-random noise is taken as it comes, not as a Sobol sequence.
    """
    values = check_features(features, "FID∞", minimum=fewest_images(np.shape(features)[-1]))
    sizes = _subset_sizes(len(values))
    subsets = _draw_subsets(len(values), sizes, seed)
    distances = [
        frechet_distance(real, GaussianStatistics.from_features(values[rows])) for rows in subsets
    ]
    value, weights = _intercept(1.0 / sizes, np.array(distances))
    influence = influence_of_images(real, values, values)[1]
    at_count = half_width(influence.var(ddof=1), values)  # at N, where each image weighs 1/N
    shares = _image_weights(len(values), subsets, weights)
    half = at_count * float(np.sqrt(len(values) * np.square(shares).sum()))
    return value, (value - half, value + half)


def _subset_sizes(count: int) -> NDArray[np.int64]:
    return np.linspace(min(SMALLEST, count // 2), count, NUM_SIZES).astype(np.int64)


def _draw_subsets(count: int, sizes: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Return the rows of each subset: without replacement, shuffled anew for each size."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(count)[:size] for size in sizes]


def _intercept(x: Matrix, y: Matrix) -> tuple[float, Matrix]:
    """Return where the least-squares line meets x = 0, and the weight of each y in it, (15,)."""
    deviations = x - x.mean()
    weights = 1.0 / len(x) - x.mean() * deviations / np.square(deviations).sum()
    return float(weights @ y), weights


def _image_weights(count: int, subsets: list[NDArray[np.int64]], weights: Matrix) -> Matrix:
    """Return how much each image weighs in the intercept, (count,); together 1."""
    images = np.zeros(count)
    for rows, weight in zip(subsets, weights, strict=True):
        images[rows] += weight / len(rows)
    return images
