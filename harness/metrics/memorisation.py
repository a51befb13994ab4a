"""Tell a generator that copies its training images from one that does not."""

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError
from harness.metrics.features import Matrix, centre_together, check_features, check_lengths

BLOCK = 2_000


def nearest_distances(
    queries: NDArray[np.floating], points: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the Euclidean distance of each query to its nearest point, float64, (n,).

    The nearest point of each block of 2,000 is looked for in float32, fast; the distance to it is
    then computed from the difference in float64. Memory: two copies of the queries in float64 and
    a block of distances, however many points there are.

    Args:
        queries: Features, (n, d), any float type.
        points: Features to search, (m, d); training images.

    Raises:
        ScoreError: If there are none, the lengths differ or a value is not finite.
    """
    queries = check_features(queries, "memorisation", minimum=1)
    check_lengths(points, queries, "memorisation")
    nearest = np.full(len(queries), np.inf)
    for start in range(0, max(len(points), 1), BLOCK):
        block = check_features(points[start : start + BLOCK], "memorisation", minimum=1)
        np.minimum(nearest, _nearest_in_block(queries, block), out=nearest)
    return nearest


def _nearest_in_block(queries: Matrix, block: Matrix) -> Matrix:
    block, queries, scale = centre_together(block, queries)
    single = block.astype(np.float32)
    half_norms = np.square(single).sum(axis=1) / 2
    distances = np.empty(len(queries))
    for start in range(0, len(queries), BLOCK):
        rows = queries[start : start + BLOCK]
        # |x - y|² = |x|² - 2 (x·y - |y|²/2): nearest is where the bracket is largest.
        closeness = rows.astype(np.float32) @ single.T
        closeness -= half_norms
        difference = rows - block[closeness.argmax(axis=1)]
        distances[start : start + BLOCK] = np.sqrt(np.square(difference).sum(axis=1))
    return np.asarray(distances * scale)


def memorisation(
    real_distances: NDArray[np.floating], fake_distances: NDArray[np.floating]
) -> tuple[float, float]:
    """Return the share of pairs in which the fake is nearer to training than the real image.

    A pair is one fake and one held-out real image, each with its distance to the nearest
    training image (`nearest_distances`; the caller keeps the real side, which does not change).
    0.5: fakes lie as near to the training images as real images do that the generator never saw.
    1: every fake is nearer, it copies. Below 0.5: fakes are farther away, they are poor rather
    than original. Ties count half. It sees copying that is common; a few copies drown.

    Args:
        real_distances: Of held-out real images to their nearest training image, (n,), n >= 2.
        fake_distances: Of generated images to theirs, (m,), m at least 2.

    Returns:
        The share, and its standard error by the normal approximation: the variances of each
        image's own share of won pairs, over their numbers. 0 where all pairs agree.

    Raises:
        ScoreError: If there are fewer than two on a side, or a value is not finite.

    References:
        Meehan, Chaudhuri & Dasgupta 2020, arXiv 2004.05675: the Mann-Whitney test of these
        distances. Deviations: one cell instead of many, and the share U/(nm) rather than its
        z-value, which grows with the number of images. Standard error: DeLong et al. 1988,
        which holds whether or not there is copying.
    """
    real, fake = _check_distances(real_distances), _check_distances(fake_distances)
    lost_by_real = _share_below(fake, real)
    won_by_fake = 1.0 - _share_below(real, fake)
    variance = lost_by_real.var(ddof=1) / len(real) + won_by_fake.var(ddof=1) / len(fake)
    return float(won_by_fake.mean()), float(np.sqrt(variance))


def _share_below(values: Matrix, limits: Matrix) -> Matrix:
    """Return for each limit the share of values below it, (len(limits),); equal ones half."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, limits, side="left")
    not_above = np.searchsorted(ordered, limits, side="right")
    return np.asarray((below + not_above) / (2.0 * len(values)))


def _check_distances(distances: NDArray[np.floating]) -> Matrix:
    values = np.asarray(distances, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ScoreError(
            f"memorisation needs the finite distances of at least 2 images on each side, as an "
            f"array (n,); received shape {values.shape} with "
            f"{int((~np.isfinite(values)).sum())} not finite. Take them from nearest_distances."
        )
    return values
