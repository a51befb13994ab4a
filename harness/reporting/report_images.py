"""Turn sample grids into small pictures that a page can carry inside itself."""

import base64
import functools
import io
import math
from pathlib import Path

from PIL import Image

from harness.core.errors import DataError, StorageError
from harness.data.image_opener import read_grid
from harness.training.grid import COLUMNS, GAP

GRIDS_BYTES = 6_000_000
"""What the grids of all rungs may take together, before base64 adds a third."""

FILM_BYTES = 2_800_000
"""What the frames of the winner's film may take."""

STRIPS_BYTES = 800_000
"""What the strips of the leaderboard may take."""

NEAREST_BYTES = 300_000
"""What the picture of the nearest training images may take."""

_SHEET_SIDE = 1200  # its words have to be read
_LARGEST_SIDE, _SMALLEST_SIDE = 640, 16
_STRIP_TILE = 28
_QUALITY, _SHRUNK_QUALITY = 80, 60
_KEPT = 2048


def share_of(most_bytes: int, count: int) -> int:
    """Return what each of so many pictures may take.

    Rounded down to few different sizes: a page that follows a sweep has more pictures each time
    it is drawn, and need not encode all of them anew.

    Args:
        most_bytes: What all of them may take.
        count: How many there are.
    """
    return int(2 ** (math.floor(4 * math.log2(most_bytes / max(count, 1))) / 4))


def grid_uri(path: Path, most_bytes: int) -> str:
    """Return a grid as a data URI; it is shrunk until its image takes at most so many bytes.

    Raises:
        StorageError: If the file is no image.
    """
    return _grid_uri(path, _stamp(path), most_bytes)


def sheet_uri(path: Path, most_bytes: int) -> str:
    """Return a sheet with words as a data URI, larger than a grid; else as `grid_uri`.

    Raises:
        StorageError: If the file is no image.
    """
    return _sheet_uri(path, _stamp(path), most_bytes)


def strip_uri(path: Path, most_bytes: int) -> str:
    """Return the first image of each of a grid's rows, side by side, as a data URI.

    Raises:
        StorageError: If the file is no image.
    """
    return _strip_uri(path, _stamp(path), most_bytes)


def grid_rows(path: Path) -> int:
    """Return how many rows of images a grid has.

    Raises:
        StorageError: If the file is no image.
    """
    image = _open(path)
    return max(1, round((image.height - GAP) / _step(image)))


# A page that follows a sweep is drawn again and again; grids seldom change.
@functools.lru_cache(maxsize=_KEPT)
def _whole(path: Path, stamp: tuple[int, int]) -> bytes:
    image = _open(path)
    image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.LANCZOS)
    return _webp(image, _QUALITY)


@functools.lru_cache(maxsize=_KEPT)
def _grid_uri(path: Path, stamp: tuple[int, int], most_bytes: int) -> str:
    whole = _whole(path, stamp)
    return _uri(whole if len(whole) <= most_bytes else _fit(_open(path), most_bytes))


@functools.lru_cache(maxsize=_KEPT)
def _sheet_uri(path: Path, stamp: tuple[int, int], most_bytes: int) -> str:
    image = _open(path)
    image.thumbnail((_SHEET_SIDE, _SHEET_SIDE), Image.Resampling.LANCZOS)
    whole = _webp(image, _QUALITY)
    return _uri(whole if len(whole) <= most_bytes else _fit(image, most_bytes))


@functools.lru_cache(maxsize=_KEPT)
def _strip_uri(path: Path, stamp: tuple[int, int], most_bytes: int) -> str:
    image = _open(path)
    step, rows = _step(image), min(grid_rows(path), COLUMNS)
    strip = Image.new(image.mode, (rows * _STRIP_TILE, _STRIP_TILE))
    for row in range(rows):
        # The images of a row differ by their noise; those of a column share it.
        left, top = GAP, GAP + round(row * step)
        tile = image.crop((left, top, left + round(step) - GAP, top + round(step) - GAP))
        tile = tile.resize((_STRIP_TILE, _STRIP_TILE), Image.Resampling.LANCZOS)
        strip.paste(tile, (row * _STRIP_TILE, 0))
    whole = _webp(strip, _QUALITY)
    return _uri(whole if len(whole) <= most_bytes else _fit(strip, most_bytes))


def _fit(image: Image.Image, most_bytes: int) -> bytes:
    """Return an image so small that it takes at most so many bytes, whatever it shows."""
    side = min(_LARGEST_SIDE, max(image.size))
    while True:
        small = image.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        found = _webp(small, _SHRUNK_QUALITY)
        if len(found) <= most_bytes or side <= _SMALLEST_SIDE:
            return found
        wanted = int(side * 0.97 * math.sqrt(most_bytes / len(found)))
        side = max(_SMALLEST_SIDE, min(side - 1, wanted))


def _step(image: Image.Image) -> float:
    """Return how far apart a grid's images begin; they are square, and ten stand in a row."""
    return (image.width - GAP) / COLUMNS


def _open(path: Path) -> Image.Image:
    try:
        return read_grid(path)
    except DataError as error:
        raise StorageError(f"{error} The report then does without.") from error


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _webp(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=quality, method=4)
    return buffer.getvalue()


def _uri(image: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(image).decode()
