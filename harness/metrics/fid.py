"""Measure the Fréchet distance between two sets of features, with its interval, or by class."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError
from harness.metrics.features import Matrix, check_features, check_lengths

Z_95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""

# Directions whose variance under both Gaussians is below this share of the largest are rounding.
_RANK_TOLERANCE = 1e-10

_FEWEST_HALVED = 4
"""Each half of the images needs two."""


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
    values over the images, divided by their number, is the variance of the distance, as long as
    the two distributions differ by more than the sample's noise.

    Near the floor the distance is no longer linear in that noise, and T is little else than it:
    the second-order term counts whole in the variance of these values, but only half in that of
    the distance. It is a quarter of the variance of what the halves of the images disagree by, and
    half of it is taken off. Without it the interval at the floor is 1.4 times too wide.

    Where the images' labels are fixed, as a study's are, what their classes would vary in number
    is counted nevertheless, so that the interval is an upper bound. In fewer than ten dimensions
    the distance at the floor is skewed, and such an interval holds its expectation in 80 to 90 %.

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
    values = check_features(features, "FID")
    distance, influence = influence_of_images(real, values, values)
    variance = influence.var(ddof=1)
    if len(values) >= _FEWEST_HALVED:
        first, second = (
            influence_of_images(real, values, values[start::2])[1] for start in (0, 1)
        )
        variance -= min((first - second).var(ddof=1) / 4.0, variance) / 2.0
    half = half_width(variance, values)
    return distance, (max(distance - half, 0.0), distance + half)


def half_width(variance: float, values: Matrix) -> float:
    """Return half the 95 % interval of a mean over images, each with this variance.

    Raises:
        ScoreError: If it is not finite.
    """
    half = Z_95 * float(np.sqrt(variance / len(values)))
    if not np.isfinite(half):
        raise ScoreError(
            f"FID has no finite interval: the features reach {np.abs(values).max():.3g}. Look at "
            f"the images that gave them."
        )
    return half


def influence_of_images(
    real: GaussianStatistics, values: Matrix, sample: Matrix
) -> tuple[float, Matrix]:
    """Return a sample's distance, and by how much each image would move it, up to a constant.

    Args:
        real: Statistics of the reference.
        values: Features of the images that would be added, (n, d).
        sample: Features of those whose distance it is, (m, d).
    """
    fake = GaussianStatistics.from_features(sample)
    distance, eigenvalues, vectors = decompose(real, fake)
    kept = eigenvalues > max(float(eigenvalues[-1]), 0.0) * _RANK_TOLERANCE
    transport = real.root @ (vectors[:, kept] / eigenvalues[kept] ** 0.25)  # T = its square
    centred = values - fake.mean
    linear = centred @ (2.0 * (fake.mean - real.mean))
    squares = np.square(centred).sum(axis=1)
    return distance, linear + squares - np.square(centred @ transport).sum(axis=1)


ClassDistances = dict[int, tuple[float, tuple[float, float]]]


def per_class_distances(
    real_features: NDArray[np.floating],
    real_labels: NDArray[np.integer],
    fake_features: NDArray[np.floating],
    fake_labels: NDArray[np.integer],
) -> ClassDistances:
    """Return the Fréchet distance of each class with its 95 % interval; lower is better.

    An overall distance forgives a generator that draws one class badly, or one for another. A
    class has fewer images than the whole, so these distances are larger by their bias than the
    overall one: compare them with each other, where the classes have equally many images.

    Args:
        real_features: (n, d), any float type.
        real_labels: Integers, (n,).
        fake_features: (m, d).
        fake_labels: Integers, (m,): the classes asked for.

    Returns:
        By label, in rising order: the distance and (low, high), as `frechet_interval`.

    Raises:
        ScoreError: If a class that occurs on either side has fewer than 2 images on a side, if
            there is not one label an image, or as `check_features`.
    """
    real = check_features(real_features, "FID per class")
    fake = check_features(fake_features, "FID per class")
    check_lengths(real, fake, "FID per class")
    for side, values, labels in (("real", real, real_labels), ("fake", fake, fake_labels)):
        if labels.shape != (len(values),):
            raise ScoreError(
                f"FID per class needs one label an image; received {len(values)} {side} images "
                f"and labels of shape {labels.shape}."
            )
    by_class = {
        int(label): (real[real_labels == label], fake[fake_labels == label])
        for label in np.union1d(real_labels, fake_labels)
    }
    scarce = [
        f"class {label} has {len(ours)} real and {len(theirs)} fake"
        for label, (ours, theirs) in by_class.items()
        if min(len(ours), len(theirs)) < 2
    ]
    if scarce:
        raise ScoreError(
            f"FID per class needs at least 2 images of each class on both sides; "
            f"{'; '.join(scarce)}. Score more images, with the reference's frequencies of labels."
        )
    return {
        label: frechet_interval(GaussianStatistics.from_features(ours), theirs)
        for label, (ours, theirs) in by_class.items()
    }
