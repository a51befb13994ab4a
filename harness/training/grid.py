"""Draw sample grids: a row a class, PNG, with or without the names of the classes."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from harness.data.image_dataset import ImageDataset

COLUMNS = 10
GAP = 2
"""Pixels of white between the images of a grid, and around them."""


def grid_labels(dataset: ImageDataset, conditional: bool) -> NDArray[np.int32]:
    """Return the labels of a grid's images, row by row; zeros where a label means nothing."""
    if not conditional:
        return np.zeros(COLUMNS * COLUMNS, np.int32)
    return np.repeat(np.arange(dataset.num_classes, dtype=np.int32), COLUMNS)


def draw_grid(
    images: NDArray[np.uint8], *, row_names: tuple[str, ...] | None = None, scale: int = 1
) -> Image.Image:
    """Return the images as rows of ten on a white ground.

    Args:
        images: uint8, (n, height, width, 1 or 3), row by row.
        row_names: What to write to the left of each row.
        scale: Integer enlargement, without smoothing.
    """
    count, height, width, channels = images.shape
    rows = -(-count // COLUMNS)
    step_y, step_x = height * scale + GAP, width * scale + GAP
    font = ImageFont.load_default(size=max(10, 5 * scale + 4))
    margin = 0
    if row_names:
        margin = int(max(font.getlength(name) for name in row_names)) + 12
    size = (margin + COLUMNS * step_x + GAP, rows * step_y + GAP)
    canvas = Image.new("RGB" if channels == 3 else "L", size, "white")
    for index, pixels in enumerate(images):
        tile = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
        tile = tile.resize((width * scale, height * scale), Image.Resampling.NEAREST)
        row, column = divmod(index, COLUMNS)
        canvas.paste(tile, (margin + GAP + column * step_x, GAP + row * step_y))
    if row_names:
        pen = ImageDraw.Draw(canvas)
        for row, name in enumerate(row_names):
            middle = GAP + row * step_y + height * scale // 2
            pen.text((margin - 8, middle), name, fill=0, font=font, anchor="rm")
    return canvas


def png_bytes(image: Image.Image) -> bytes:
    """Return an image encoded as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
