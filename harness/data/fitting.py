"""Bring images to the size and the channels asked for."""

import dataclasses
import math
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.core.option_values import Fit
from harness.data.memory import check_bytes

_EACH_BYTES = 200
"""What an array takes beside its pixels."""

MAX_SIZE = 1024
"""Pixels a side; larger images are beyond the networks here."""

RULES = get_args(Fit)
"""How an image becomes a square: its largest centred square is cut out, or all of it squeezed."""


@dataclasses.dataclass(frozen=True)
class ImageForm:
    """The form that images are brought to.

    Args:
        size: Pixels a side of the square they become; None keeps their size.
        fit: One of RULES; without a size it has no effect.
        channels: 1 for gray, 3 for RGB; None keeps what they have.
    """

    size: int | None = None
    fit: Fit = "crop"
    channels: int | None = None


def fit_image(image: Image.Image, form: ImageForm) -> Image.Image:
    """Return an image of the size asked for, by Pillow's bicubic filter.

    The filter averages over what it leaves out, so that small images keep no aliases of fine
    patterns (Parmar et al. 2022, arXiv 2104.11222, on why this matters to FID).

    Args:
        image: In mode L, RGB or RGBA.
        form: What is asked for; its channels are left to the caller.
    """
    if form.size is None or image.size == (form.size, form.size):
        return image
    box = None
    if form.fit == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
    return image.resize((form.size, form.size), Image.Resampling.BICUBIC, box=box)


def fit_images(images: NDArray[np.uint8], form: ImageForm) -> NDArray[np.uint8]:
    """Return images of the form asked for.

    Gray becomes RGB of three equal channels, RGB becomes gray by luma (ITU-R 601).

    Args:
        images: uint8, (n, height, width, 1 or 3).
        form: What is asked for.

    Returns:
        uint8, (n, size, size, channels); the same array where it has that form already.
    """
    _, height, width, channels = images.shape
    wanted = form.channels or channels
    sized = form.size is None or (height, width) == (form.size, form.size)
    if sized and channels == wanted:
        return images
    size = (height, width) if form.size is None else (form.size, form.size)
    check_bytes(f"{len(images):,} images", (math.prod(size) * wanted + _EACH_BYTES) * len(images))
    mode = "L" if wanted == 1 else "RGB"
    fitted = [
        np.asarray(fit_image(Image.fromarray(image.squeeze(2) if channels == 1 else image), form)
                   .convert(mode))
        for image in images
    ]  # fmt: skip
    stacked = np.stack(fitted)
    return stacked if stacked.ndim == 4 else stacked[..., np.newaxis]
