"""Measure the Fréchet distance between two sets of features, in float64."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError
from harness.metrics.features import Matrix, check_features, check_lengths


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianStatistics:
    """The Gaussian that shares the first two moments of features.

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
    return decompose(real, fake)[0]


def decompose(real: GaussianStatistics, fake: GaussianStatistics) -> tuple[float, Matrix, Matrix]:
    """Return the squared Fréchet distance with what it is computed from.

    Every FID is computed here: a study's, an interval's, FID∞'s and `evaluate`'s.

    Args:
        real: As for `frechet_distance`.
        fake: As for `frechet_distance`.

    Returns:
        The distance; the eigenvalues of S C2 S, (d,), rising; its eigenvectors in columns, (d, d).

    Raises:
        ScoreError: As `frechet_distance`.
    """
    check_lengths(real.mean, fake.mean, "FID")
    product = real.root @ fake.covariance @ real.root
    eigenvalues, vectors = np.linalg.eigh((product + product.T) / 2)
    difference = real.mean - fake.mean
    trace_of_root = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    distance = (
        difference @ difference
        + np.trace(real.covariance)
        + np.trace(fake.covariance)
        - 2.0 * trace_of_root
    )
    return max(float(distance), 0.0), eigenvalues, vectors
