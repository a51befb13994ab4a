"""Load a user's own images from an .npz file: `npz:PATH`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DataError, near_miss
from harness.data.image_dataset import Split
from harness.data.readers.npz_file import ArrayHeader, read_npz
from harness.data.source import Source, as_labels, brief, safe_name

Arrays = Mapping[str, NDArray[Any]]

# Two forms of file: one pool of images, or one whose test split is given. Each pair is the images
# and their labels.
_POOL = (("images", "labels"),)
_GIVEN_TEST = (("train_images", "train_labels"), ("test_images", "test_labels"))
_CLASS_NAMES = "class_names"


def load_npz(path: Path) -> Source:
    """Load images, and labels where there are any.

    The file holds `images`, uint8, (n, height, width) or (n, height, width, 1 or 3), and maybe
    `labels`, integers (n,), each of 0 to k - 1, and `class_names`, text (k,). They are divided by
    `split_dataset`. Or it holds `train_images` and `test_images` (and `train_labels` and
    `test_labels`): then the test split is kept as it is.

    Args:
        path: The file; a relative path begins at the current folder.

    Returns:
        What the file holds, named after it.

    Raises:
        DataError: If there is no such file, or it does not hold images of that form.
    """
    path = path.expanduser()
    arrays = read_npz(path, lambda headers: _check_headers(path, headers))
    pairs = _pairs(path, arrays)
    class_names = _class_names(path, arrays, pairs)
    pool, *given = (_split(safe_name(path), arrays, pair) for pair in pairs)
    return Source(pool, test=given[0] if given else None, class_names=class_names)


def _pairs(path: Path, names: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return which pairs of arrays the file consists of."""
    for pairs in (_POOL, _GIVEN_TEST):
        if all(images in names for images, _ in pairs):
            return pairs
    raise DataError(
        f"{path}: expected an array `images`, or `train_images` and `test_images`; received "
        f"{', '.join(names) or 'no array'}. Save with np.savez(path, images=..., labels=...)."
    )


def _check_headers(path: Path, headers: Mapping[str, ArrayHeader]) -> None:
    """Refuse what the headers show to be wrong, before anything is read."""
    pairs = _pairs(path, headers)
    known = {_CLASS_NAMES, *(name for pair in pairs for name in pair)}
    unknown = next((name for name in headers if name not in known), None)
    if unknown is not None:
        raise DataError(
            f"{path}: holds an array {unknown!r} that nothing reads; expected only "
            f"{', '.join(sorted(known))}.{near_miss(unknown, known)} Rename it or leave it out."
        )
    labelled = {labels in headers for _, labels in pairs}
    if len(labelled) > 1:
        raise DataError(
            f"{path}: received only one of train_labels and test_labels; expected both or "
            f"neither. Add the other."
        )
    for images, labels in pairs:
        check_images(path, images, headers[images])
        if labels in headers:
            check_labels(path, labels, headers[labels], count=headers[images].shape[0])
    sizes = {image_shape(headers[images].shape) for images, _ in pairs}
    if len(sizes) > 1:
        raise DataError(
            f"{path}: train_images and test_images must have one size; received "
            f"{' and '.join(map(str, sorted(sizes)))}. Resize one of them."
        )
    if _CLASS_NAMES in headers:
        _check_class_names(path, headers[_CLASS_NAMES], labelled=True in labelled)


def check_images(path: Path, name: str, header: ArrayHeader) -> None:
    """Check that an array holds images.

    Raises:
        DataError: If its type or its shape is another one.
    """
    shape = header.shape
    if header.dtype != np.uint8:
        raise DataError(
            f"{path}: {name} must be uint8 from 0 to 255; received {header.dtype}. Undo the "
            f"scaling, round, clip and cast: for images in [0, 1], "
            f"(images * 255).round().clip(0, 255).astype('uint8')."
        )
    if len(shape) not in (3, 4) or min(shape) < 1 or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise DataError(
            f"{path}: {name} must have the shape (n, height, width) or (n, height, width, 1 or "
            f"3); received {shape}. Move the channels to the end, and drop transparency."
        )


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return (height, width, channels) of images, which may come without channels."""
    return shape[1:] if len(shape) == 4 else (*shape[1:], 1)


def check_labels(path: Path, name: str, header: ArrayHeader, *, count: int) -> None:
    """Check that an array holds an integer for each of so many images.

    Raises:
        DataError: If its type or its shape is another one.
    """
    if header.dtype.kind not in "iu" or header.shape != (count,):
        raise DataError(
            f"{path}: {name} must be one integer an image, of shape ({count},); received "
            f"{header.dtype} of shape {header.shape}. Turn names into numbers by "
            f"np.unique(names, return_inverse=True), one-hot rows by .argmax(axis=1)."
        )


def _check_class_names(path: Path, header: ArrayHeader, *, labelled: bool) -> None:
    if header.dtype.kind != "U" or len(header.shape) != 1:
        raise DataError(
            f"{path}: class_names must be one text a class, of shape (k,); received "
            f"{header.dtype} of shape {header.shape}. Use np.array([...], dtype=str)."
        )
    if not labelled:
        raise DataError(
            f"{path}: holds class_names but no labels. Add the labels, or leave the names out."
        )


def _class_names(
    path: Path, arrays: Arrays, pairs: tuple[tuple[str, str], ...]
) -> tuple[str, ...] | None:
    """Return the name of each class, checked against all labels; None without labels."""
    found = [(name, np.unique(arrays[name]).tolist()) for _, name in pairs if name in arrays]
    if not found:
        return None
    name, present = found[0]
    given = arrays.get(_CLASS_NAMES, np.arange(len(present)))
    names = tuple(str(each) for each in given)
    if present != list(range(len(names))):
        raise DataError(
            f"{path}: {name} must number the classes from 0 on without a gap, one for each class "
            f"name where there are any; received {brief(present)}. Number them anew by "
            f"np.unique(labels, return_inverse=True)[1], with one class name for each."
        )
    for name, present in found[1:]:
        if not set(present) <= set(range(len(names))):
            raise DataError(
                f"{path}: {name} must lie from 0 to {len(names) - 1}, as {found[0][0]} do; "
                f"received {brief(present)}. Use one numbering for both."
            )
    return names


def _split(name: str, arrays: Arrays, pair: tuple[str, str]) -> Split:
    images, labels = arrays[pair[0]], arrays.get(pair[1])
    images = images.reshape(len(images), *image_shape(images.shape))
    return Split(name, images, None if labels is None else as_labels(labels))
