"""Compute a 95 % interval of a Fréchet distance from the images at hand."""

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError
from harness.metrics.features import Matrix
from harness.metrics.fid import GaussianStatistics, decompose

Z_95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""

# Directions whose variance under both Gaussians is below this share of the largest are rounding.
_RANK_TOLERANCE = 1e-10


def frechet_interval(
    real: GaussianStatistics, features: NDArray[np.floating]
) -> tuple[float, tuple[float, float]]:
    """Return the Fréchet distance of features and a 95 % interval for its expectation at this N.

    The interval speaks of what other noise would give: the same generator, the same reference,
    the same number of images. It leaves out what a training with another seed would change, which
    is usually more, and the bias that every FID of so many images shares.

    The delta method: a distance is a smooth function of the fakes' mean and covariance, so its
    change by one image x more is, to first order,

        2 (m2 - m1)·(x - m2) + (x - m2)ᵀ (I - T) (x - m2),   T = S (S C2 S)^-½ S,   S = C1^½

    where T is the optimal map from the fakes' Gaussian to the real one. The variance of these
    values over the images, divided by their number, is the variance of the distance.

    Args:
        real: Statistics of the reference, taken as fixed.
        features: Features of the generated images, (n, d), n at least 2.

    Returns:
        The distance and (low, high); lower is better, and low is at least 0.

    Raises:
        ScoreError: As `frechet_distance` and `GaussianStatistics.from_features`.

    References:
        van der Vaart 1998, Asymptotic Statistics, chapter 20 (influence functions); the
        derivative of the trace term as in Rippl, Munk & Sturm 2016, arXiv 1507.04090.
    """
    fake = GaussianStatistics.from_features(features)
    distance, eigenvalues, vectors = decompose(real, fake)
    kept = eigenvalues > max(float(eigenvalues[-1]), 0.0) * _RANK_TOLERANCE
    transport = real.root @ (vectors[:, kept] / eigenvalues[kept] ** 0.25)  # T = its square
    influence = _influence(real.mean, np.asarray(features, dtype=np.float64), transport)
    half_width = Z_95 * float(np.sqrt(influence.var(ddof=1) / len(influence)))
    if not np.isfinite(half_width):
        raise ScoreError(
            f"FID of {distance:.3g} has no finite interval: the features reach "
            f"{np.abs(features).max():.3g}. Look at the images that gave them."
        )
    return distance, (max(distance - half_width, 0.0), distance + half_width)


def _influence(real_mean: Matrix, values: Matrix, transport: Matrix) -> Matrix:
    """Return by how much each image moves the distance, (n,), up to a common constant.

    Args:
        real_mean: (d,).
        values: The fakes' features, (n, d).
        transport: (d, rank); times its transpose it is T.
    """
    mean = values.mean(axis=0)
    centred = values - mean
    linear = centred @ (2.0 * (mean - real_mean))
    squares = np.square(centred).sum(axis=1)
    return np.asarray(linear + squares - np.square(centred @ transport).sum(axis=1))
