"""Load a user's own image files: `folder:PATH`."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from harness.core.errors import DataError, HarnessError
from harness.data.fitting import MAX_SIZE, ImageForm, fit_image, fit_images
from harness.data.image_dataset import Split
from harness.data.readers.npz_file import MAX_BYTES
from harness.data.source import Source, safe_name

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
"""How the names of files end that are taken for images."""

MAX_PIXELS = 25_000_000
"""A bigger image is refused before it is decoded: a few kB may claim gigabytes. Photos of 24
megapixels are read, in less than 500 MB."""

# By content. Pillow knows forty more, among them ones that start other programs.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")


@contextlib.contextmanager
def opened_image(file: Path) -> Iterator[Image.Image]:
    """Yield an image whose size is known but whose pixels are not decoded yet.

    Whatever goes wrong inside the block, which is where Pillow decodes, is the file's fault.

    Args:
        file: The image file; of an animation, the first picture counts.

    Raises:
        DataError: If it cannot be read, is damaged, or claims more than MAX_PIXELS.
    """
    try:
        with (
            warnings.catch_warnings(action="error"),  # Pillow's words for damage it guesses around
            Image.open(file, formats=_FORMATS) as image,
        ):
            if image.width * image.height > MAX_PIXELS:
                raise DataError(
                    f"{file}: claims {image.width} x {image.height} pixels; at most "
                    f"{MAX_PIXELS:,} are decoded. Make it smaller."
                )
            yield image
    except HarnessError:
        raise
    except Exception as error:  # Pillow raises whatever a damaged file runs into
        # Pillow names the file too, in its own way; the message begins with it already.
        cause = str(error).replace(f" file {str(file)!r}", "") or type(error).__name__
        raise DataError(
            f"{file}: cannot be read as an image: {cause}. Expected a "
            f"sound PNG, JPEG, BMP, GIF, TIFF or WebP: replace the file or remove it."
        ) from error


_GRAY_MODES = ("1", "L", "LA")
_COLOR_MODES = ("P", "PA", "RGB", "RGBA", "CMYK")
# What systems leave in folders of pictures; hidden files are passed over too.
_LITTER = frozenset({"thumbs.db", "desktop.ini"})
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


def load_folder(path: Path, form: ImageForm) -> Source:
    """Load a folder of images: in one subfolder a class, or all directly in it, unlabelled.

    Classes and files are read in the order of their names (classes whose names are numbers, in
    theirs), so a folder gives the same data set everywhere. Photos are turned as their camera was
    held, and transparency is laid over white.

    Args:
        path: The folder; a relative path begins at the current folder.
        form: Size and channels asked for. Without channels, the images are gray if all files are,
            else RGB. Without a size, all files must have one size.

    Returns:
        The images, named after the folder.

    Raises:
        DataError: If the folder is missing or empty, holds what is no image, a class without
            images, or images of several sizes while no size is asked for.
    """
    path = path.expanduser()
    classes = _classes(path)
    files = [file for folder in classes or [path] for file in _files(folder)]
    images = _decode(files, form)
    if not classes:
        return Source(Split(safe_name(path), images))
    counts = [len(_files(folder)) for folder in classes]
    labels = np.repeat(np.arange(len(classes), dtype=np.int32), counts)
    names = tuple(folder.name for folder in classes)
    return Source(Split(safe_name(path), images, labels), class_names=names)


def _classes(path: Path) -> list[Path]:
    """Return the class folders in order; none where the images are unlabelled."""
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing of that name"
        raise DataError(
            f"{path}: received {found}; expected a folder of images, or of subfolders with the "
            f"images of one class each."
        )
    entries = _entries(path)
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
    numbered = all(folder.name.isdecimal() for folder in folders)
    return sorted(folders, key=lambda folder: (int(folder.name) if numbered else 0, folder.name))


def _files(folder: Path) -> list[Path]:
    """Return the image files of a folder in order."""
    files = _entries(folder)
    for file in files:
        if file.is_dir() or file.suffix.lower() not in SUFFIXES:
            raise DataError(
                f"{file}: is {'a folder' if file.is_dir() else 'no image'}; expected only files "
                f"that end in {', '.join(sorted(SUFFIXES))} in {folder}. Remove it or convert it."
            )
    if not files:
        raise DataError(
            f"{folder}: the class has no images; expected at least three. Add some, or remove the "
            f"folder."
        )
    return files


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}).") from error
    return [
        entry
        for entry in entries
        if not entry.name.startswith(".") and entry.name.lower() not in _LITTER
    ]


def _decode(files: list[Path], form: ImageForm) -> NDArray[np.uint8]:
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
        if num_bytes > MAX_BYTES:
            raise DataError(
                f"{file}: the images up to this one take more than {MAX_BYTES / 2**30:.0f} GiB of "
                f"memory. Use --image-size 32, or fewer images."
            )
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
        turn = _UPRIGHT.get(_orientation(image))
        transparent = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
        fitted = fit_image(_plain(image, gray=gray, transparent=transparent), form)
    if turn is not None:
        fitted = fitted.transpose(turn)
    if transparent:
        fitted = Image.alpha_composite(Image.new("RGBA", fitted.size, _WHITE), fitted)
    channels = form.channels or (1 if gray else 3)
    pixels = np.asarray(fitted.convert("L" if channels == 1 else "RGB"))
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _plain(image: Image.Image, *, gray: bool, transparent: bool) -> Image.Image:
    """Return a decoded image in a mode whose values may be averaged, unlike a palette's."""
    if transparent:
        return image.convert("RGBA")
    return image.convert("L" if gray else "RGB")


def _orientation(image: Image.Image) -> int:
    """Return how the camera was held; damaged notes on that do not damage the picture."""
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1
