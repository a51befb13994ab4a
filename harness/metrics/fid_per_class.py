"""Measure the Fréchet distance within each class."""

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ScoreError
from harness.metrics.features import check_features, check_lengths
from harness.metrics.fid import GaussianStatistics
from harness.metrics.fid_interval import frechet_interval

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
    _check_labels(real_labels, len(real), "real")
    _check_labels(fake_labels, len(fake), "fake")
    classes = [int(label) for label in np.union1d(real_labels, fake_labels)]
    _check_counts(classes, real_labels, fake_labels)
    return {
        label: frechet_interval(
            GaussianStatistics.from_features(real[real_labels == label]),
            fake[fake_labels == label],
        )
        for label in classes
    }


def _check_labels(labels: NDArray[np.integer], count: int, side: str) -> None:
    if labels.shape != (count,):
        raise ScoreError(
            f"FID per class needs one label an image; received {count} {side} images and labels "
            f"of shape {labels.shape}."
        )


def _check_counts(
    classes: list[int], real_labels: NDArray[np.integer], fake_labels: NDArray[np.integer]
) -> None:
    scarce = []
    for label in classes:
        real, fake = int((real_labels == label).sum()), int((fake_labels == label).sum())
        if min(real, fake) < 2:
            scarce.append(f"class {label} has {real} real and {fake} fake")
    if scarce:
        raise ScoreError(
            f"FID per class needs at least 2 images of each class on both sides; "
            f"{'; '.join(scarce)}. Score more images, with the reference's frequencies of labels."
        )
