"""Hold images out for validation and test: the same ones on every machine."""

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.data.images import ImageDataset, Split
from harness.errors import DataError

# Fashion-MNIST's proportions: 50,000 training, 10,000 validation and 10,000 test images.
TEST_PART = 7
VALIDATION_PART = 6

MIN_IMAGES = 2
"""A split of fewer images has no covariance."""


def hold_out(
    labels: NDArray[np.integer], origin: str, number: Callable[[int], int]
) -> NDArray[np.bool_]:
    """Choose images of each class: those whose index hashes lowest.

    Ordering by SHA-256 is a random choice that no version of NumPy can change; a seeded generator
    promises the same only within one version.

    Args:
        labels: Class of each image, (n,).
        origin: What the choice is a function of, besides the index.
        number: From the size of a class to how many of it are chosen.

    Returns:
        True for the chosen, (n,).
    """
    keys = np.array(
        [hashlib.sha256(f"{origin}/{i}".encode()).hexdigest() for i in range(len(labels))]
    )
    mask = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen = np.argsort(keys[members], kind="stable")[: number(len(members))]
        mask[members[chosen]] = True
    return mask


def split_dataset(
    pool: Split, *, test: Split | None = None, class_names: tuple[str, ...] | None = None
) -> ImageDataset:
    """Divide images into training, validation and test as Fashion-MNIST is: 5/7, 1/7, 1/7.

    Each class is divided in these proportions, and at least one image of it is held out for each
    split. The choice is a function of the whole content, so any change of an image or a label
    changes the validation split, and with it the hash that every score carries.

    Args:
        pool: The images, named after the data set. Where they have labels, those of all classes.
        test: The test split, where there is one already; then a sixth of the pool becomes
            validation.
        class_names: One name a label; None for an unlabelled data set.

    Returns:
        The data set; its arrays are read-only and keep the order of the pool.

    Raises:
        DataError: If a split gets fewer than two images, or a class none to train on.
    """
    name, origin = pool.name, pool.sha256
    if test is None:
        pool, test = _part(pool, f"{origin}/test", TEST_PART)
    else:
        origin += test.sha256
    train, validation = _part(pool, f"{origin}/validation", VALIDATION_PART)
    splits = {"train": train, "validation": validation, "test": test}
    _check_sizes(name, splits, len(class_names or ()))
    named = {key: _finish(f"{name}/{key}", split) for key, split in splits.items()}
    return ImageDataset(name=name, class_names=class_names, **named)


def _part(pool: Split, origin: str, parts: int) -> tuple[Split, Split]:
    """Return what stays and one part of `parts`."""
    labels = np.zeros(len(pool), np.int32) if pool.labels is None else pool.labels
    mask = hold_out(labels, origin, lambda size: max(1, round(size / parts)))
    stays, leaves = (
        Split(pool.name, pool.images[rows], None if pool.labels is None else pool.labels[rows])
        for rows in (~mask, mask)
    )
    return stays, leaves


def _check_sizes(name: str, splits: dict[str, Split], num_classes: int) -> None:
    for key, split in splits.items():
        if len(split) < MIN_IMAGES:
            raise DataError(
                f"{name}: too few images: the {key} split gets {len(split)}; expected at least "
                f"{MIN_IMAGES} in each. Add images: a dozen, and three of each class, are the "
                f"least; some thousands make sense."
            )
    labels = splits["train"].labels
    present = set() if labels is None else set(labels.tolist())
    lacking = sorted(set(range(num_classes)) - present)
    if lacking:
        raise DataError(
            f"{name}: classes {lacking} have too few images: none is left to train on; expected "
            f"at least three of each class. Add images of them, or leave these classes out."
        )


def _finish(name: str, split: Split) -> Split:
    # One data set is shared by everything in a process: a write would change it for all.
    split.images.setflags(write=False)
    if split.labels is not None:
        split.labels.setflags(write=False)
    return Split(name, split.images, split.labels)
