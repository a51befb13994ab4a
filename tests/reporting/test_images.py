"""Encode grids for a page."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import StorageError
from harness.reporting.images import BUDGET_BYTES, grid_rows, grid_uri, side_for, strip_uri
from harness.training.grid import draw_grid, png_bytes


def decode(uri: str) -> Image.Image:
    assert uri.startswith("data:image/webp;base64,")
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Return three rows of ten images; row r has the brightness 60 r."""
    images = np.repeat(np.arange(3, dtype=np.uint8) * 60, 10)[:, None, None, None]
    path = tmp_path / "grid.png"
    path.write_bytes(png_bytes(draw_grid(np.broadcast_to(images, (30, 28, 28, 1)))))
    return path


def test_a_grid_keeps_its_size_where_there_is_room(grid: Path):
    assert decode(grid_uri(grid, 640)).size == (302, 92)  # ten and three tiles of 30, and 2
    assert decode(grid_uri(grid, 151)).size == (151, 46)


def test_the_strip_shows_one_image_of_each_row(grid: Path):
    strip = np.asarray(decode(strip_uri(grid)).convert("L"), np.float32)
    assert strip.shape == (28, 84)
    assert grid_rows(grid) == 3
    brightness = [strip[:, left + 4 : left + 24].mean() for left in (0, 28, 56)]
    assert brightness == pytest.approx([0, 60, 120], abs=3)


def test_a_grid_that_changes_is_encoded_anew(grid: Path):
    before = grid_uri(grid, 300)
    assert grid_uri(grid, 300) is before
    Image.new("L", (302, 302), 255).save(grid)
    assert grid_uri(grid, 300) != before


def test_many_grids_are_shrunk_to_fit_the_budget():
    assert side_for(10) == 640
    for count in (100, 1000, 10_000):
        # The poorest generator's grid is noise, at half a byte a pixel.
        assert count * side_for(count) ** 2 * 0.5 <= BUDGET_BYTES
    assert side_for(150) > 302  # fifty trials of three rungs at full size


def test_what_the_budget_says_holds_for_noise(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), dtype=np.uint8)
    path = tmp_path / "noise.png"
    path.write_bytes(png_bytes(draw_grid(noise)))
    encoded = len(grid_uri(path, 302)) * 3 / 4
    assert encoded < 1.8 * 0.5 * 302 * 302


def test_a_damaged_grid_is_refused(tmp_path: Path):
    path = tmp_path / "grid.png"
    path.write_bytes(b"no image")
    with pytest.raises(StorageError, match=r"grid\.png: expected a sample grid"):
        grid_uri(path, 300)
