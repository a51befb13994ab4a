"""Read folders of images by one set of rules: `folder:PATH`, and what a generator drew."""

import contextlib
import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from harness.core.errors import DataError, unprintable
from harness.data.fitting import MAX_SIZE, ImageForm, fit_image, fit_images
from harness.data.image_dataset import Split
from harness.data.image_opener import opened_image
from harness.data.memory import check_bytes
from harness.data.source import Source, safe_name

SUFFIXES = frozenset(
    {
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif"),
        *(".bmp", ".gif", ".tif", ".tiff", ".webp"),
    }
)
"""How the names of files end that are taken for images."""

_DRAFT_PIXELS = 25_000_000
"""Beyond it a JPEG that is to become small is decoded at a fraction of its size."""

_GRAY_MODES = ("1", "L", "LA")
_COLOR_MODES = ("P", "PA", "RGB", "RGBA", "CMYK")
# What systems leave in folders of pictures; hidden files are passed over too.
_LITTER = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini", "icon\r", "__macosx"),
        *("@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"),
        "__pycache__",
    }
)
_WHITE = (255, 255, 255, 255)
# How a camera was held: what undoes it. Left out are the pictures that are upright already.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclasses.dataclass(frozen=True)
class FolderListing:
    """The images of a folder by their names, none of them opened yet.

    Args:
        path: The folder.
        classes: The folders of the classes in order; none where the images lie directly in it.
        files: The images, class by class.
        counts: How many of them belong to each class.
        passed_over: Hidden files, and what systems leave behind.
    """

    path: Path
    classes: tuple[Path, ...]
    files: tuple[Path, ...]
    counts: tuple[int, ...]
    passed_over: tuple[Path, ...]


def load_folder(path: Path, form: ImageForm) -> Source:
    """Load a folder of images: in one subfolder a class, or all directly in it, unlabelled.

    Images that all lie in one subfolder are unlabelled as well.

    Args:
        path: The folder; a relative path begins at the current folder.
        form: As for `decode_files`.

    Returns:
        The images, named after the folder.

    Raises:
        DataError: As `list_folder` and `decode_files`.
    """
    listing = list_folder(path.expanduser())
    pool = Split(safe_name(listing.path), decode_files(listing.files, form))
    if len(listing.classes) == 1:
        warnings.warn(
            f"{listing.path}: all images lie in one subfolder, {listing.classes[0].name}: they "
            f"count as unlabelled. A search space for them has `conditional: {{value: false}}`.",
            stacklevel=2,
        )
    if len(listing.classes) < 2:
        return Source(pool)
    labels = np.repeat(np.arange(len(listing.classes), dtype=np.int32), listing.counts)
    names = tuple(folder.name for folder in listing.classes)
    return Source(dataclasses.replace(pool, labels=labels), class_names=names)


def list_folder(path: Path) -> FolderListing:
    """Return what a folder holds: images, or one subfolder a class with its images.

    Classes and files are in the order of their names (classes whose names are numbers, in
    theirs), so a folder is read alike everywhere.

    Raises:
        DataError: If the folder is missing or empty, holds what is no image, images beside
            folders, or a class without images.
    """
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing of that name"
        raise DataError(
            f"{path}: received {found}; expected a folder of images, or of subfolders with the "
            f"images of one class each."
        )
    entries, passed_over = _entries(path)
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    if folders and files:
        raise DataError(
            f"{files[0]}: lies beside the folders of the classes; expected either images, or one "
            f"subfolder a class ({folders[0].name}, ...) and nothing else. Move it into its "
            f"class, or remove it."
        )
    if not entries:
        raise DataError(f"{path}: is empty; expected images, or one subfolder a class.")
    for folder in folders:
        if shown := unprintable(folder.name):
            raise DataError(
                f"{path}: the class name {shown} is no single line of UTF-8 text. Rename the "
                f"folder."
            )
    numbered = all(folder.name.isdecimal() for folder in folders)
    folders.sort(key=lambda folder: (int(folder.name) if numbered else 0, folder.name))
    groups = []
    for folder in folders or [path]:
        inside, hidden = _entries(folder)
        groups.append(_image_files(folder, inside))
        passed_over += hidden if folders else []
    return FolderListing(
        path,
        tuple(folders),
        tuple(file for group in groups for file in group),
        tuple(len(group) for group in groups),
        tuple(passed_over),
    )


