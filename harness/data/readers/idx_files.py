"""Load a user's own images from idx files, the form of MNIST and Fashion-MNIST: `idx:PATH`."""

from pathlib import Path

import numpy as np

from harness.core.errors import DataError
from harness.data.image_dataset import Split
from harness.data.readers.idx import read_idx
from harness.data.source import Source, as_labels, labelled_source, safe_name

_REMEDY = "Write or copy it again."
_TRAIN, _TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"


def load_idx(path: Path) -> Source:
    """Load idx files: a folder with training and test images, or one file of images.

    A folder holds `train-images-idx3-ubyte` and `t10k-images-idx3-ubyte`, each maybe with `.gz`.
    The labels of a file of images lie beside it, in a file of the same name with `labels-idx1` in
    the place of `images-idx3`; without that file the images are unlabelled.

    Args:
        path: The folder or the file; a relative path begins at the current folder.

    Returns:
        The images, named after the folder or the file. The test split of a folder stays one.

    Raises:
        DataError: If a file is missing or damaged, or labels do not belong to the images.
    """
    path = path.expanduser()
    if not path.is_dir():
        if not path.exists():
            raise DataError(
                f"{path}: received nothing of that name; expected an idx file of images, or a "
                f"folder with {_TRAIN}.gz and {_TEST}.gz."
            )
        return labelled_source(_read(path, safe_name(path)))
    name = safe_name(path)
    pool, test = (_read(_member(path, stem), name) for stem in (_TRAIN, _TEST))
    return labelled_source(pool, test)


def _member(folder: Path, stem: str) -> Path:
    for name in (stem, f"{stem}.gz"):
        if (folder / name).exists():
            return folder / name
    raise DataError(
        f"{folder}: received no {stem} or {stem}.gz; expected the files of Fashion-MNIST's form. "
        f"Name them so, or give one file: idx:{folder}/FILE."
    )


def _read(path: Path, name: str) -> Split:
    images = read_idx(path, remedy=_REMEDY)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"{path}: expected images of shape (n, height, width) or (n, height, width, 1 or 3); "
            f"received {images.shape}. Give the file of the images, not of the labels."
        )
    beside = path.with_name(path.name.replace("images-idx", "labels-idx").replace("idx3", "idx1"))
    if beside == path or not beside.exists():
        return Split(name, images)
    labels = read_idx(beside, remedy=_REMEDY)
    if labels.shape != (len(images),):
        raise DataError(
            f"{beside}: holds labels of shape {labels.shape} for {len(images)} images; expected "
            f"one an image. Use the file that belongs to {path.name}."
        )
    return Split(name, images, as_labels(labels))
