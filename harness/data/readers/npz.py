"""Load a user's own images from an .npz file: `npz:PATH`."""

import math
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
_MOST_LABEL = 2**31 - 1


def load_npz(path: Path) -> Source:
    """Load images, and labels where there are any.

    The file holds `images`, uint8, (n, height, width) or (n, height, width, 1 or 3), and maybe
    `labels` and `class_names`, text (k,). Labels are whole numbers, (n,) or (n, 1), each of 0 to
    k - 1, or one-hot rows (n, k). `split_dataset` divides them. Or the file holds `train_images`
    and `test_images` (and `train_labels` and `test_labels`): then the test split is kept as it is.

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
    for name in (labels for _, labels in pairs if labels in arrays):
        arrays[name] = whole_labels(path, name, arrays[name])
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
        count = headers[pairs[0][0]].shape[0] if True in labelled else 0
        _check_class_names(path, headers[_CLASS_NAMES], most=count)


def check_images(
    path: Path, name: str, header: ArrayHeader, kinds: str = "uint8 from 0 to 255"
) -> None:
    """Check that an array holds images.

    Args:
        path: The file.
        name: Of the array.
        header: What the file says of it.
        kinds: What is expected: by default bytes alone, else any numbers.

    Raises:
        DataError: If its type or its shape is another one.
    """
    shape = header.shape
    if header.dtype != np.uint8 and (kinds.startswith("uint8 ") or header.dtype.kind not in "fiu"):
        raise DataError(
            f"{path}: {name} must be {kinds}; received {header.dtype}. Undo the "
            f"scaling, round, clip and cast: for images in [0, 1], "
            f"(images * 255).round().clip(0, 255).astype('uint8')."
        )
    if len(shape) not in (3, 4) or min(shape) < 1 or (len(shape) == 4 and shape[3] not in (1, 3)):
        hint = "Move the channels to the end, and drop transparency."
        if len(shape) == 2 and (side := math.isqrt(shape[1])) ** 2 == shape[1]:
            hint = f"If each row is an image, use {name}.reshape(-1, {side}, {side})."
        raise DataError(
            f"{path}: {name} must have the shape (n, height, width) or (n, height, width, 1 or "
            f"3); received {shape}. {hint}"
        )


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return (height, width, channels) of images, which may come without channels."""
    return shape[1:] if len(shape) == 4 else (*shape[1:], 1)


def check_labels(path: Path, name: str, header: ArrayHeader, *, count: int) -> None:
    """Check that an array holds numbers, for each of so many images one or a one-hot row.

    Raises:
        DataError: If its type or its shape is another one.
    """
    if header.dtype.kind in "iufb" and len(header.shape) in (1, 2) and header.shape[0] == count:
        return
    hint = f"Save one label for each of the {count} images, in their order."
    if header.dtype.kind not in "iufb":
        hint = (
            f"Turn names into numbers by np.unique({name}, return_inverse=True)[1], which numbers "
            f"classes in the order of their names."
        )
    elif math.prod(header.shape) == count:
        hint = f"Use {name}.reshape({count})."
    elif len(header.shape) > 2 and header.shape[0] == count:
        hint = f"If each holds a one-hot row, use {name}.reshape({count}, -1)."
    raise DataError(
        f"{path}: {name} must be one whole number an image, of shape ({count},), or one-hot rows; "
        f"received {header.dtype} of shape {header.shape}. {hint}"
    )


def whole_labels(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.int64]:
    """Return labels that passed `check_labels` as one whole number an image, (n,).

    Raises:
        DataError: If they are fractions, beyond what labels may be, or rows that are not one-hot.
    """
    if values.ndim == 2 and values.shape[1] != 1:
        if not (np.isin(values, (0, 1)).all() and (np.count_nonzero(values, axis=1) == 1).all()):
            raise DataError(
                f"{path}: {name} has rows of {values.shape[1]} values that are not one-hot: "
                f"expected a 1 and else 0 in each. Save one label an image; probabilities become "
                f"labels by {name}.argmax(axis=1)."
            )
        return np.asarray(values.argmax(axis=1), np.int64)
    flat = values.reshape(-1)
    if flat.dtype.kind == "f":  # short floats would round the limits themselves, up to infinity
        flat = flat.astype(np.result_type(flat, np.float64))
    wrong = flat != np.trunc(flat) if flat.dtype.kind == "f" else np.zeros(flat.shape, np.bool_)
    wrong |= ~((flat >= -_MOST_LABEL) & (flat <= _MOST_LABEL))
    if wrong.any():
        raise DataError(
            f"{path}: {name} must be whole numbers of at most {_MOST_LABEL:,}; received "
            f"{flat[wrong.argmax()]} for image {wrong.argmax()}. Save the number of each image's "
            f"class."
        )
    return flat.astype(np.int64)


def _check_class_names(path: Path, header: ArrayHeader, *, most: int) -> None:
    if not most:
        raise DataError(
            f"{path}: holds class_names but no labels. Add the labels, or leave the names out."
        )
    if header.dtype.kind != "U" or len(header.shape) != 1 or header.shape[0] > most:
        raise DataError(
            f"{path}: class_names must be one text a class, of shape (k,), no more than there are "
            f"images; received {header.dtype} of shape {header.shape}. Use np.array([...], "
            f"dtype=str)."
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
    if len(set(names)) < len(names):
        raise DataError(f"{path}: class_names has a name twice. Give each class its own.")
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
    if images.max() == 1:  # a mask: seen as pixels, all of it would be black
        raise DataError(
            f"{name}: {pair[0]} holds 0 and 1 alone; expected pixels from 0 to 255. Save "
            f"{pair[0]} * 255."
        )
    images = images.reshape(len(images), *image_shape(images.shape))
    return Split(name, images, None if labels is None else as_labels(labels))
