"""Measure the kernel distance (KID) between two sets of features, with its standard error."""

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
        within, across = _row_sums(real, fake)
        distance = sum(sums.sum() / (len(sums) * (len(sums) - 1)) for sums in within)
        distance = float(distance - 2.0 * across[0].sum() / (len(real) * len(fake)))
        variances = map(_jackknife_variance, within, across, (len(fake), len(real)))
        standard_error = float(np.sqrt(sum(variances)))
    if not np.isfinite([distance, standard_error]).all():
        largest = max(np.abs(real).max(), np.abs(fake).max())
        raise ScoreError(
            f"KID needs features whose sixth powers fit float64; received values up to "
            f"{largest:.3g}. Look at the images that gave them."
        )
    return distance, standard_error


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


def _row_sums(real: Matrix, fake: Matrix) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
    """Return each image's sums of the kernel; each pair is computed once.

    Returns:
        Its sum over the other images of its own sample, (n,) and (m,); over the other sample.
    """
    samples = (real, fake)
    sums = [np.zeros((2, len(sample))) for sample in samples]
    blocks = [
        (side, slice(start, start + BLOCK))
        for side, sample in enumerate(samples)
        for start in range(0, len(sample), BLOCK)
    ]
    for number, (side, rows) in enumerate(blocks):
        for other, columns in blocks[number:]:
            kernel = _kernel(samples[side][rows], samples[other][columns])
            if (side, rows) == (other, columns):
                np.fill_diagonal(kernel, 0.0)
            else:
                sums[other][side, columns] += kernel.sum(axis=0)
            sums[side][other, rows] += kernel.sum(axis=1)
    return (sums[0][0], sums[1][1]), (sums[0][1], sums[1][0])


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
