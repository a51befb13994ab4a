"""Open image files: the one way in which this project reads a picture that lies on a disk."""

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from harness.core.errors import DataError, HarnessError

MAX_PIXELS = 2**26
"""A bigger image is refused before it is decoded: a few kB may claim gigabytes. Photos of 64
megapixels are read, in less than 1 GB."""

GRID_BYTES = 64 * 2**20
"""What the file of a picture that a training drew may take."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
"""By content. Pillow knows forty more, among them ones that start other programs."""


@contextlib.contextmanager
def opened_image(file: Path, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Yield an image whose size is known but whose pixels are not decoded yet.

    Whatever goes wrong inside the block, which is where Pillow decodes, is the file's fault. What
    Pillow merely warns of is none: notes beside the pixels are damaged in many sound photos.

    Args:
        file: The image file; of an animation, the first picture counts.
        formats: Some of FORMATS: what its content may be.

    Raises:
        DataError: If it cannot be read, is damaged, or claims more than MAX_PIXELS.
    """
    try:
        if file.exists() and not file.is_file():  # reading a pipe or a device may never end
            raise DataError(f"{file}: is no file. Expected an image: remove it.")
        # Opened here: by its name, Pillow 13 maps a TIFF on its side into memory the wrong way.
        with (
            warnings.catch_warnings(action="ignore"),
            file.open("rb") as stream,
            Image.open(stream, formats=formats) as image,
        ):
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # of a frame, say
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
        said = getattr(error, "strerror", None) or str(error)
        cause = re.sub(" file <_io.*>$", "", said) or type(error).__name__
        expected = ", ".join(formats[:-1]) + " or " * (len(formats) > 1) + formats[-1]
        raise DataError(
            f"{file}: cannot be read as an image: {cause.rstrip('.')}. Expected a sound "
            f"{expected}: replace the file or remove it."
        ) from error


def read_grid(path: Path) -> Image.Image:
    """Return a picture that a training drew, decoded, in mode L or RGB.

    Args:
        path: A PNG by its content; a name proves nothing in a study that somebody sent.

    Raises:
        DataError: If it is no sound PNG.
    """
    with opened_image(path, ("PNG",)) as image:
        return image.convert("RGB" if image.mode not in ("L", "RGB") else image.mode)
