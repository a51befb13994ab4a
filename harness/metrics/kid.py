"""Measure the kernel distance (KID) between two sets of features, with its standard error."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError
from harness.metrics.features import Matrix, check_features, check_lengths

BLOCK = 1_000


def kernel_distance(real: NDArray[np.floating], fake: NDArray[np.floating]) -> tuple[float, float]:
    """Return the squared kernel distance and its standard error; lower is better.

    The unbiased squared maximum mean discrepancy under the kernel (x·y/d + 1)³: the mean of the
    kernel over pairs of different real images, plus that over pairs of different fakes, minus
    twice that over mixed pairs. Its expectation does not depend on the number of images, so that
    it suits small data, and is 0 for equal distributions: single values may be negative.

    The standard error speaks of other images on both sides, real and fake. It is the jackknife's:
    each image is left out in turn, which its row sum is enough for. Where the two distributions
    are close to equal it is too large, by up to √2 (the jackknife's variance of a statistic is
    biased upwards; Efron & Stein 1981).

    Args:
        real: Features of real images, (n, d), any float type, n at least 3.
        fake: Features of generated images, (m, d), m at least 3.

    Returns:
        The distance and its standard error, in the units of the kernel.

    Raises:
        ScoreError: If there are too few images, the lengths differ, or a value is not finite or
            so large that its sixth power overflows.

    References:
        Bińkowski, Sutherland, Arbel & Gretton 2018, arXiv 1801.01401, section 4. Deviation: they
        average over random subsets of 1,000 and report the spread between them; here all pairs
        count, which has less variance and needs no random numbers.
    """
    real = check_features(real, "KID", minimum=3)
    fake = check_features(fake, "KID", minimum=3)
    check_lengths(real, fake, "KID")
    with np.errstate(over="ignore", invalid="ignore"):
        sums = _row_sums(real, fake)
        distance, standard_error = sums.distance(), sums.standard_error()
    if not np.isfinite([distance, standard_error]).all():
        largest = max(np.abs(real).max(), np.abs(fake).max())
        raise ScoreError(
            f"KID needs features whose sixth powers fit float64; received values up to "
            f"{largest:.3g}. Look at the images that gave them."
        )
    return distance, standard_error


@dataclasses.dataclass(frozen=True, eq=False)
class _RowSums:
    """What each image adds to the three sums of kernel values.

    Args:
        real: Sum over the other real images, (n,).
        fake: Sum over the other fakes, (m,).
        real_to_fake: Sum over all fakes, (n,).
        fake_to_real: Sum over all real images, (m,).
    """

    real: Matrix
    fake: Matrix
    real_to_fake: Matrix
    fake_to_real: Matrix

    def distance(self) -> float:
        n, m = len(self.real), len(self.fake)
        within_real = self.real.sum() / (n * (n - 1))
        within_fake = self.fake.sum() / (m * (m - 1))
        return float(within_real + within_fake - 2.0 * self.real_to_fake.sum() / (n * m))

    def standard_error(self) -> float:
        """Return the jackknife's standard error over both samples."""
        variance = _jackknife_variance(self.real, self.real_to_fake, len(self.fake))
        variance += _jackknife_variance(self.fake, self.fake_to_real, len(self.real))
        return float(np.sqrt(variance))


def _jackknife_variance(within: Matrix, across: Matrix, others: int) -> float:
    """Return (n-1)/n Σ (θᵢ - mean θ)², where θᵢ is the distance without image i of one sample.

    The sums within the other sample are the same in all θᵢ and cancel.

    Args:
        within: Sum of the kernel of each image with the others of its sample, (n,).
        across: Sum of the kernel of each image with the other sample, (n,).
        others: Size of the other sample.
    """
    n = len(within)
    # Leaving image i out removes it as the first and as the second of a pair: twice its row.
    without = (within.sum() - 2.0 * within) / ((n - 1) * (n - 2))
    without -= 2.0 * (across.sum() - across) / ((n - 1) * others)
    return float((n - 1) * without.var())


def _row_sums(real: Matrix, fake: Matrix) -> _RowSums:
    real_to_fake, fake_to_real = np.zeros(len(real)), np.zeros(len(fake))
    for rows, columns in _blocks(len(real), len(fake)):
        kernel = _kernel(real[rows], fake[columns])
        real_to_fake[rows] += kernel.sum(axis=1)
        fake_to_real[columns] += kernel.sum(axis=0)
    return _RowSums(_sums_within(real), _sums_within(fake), real_to_fake, fake_to_real)


def _sums_within(values: Matrix) -> Matrix:
    """Return the sum of the kernel of each row with all other rows; each pair computed once."""
    sums = np.zeros(len(values))
    for rows, columns in _blocks(len(values), len(values)):
        if rows.start > columns.start:
            continue
        kernel = _kernel(values[rows], values[columns])
        if rows.start == columns.start:
            np.fill_diagonal(kernel, 0.0)
        else:
            sums[columns] += kernel.sum(axis=0)
        sums[rows] += kernel.sum(axis=1)
    return sums


def _blocks(n: int, m: int) -> Iterator[tuple[slice, slice]]:
    for row in range(0, n, BLOCK):
        for column in range(0, m, BLOCK):
            yield slice(row, row + BLOCK), slice(column, column + BLOCK)


def _kernel(x: Matrix, y: Matrix) -> Matrix:
    """Return (x·y/d + 1)³ - 1, (n, m).

    A constant cancels in the distance; without the 1 the digits of small features survive:
    (t + 1)³ - 1 = t (t (t + 3) + 3).
    """
    t = x @ y.T
    t /= x.shape[1]
    kernel = t + 3.0
    kernel *= t
    kernel += 3.0
    kernel *= t
    return np.asarray(kernel)
