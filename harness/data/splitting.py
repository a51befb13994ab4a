"""Hold images out for validation and test: the same ones on every machine."""

import hashlib
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DataError
from harness.data.image_dataset import ImageDataset, Split
from harness.data.source import DEFAULT_SHARES, Source

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


def split_dataset(source: Source, shares: tuple[int, ...] = ()) -> ImageDataset:
    """Divide images into training, validation and test.

    By default as Fashion-MNIST is, 5/7, 1/7 and 1/7, and what the source has divided already stays
    so. Each class is divided in these proportions, and at least one image of it is held out for
    each split. The choice is a function of the whole content, so any change of an image or a label
    changes the validation split, and with it the hash that every score carries.

    Args:
        source: The images. Where they have labels, those of all classes.
        shares: Proportions of training, validation and test images: all images are divided anew.
            Two of them leave the test images as they are. None for the source's own.

    Returns:
        The data set; its arrays are read-only and keep the order of the source.

    Raises:
        DataError: If a split gets fewer than two images, or a class none to train on.
    """
    name, test = source.pool.name, source.test
    if source.validation is not None and not shares:
        train, validation = source.pool, source.validation
    else:
        redrawn = test if len(shares) == 3 else None
        pool = _join(source.pool, source.validation, redrawn)
        test = test if redrawn is None else None
        shares = shares or source.shares
        origin = pool.sha256 + ("" if test is None else test.sha256)
        if test is None:
            part = shares if len(shares) == 3 else DEFAULT_SHARES
            pool, test = _part(pool, f"{origin}/test", Fraction(part[2], sum(part)))
        train, validation = _part(
            pool, f"{origin}/validation", Fraction(shares[1], shares[0] + shares[1])
        )
    if test is None:
        raise DataError(f"{name}: has validation images but no test images; expected both.")
    splits = {"train": train, "validation": validation, "test": test}
    _check_sizes(name, splits, len(source.class_names or ()))
    named = {key: _finish(f"{name}/{key}", split) for key, split in splits.items()}
    return ImageDataset(name=name, class_names=source.class_names, **named)


def _join(pool: Split, *others: Split | None) -> Split:
    """Return the images of some splits as one."""
    parts = [pool, *(other for other in others if other is not None)]
    if len(parts) == 1:
        return pool
    labels = [part.labels for part in parts if part.labels is not None]
    return Split(
        pool.name,
        np.concatenate([part.images for part in parts]),
        np.concatenate(labels) if labels else None,
    )


def _part(pool: Split, origin: str, share: Fraction) -> tuple[Split, Split]:
    """Return what stays, and the share that leaves."""
    labels = np.zeros(len(pool), np.int32) if pool.labels is None else pool.labels
    mask = hold_out(labels, origin, lambda size: max(1, round(size * share)))
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
