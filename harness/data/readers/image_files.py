"""Read images that somebody generated: an .npz of arrays, or a folder of image files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DataError
from harness.data.readers.image_folder import SUFFIXES, opened_image
from harness.data.readers.npz import check_images, check_labels, image_shape
from harness.data.readers.npz_file import ArrayHeader, read_npz

Labelled = tuple[NDArray[np.uint8], NDArray[np.int32] | None]


def read_images(path: Path, class_names: Sequence[str] | None = None) -> Labelled:
    """Read images, and their labels where there are any.

    Args:
        path: An .npz with `images`, uint8 (n, height, width) or (n, height, width, 1 or 3), and
            maybe `labels`, integers (n,); or a folder of image files of one size, maybe in one
            subfolder a class.
        class_names: Names of the classes in order: what the subfolders may be called, beside
            their numbers.

    Returns:
        Images, uint8 (n, height, width, channels), and labels, int32 (n,), or None.

    Raises:
        DataError: If there is no such file, or it does not hold images of that form.
    """
    if path.is_dir():
        return _read_folder(path, class_names)
    if path.suffix.lower() == ".npz" and path.exists():
        return _read_npz(path)
    raise DataError(
        f"{path}: expected a folder of images or an .npz file with the array `images`; received "
        f"{'another kind of file' if path.exists() else 'nothing of that name'}."
    )


def _read_npz(path: Path) -> Labelled:
    arrays = read_npz(path, lambda headers: _check_headers(path, headers))
    images, labels = arrays["images"], arrays.get("labels")
    images = images.reshape(len(images), *image_shape(images.shape))
    if labels is None:
        return images, None
    if labels.min() < 0:
        raise DataError(
            f"{path}: labels must be integers from 0 on; received {labels.min()}. Number the "
            f"classes as the data set does."
        )
    return images, labels.astype(np.int32)


def _check_headers(path: Path, headers: Mapping[str, ArrayHeader]) -> None:
    if "images" not in headers:
        raise DataError(
            f"{path}: expected an array named `images`; received {', '.join(headers) or 'none'}. "
            f"Save with np.savez(path, images=...)."
        )
    check_images(path, "images", headers["images"])
    if "labels" in headers:
        check_labels(path, "labels", headers["labels"], count=headers["images"].shape[0])


def _read_folder(path: Path, class_names: Sequence[str] | None) -> Labelled:
    folders = sorted(child for child in path.iterdir() if child.is_dir())
    files = _image_files(path)
    if files or not folders:
        return _decode(path, files), None
    labels = []
    for folder in folders:
        inside = _image_files(folder)
        files += inside
        labels += [_label_of(folder, class_names)] * len(inside)
    return _decode(path, files), np.array(labels, dtype=np.int32)


def _image_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def _label_of(folder: Path, class_names: Sequence[str] | None) -> int:
    names = list(class_names or [])
    if folder.name in names:
        return names.index(folder.name)
    if folder.name.isdecimal() and int(folder.name) < max(len(names), 1):
        return int(folder.name)
    raise DataError(
        f"{folder}: a subfolder is named after its class or the class's number; expected one of "
        f"{', '.join(names) or '(the data set has no classes)'}. Rename it, or put all images "
        f"directly into {folder.parent}."
    )


def _decode(path: Path, files: list[Path]) -> NDArray[np.uint8]:
    if not files:
        raise DataError(
            f"{path}: holds no images; expected files that end in {', '.join(sorted(SUFFIXES))}."
        )
    images = [_decode_file(file) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{file}: all images must be of one size and one mode; received {image.shape}, "
                f"while {files[0].name} has {images[0].shape}. Convert them first."
            )
    return np.stack(images)


def _decode_file(file: Path) -> NDArray[np.uint8]:
    with opened_image(file) as image:
        if image.mode not in ("L", "RGB"):
            raise DataError(
                f"{file}: expected 8-bit gray (L) or RGB; received mode {image.mode}. Convert it "
                f"first: what becomes of palettes and transparency changes scores."
            )
        pixels = np.asarray(image, dtype=np.uint8)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
