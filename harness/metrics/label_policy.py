"""Decide which labels a comparison takes, and which of the images at hand."""

import warnings

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import ConfigError, ScoreError
from harness.data.image_dataset import ImageDataset, Split


def choose_rows(
    count: int, *, labels: NDArray[np.integer] | None, wanted: NDArray[np.integer] | None
) -> NDArray[np.intp]:
    """Return rows with the wanted labels, the first of each class; else simply the first rows.

    Args:
        count: How many to choose, at most as many as there are.
        labels: Class of each image at hand, (n,); None where there are none.
        wanted: Class of each image to compare, (count,), as the evaluator asks for; None for an
            unlabelled reference.

    Returns:
        Row numbers, (count,). In the order of `wanted` where every class has enough images.
    """
    first = np.arange(count)
    if labels is None or wanted is None:
        return first
    classes, needed = np.unique(wanted, return_counts=True)
    found = [
        np.flatnonzero(labels == label)[:number]
        for label, number in zip(classes, needed, strict=True)
    ]
    if any(len(rows) < number for rows, number in zip(found, needed, strict=True)):
        return first
    return np.concatenate(found)


def draw_labels(labels: NDArray[np.int32] | None, count: int) -> NDArray[np.int32] | None:
    """Return `count` labels, sorted, in the proportions of these; None for none.

    Args:
        labels: Labels of the reference, (n,).
        count: How many to return; the largest remainders are rounded up.
    """
    if labels is None:
        return None
    exact = np.bincount(labels) * (count / len(labels))
    counts = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(counts - exact, kind="stable")
    counts[by_remainder[: count - counts.sum()]] += 1
    return np.repeat(np.arange(len(counts), dtype=np.int32), counts)


def check_labels(
    labels: NDArray[np.integer], count: int, dataset: ImageDataset
) -> NDArray[np.int32]:
    """Return labels as int32, (count,).

    Args:
        labels: Integers, one an image.
        count: How many images there are.
        dataset: What the classes belong to.

    Raises:
        ScoreError: If they are not that many, no integers, or not of the data set's classes.
    """
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ScoreError(
            f"{dataset.name}: expected one integer label an image; received {count} images and "
            f"{labels.dtype} labels of shape {labels.shape}."
        )
    if count and not 0 <= labels.min() <= labels.max() < max(dataset.num_classes, 1):
        raise ScoreError(
            f"{dataset.name}: labels must lie from 0 to {dataset.num_classes - 1}; received "
            f"{labels.min()} to {labels.max()}."
        )
    return labels.astype(np.int32)


def fitting_number(num_images: int, reference: Split) -> int:
    """Return how many images to compare with a reference: no more than it has, with a warning.

    Args:
        num_images: The number asked for.
        reference: Whose images they are compared with.

    Raises:
        ConfigError: If it is below 2.
    """
    if num_images < 2:
        raise ConfigError(f"num_images: received {num_images}; expected at least 2.")
    if num_images > len(reference):
        warnings.warn(
            f"{reference.name} has {len(reference)} images: scores use {len(reference)} instead "
            f"of {num_images}, and FID of so few is biased upwards.",
            stacklevel=3,
        )
    return min(num_images, len(reference))