def _image_files(folder: Path, files: list[Path]) -> list[Path]:
    """Return the files of a folder, all of them images by their names."""
    for file in files:
        if file.is_dir():
            raise DataError(
                f"{file}: is a folder in the folder of a class; expected its images. Move them "
                f"into {folder}, or name the folder whose subfolders are classes, maybe {folder}."
            )
        if file.suffix.lower() not in SUFFIXES:
            raise DataError(
                f"{file}: is no image; expected only files that end in "
                f"{', '.join(sorted(SUFFIXES))} in {folder}. Remove it or convert it."
            )
    if not files:
        raise DataError(
            f"{folder}: the class has no images; expected at least three. Add some, or remove the "
            f"folder."
        )
    return files


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return what counts in a folder, in order, and what is passed over."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}).") from error
    found: tuple[list[Path], list[Path]] = ([], [])
    for entry in entries:
        found[entry.name.startswith(".") or entry.name.lower() in _LITTER].append(entry)
    return found


def decode_files(files: Sequence[Path], form: ImageForm) -> NDArray[np.uint8]:
    """Return the images of files.

    Photos are turned as their camera was held, and transparency is laid over white.

    Args:
        files: At least one.
        form: Size and channels asked for. Without channels, the images are gray if all files are,
            else RGB. Without a size, all files must have one size.

    Raises:
        DataError: If one is no sound image, they take too much memory, or they have several
            sizes while no size is asked for.
    """
    images: list[NDArray[np.uint8]] = []
    num_bytes = 0
    for file in files:
        image = _decode_file(file, form)
        num_bytes += image.nbytes
        if images and image.shape[:2] != images[0].shape[:2]:
            raise DataError(
                f"{file}: has {image.shape[1]} x {image.shape[0]} pixels, while {files[0].name} "
                f"has {images[0].shape[1]} x {images[0].shape[0]}; expected one size. Have all of "
                f"them cropped and resized: --image-size 32."
            )
        check_bytes(f"{file.parent}: with the images up to {file.name}", 2 * num_bytes)
        images.append(image)
    channels = max(image.shape[2] for image in images)
    alike = ImageForm(channels=channels)
    return np.stack(
        [
            each if each.shape[2] == channels else fit_images(each[None], alike)[0]
            for each in images
        ]
    )


def _decode_file(file: Path, form: ImageForm) -> NDArray[np.uint8]:
    """Return one image, (height, width, channels), fitted before it is turned: that is cheaper."""
    with opened_image(file) as image:
        if image.mode not in (*_GRAY_MODES, *_COLOR_MODES):
            raise DataError(
                f"{file}: expected 8-bit gray, palette, RGB or CMYK; received mode {image.mode}. "
                f"Convert it to 8 bits first."
            )
        if form.size is None and max(image.size) > MAX_SIZE:
            raise DataError(
                f"{file}: has {image.width} x {image.height} pixels; expected at most {MAX_SIZE} "
                f"a side, or a size to bring it to: --image-size 32."
            )
        gray = image.mode in _GRAY_MODES
        transparent = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
        if form.size is not None and image.width * image.height > _DRAFT_PIXELS:
            image.draft(image.mode, (4 * form.size, 4 * form.size))
        image.load()
        turn = _UPRIGHT.get(_orientation(image))  # Pillow turns a TIFF itself while it decodes it
        fitted = fit_image(_plain(image, gray=gray, transparent=transparent), form)
        if turn is not None:
            fitted = fitted.transpose(turn)
        if transparent:
            fitted = Image.alpha_composite(Image.new("RGBA", fitted.size, _WHITE), fitted)
        channels = form.channels or (1 if gray else 3)
        pixels = np.array(fitted.convert("L" if channels == 1 else "RGB"))
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _plain(image: Image.Image, *, gray: bool, transparent: bool) -> Image.Image:
    """Return a decoded image in a mode whose values may be averaged, unlike a palette's."""
    mode = "RGBA" if transparent else "L" if gray else "RGB"
    if image.mode == mode and "transparency" not in image.info:
        return image  # a copy of a large photo takes hundreds of megabytes
    return image.convert(mode)


def _orientation(image: Image.Image) -> int:
    """Return how the camera was held; damaged notes on that do not damage the picture."""
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1
