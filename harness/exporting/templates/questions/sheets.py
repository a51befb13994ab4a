"""Show images beside those that are like them, on a sheet with words."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Array = NDArray[Any]

_BLOCK_BYTES = 2**25


def nearest(queries: Array, points: Array, count: int) -> tuple[Array, Array]:
    """Return which points lie nearest to each query, and how far away, the nearest first.

    Args:
        queries: Features, or pixels of any type, (n, d).
        points: The same of what is searched, (m, d), read a block at a time.
        count: How many of them, at most m.

    Returns:
        Their numbers, int64 (n, count), and the Euclidean distances, float64 (n, count).
    """
    squares = np.empty((len(queries), len(points)))
    block = max(1, _BLOCK_BYTES // (8 * points.shape[1]))
    for start in range(0, len(points), block):
        part = points[start : start + block].astype(np.float64)
        for row, query in enumerate(queries.astype(np.float64)):
            squares[row, start : start + block] = np.square(part - query).sum(axis=1)
    order = squares.argsort(axis=1, kind="stable")[:, :count]
    return order, np.sqrt(np.take_along_axis(squares, order, axis=1))


class Row(NamedTuple):
    """A row of a sheet.

    Args:
        name: What stands before it.
        images: uint8, (n, height, width, 1 or 3).
        captions: What stands below each of them.
    """

    name: str
    images: Array
    captions: Sequence[str]


_GAP, _TEXT = 6, 13


def draw_sheet(rows: Sequence[Row], heads: Sequence[str], *, side: int, apart: int) -> Any:
    """Return rows of images with words beside them, as a Pillow image.

    Args:
        rows: At least one, all of images of one form.
        heads: What stands above the first columns; the last one may be longer than a column.
        side: About how many pixels an image is to have, without smoothing.
        apart: How many of the columns stand apart from those that follow.
    """
    count, height, width, channels = rows[0].images.shape
    scale = max(1, side // max(height, width))
    font = ImageFont.load_default(size=_TEXT)
    captions = [font.getlength(text) for row in rows for text in row.captions]
    step_x = max(width * scale, math.ceil(max(captions))) + _GAP
    step_y = height * scale + _TEXT + 3 * _GAP
    left = math.ceil(max(font.getlength(row.name) for row in rows)) + 2 * _GAP
    top = _TEXT + 2 * _GAP
    columns = [left + index * step_x + 3 * _GAP * (index >= apart) for index in range(count)]
    heads_end = max(
        at + math.ceil(font.getlength(text)) for at, text in zip(columns, heads, strict=False)
    )
    mode = "RGB" if channels == 3 else "L"
    size = (max(columns[-1] + step_x, heads_end + _GAP), top + len(rows) * step_y)
    canvas = Image.new(mode, size, "white")
    pen = ImageDraw.Draw(canvas)
    for at, text in zip(columns, heads, strict=False):
        pen.text((at, _GAP), text, fill="black", font=font)
    for index, row in enumerate(rows):
        y = top + index * step_y
        pen.text((left - _GAP, y + height * scale // 2), row.name, "black", font, anchor="rm")
        for at, pixels, caption in zip(columns, row.images, row.captions, strict=True):
            tile = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
            sized = (width * scale, height * scale)
            canvas.paste(tile.resize(sized, Image.Resampling.NEAREST), (at, y))
            pen.text((at, y + height * scale + 2), caption, fill="black", font=font)
    return canvas


def draw_found(picture: Array, found: Any, name: str) -> Any:
    """Return a picture beside what was found for it, and where they differ, with the error.

    Args:
        picture: uint8, (height, width, 1 or 3).
        found: What was found, a `Found`.
        name: Of its class; empty where there is none.
    """
    difference = np.abs(picture.astype(np.int16) - found.pixels).astype(np.uint8)
    images = np.stack([picture, found.pixels, 255 - difference])
    row = Row("", images, ("", name, f"error {found.error:.1f} of 255"))
    return draw_sheet([row], ("yours", "found", "difference"), side=168, apart=3)


def draw_neighbours(
    drawn: Array, names: Sequence[str], training: Array, order: Array, captions: Sequence[Any]
) -> Any:
    """Return each generated image with the training images that are nearest to it, a row each.

    Args:
        drawn: Generated images, uint8 (n, height, width, 1 or 3).
        names: Their classes, (n,); empty where there are none.
        training: Of the same form.
        order: Which of them are nearest, (n, k), the nearest first.
        captions: What stands below each of these, (n, k).
    """
    rows = [
        Row(name, np.concatenate([image[None], training[near]]), ("", *said))
        for name, image, near, said in zip(names, drawn, order, captions, strict=True)
    ]
    heads = ("generated", "nearest training images")
    return draw_sheet(rows, heads, side=64, apart=1)
