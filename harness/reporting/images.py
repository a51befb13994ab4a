"""Turn sample grids into small pictures that a page can carry inside itself."""

import base64
import functools
import io
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from harness.errors import StorageError
from harness.training.grid import COLUMNS, GAP

BUDGET_BYTES = 9_000_000
"""What all grids of a page may take together, before base64 adds a third."""

_BYTES_PER_PIXEL = 0.5  # of a grid of the poorest generator, which is noise
_LARGEST_SIDE = 640
_STRIP_TILE = 28
_QUALITY = 80
_KEPT = 2048


def side_for(count: int) -> int:
    """Return how wide the grids of a page may be, so that all of them fit.

    Args:
        count: How many grids the page shows.
    """
    pixels = BUDGET_BYTES / _BYTES_PER_PIXEL / max(count, 1)
    return min(_LARGEST_SIDE, int(math.sqrt(pixels)))


def grid_uri(path: Path, side: int) -> str:
    """Return a grid as a data URI, shrunk to at most `side` pixels.

    Raises:
        StorageError: If the file is no image.
    """
    return _grid_uri(path, _stamp(path), side)


def strip_uri(path: Path) -> str:
    """Return the first image of each of a grid's rows, side by side, as a data URI.

    Raises:
        StorageError: If the file is no image.
    """
    return _strip_uri(path, _stamp(path))


def grid_rows(path: Path) -> int:
    """Return how many rows of images a grid has.

    Raises:
        StorageError: If the file is no image.
    """
    image = _open(path)
    return max(1, round((image.height - GAP) / _step(image)))


def total_bytes(uris: Sequence[str]) -> int:
    """Return what data URIs take in a page."""
    return sum(len(uri) for uri in uris)


# A page that follows a sweep is drawn again and again; grids seldom change.
@functools.lru_cache(maxsize=_KEPT)
def _grid_uri(path: Path, stamp: tuple[int, int], side: int) -> str:
    image = _open(path)
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _webp_uri(image)


@functools.lru_cache(maxsize=_KEPT)
def _strip_uri(path: Path, stamp: tuple[int, int]) -> str:
    image = _open(path)
    step, rows = _step(image), min(grid_rows(path), COLUMNS)
    strip = Image.new(image.mode, (rows * _STRIP_TILE, _STRIP_TILE))
    for row in range(rows):
        # The images of a row differ by their noise; those of a column share it.
        left, top = GAP, GAP + round(row * step)
        tile = image.crop((left, top, left + round(step) - GAP, top + round(step) - GAP))
        tile = tile.resize((_STRIP_TILE, _STRIP_TILE), Image.Resampling.LANCZOS)
        strip.paste(tile, (row * _STRIP_TILE, 0))
    return _webp_uri(strip)


def _step(image: Image.Image) -> float:
    """Return how far apart a grid's images begin; they are square, and ten stand in a row."""
    return (image.width - GAP) / COLUMNS


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB" if image.mode not in ("L", "RGB") else image.mode)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise StorageError(
            f"{path}: expected a sample grid; it cannot be read as an image ({error}). Remove it: "
            f"the report then does without."
        ) from error


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _webp_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=_QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
