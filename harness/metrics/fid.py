"""Measure the Fréchet distance between two sets of features, in float64."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError
from harness.metrics.features import Matrix, check_features, check_lengths


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianStatistics:
    """Summarise features by the Gaussian that shares their first two moments.

    Keep the object of the reference set: its covariance root is the costly half of a distance,
    and it is computed once.

    Args:
        mean: float64, (d,).
        covariance: float64, (d, d), symmetric, normalized by n - 1.
        num_images: How many images they were estimated from.
    """

    mean: Matrix
    covariance: Matrix
    num_images: int

    @classmethod
    def from_features(cls, features: NDArray[np.floating]) -> "GaussianStatistics":
        """Estimate mean and covariance.

        The features are centred in float64 before they are multiplied: the difference of two
        large second moments would lose the small variances.

        Args:
            features: Any float type, (n, d), n at least 2.

        Raises:
            ScoreError: If there are fewer than two rows, or a value is not finite.
        """
        values = check_features(features, "FID")
        mean = values.mean(axis=0)
        centred = values - mean
        with np.errstate(over="ignore", invalid="ignore"):
            covariance = centred.T @ centred / (len(values) - 1)
        if not np.isfinite(covariance).all():
            raise ScoreError(
                f"FID needs features whose squares fit float64; received values up to "
                f"{np.abs(values).max():.3g}."
            )
        return cls(mean, covariance, len(values))

    @functools.cached_property
    def root(self) -> Matrix:
        """Return the symmetric square root of the covariance, (d, d)."""
        eigenvalues, vectors = np.linalg.eigh(self.covariance)
        # A covariance has no negative eigenvalues: those below zero are rounding.
        roots = np.sqrt(np.maximum(eigenvalues, 0.0))
        return np.asarray((vectors * roots) @ vectors.T)


def frechet_distance(real: GaussianStatistics, fake: GaussianStatistics) -> float:
    """Return the squared Fréchet distance between two Gaussians; lower is better.

    |m1 - m2|² + tr(C1) + tr(C2) - 2 tr((C1 C2)^½). With S = C1^½ the last trace is that of
    (S C2 S)^½, a symmetric matrix, so that its eigenvalues are real and no imaginary part is cut
    off, not even where a covariance is singular.

    Args:
        real: Statistics of the reference; its root is computed once and kept.
        fake: Statistics of the generated images.

    Raises:
        ScoreError: If the two have features of different lengths.

    References:
        Heusel et al. 2017, arXiv 1706.08500, equation 6. Deviation: they take a general matrix
        square root of C1 C2; the trace is the same, and here exact on singular covariances.
    """
    eigenvalues = np.asarray(np.linalg.eigvalsh(cross_covariance(real, fake)), dtype=np.float64)
    return distance_from_spectrum(real, fake, eigenvalues)


def cross_covariance(real: GaussianStatistics, fake: GaussianStatistics) -> Matrix:
    """Return S C2 S with S = C1^½, (d, d), symmetric.

    Raises:
        ScoreError: If the two have features of different lengths.
    """
    check_lengths(real.mean, fake.mean, "FID")
    product = real.root @ fake.covariance @ real.root
    return np.asarray((product + product.T) / 2)


def distance_from_spectrum(
    real: GaussianStatistics, fake: GaussianStatistics, eigenvalues: Matrix
) -> float:
    """Return the squared Fréchet distance, given the eigenvalues of `cross_covariance`, (d,)."""
    difference = real.mean - fake.mean
    trace_of_root = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    distance = (
        difference @ difference
        + np.trace(real.covariance)
        + np.trace(fake.covariance)
        - 2.0 * trace_of_root
    )
    return max(float(distance), 0.0)
