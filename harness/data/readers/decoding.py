"""Open image files without trusting a byte of them."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from harness.core.errors import DataError, HarnessError

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
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow's words for damage that it guesses around
            with Image.open(file, formats=_FORMATS) as image:
                _check_pixels(file, image)
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


def _check_pixels(file: Path, image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise DataError(
            f"{file}: claims {image.width} x {image.height} pixels; at most {MAX_PIXELS:,} are "
            f"decoded. Make it smaller."
        )
