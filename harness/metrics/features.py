"""Check features before any metric turns them into a number."""

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError

Matrix = NDArray[np.float64]


def check_features(features: NDArray[np.floating], metric: str, *, minimum: int = 2) -> Matrix:
    """Return features as float64, (n, d), or say why no metric can use them.

    Args:
        features: Any float type, (n, d). Not changed; a copy is made only of other types.
        metric: What the number would have been called, for the message, e.g. `FID`.
        minimum: The fewest images that the metric is defined for.

    Raises:
        ScoreError: If there are fewer rows, no columns, or a value is not finite.
    """
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or len(values) < minimum or not values.shape[1]:
        raise ScoreError(
            f"{metric} needs the features of at least {minimum} images, as an array (n, d); "
            f"received shape {values.shape}. Score more images."
        )
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise ScoreError(
            f"{metric} needs finite features; received NaN or infinity in "
            f"{int((~finite).sum())} of {len(values)} rows. Look at the images that gave them."
        )
    return values


def check_lengths(real: NDArray[np.floating], fake: NDArray[np.floating], metric: str) -> None:
    """Refuse features whose last axes differ: they come from different extractors.

    Args:
        real: (..., d).
        fake: (..., d).
        metric: What the number would have been called, for the message.

    Raises:
        ScoreError: If the lengths differ.
    """
    if real.shape[-1] != fake.shape[-1]:
        raise ScoreError(
            f"{metric} needs features of one length; received {real.shape[-1]} for the real and "
            f"{fake.shape[-1]} for the fake images. Take both from the same extractor."
        )


def centre_together(first: Matrix, second: Matrix) -> tuple[Matrix, Matrix, float]:
    """Move and scale two sets alike, so that their distances can be computed from products.

    |x|² + |y|² - 2 x·y loses the digits of small distances far from the origin, and overflows or
    vanishes for extreme features. Neither a common shift nor a power of two as scale (exact in
    floating point) changes which of two distances is the smaller.

    Args:
        first: (n, d); its mean becomes the origin.
        second: (m, d).

    Returns:
        Copies of both, the values of the first within [-2, 2], and the scale: distances in the
        copies times the scale are the original ones.
    """
    largest = max(first.max(), -first.min(), second.max(), -second.min())
    exponent = np.frexp(largest)[1]
    first, second = np.ldexp(first, -exponent), np.ldexp(second, -exponent)
    mean = first.mean(axis=0)
    first -= mean
    second -= mean
    return first, second, float(np.ldexp(1.0, exponent))
