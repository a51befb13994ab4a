"""Encode grids for a page."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.core.errors import StorageError
from harness.reporting.report_images import GRIDS_BYTES, grid_rows, grid_uri, share_of, strip_uri
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


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Return the worst there is to compress: a hundred colour images of noise."""
    images = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    path.write_bytes(png_bytes(draw_grid(images)))
    return path


def size(uri: str) -> int:
    return len(base64.b64decode(uri.split(",", 1)[1]))


def test_a_grid_keeps_its_size_where_there_is_room(grid: Path):
    assert decode(grid_uri(grid, 100_000)).size == (302, 92)  # ten and three tiles of 30, and 2


@pytest.mark.parametrize("most", [100_000, 30_000, 3_000])
def test_noise_is_shrunk_until_it_fits(noise: Path, most: int):
    uri = grid_uri(noise, most)
    assert most * 0.4 < size(uri) <= most  # no smaller than it must be
    assert size(strip_uri(noise, most)) <= most


def test_the_strip_shows_one_image_of_each_row(grid: Path):
    strip = np.asarray(decode(strip_uri(grid, 10_000)).convert("L"), np.float32)
    assert strip.shape == (28, 84)
    assert grid_rows(grid) == 3
    brightness = [strip[:, left + 4 : left + 24].mean() for left in (0, 28, 56)]
    assert brightness == pytest.approx([0, 60, 120], abs=3)


def test_a_grid_that_changes_is_encoded_anew(grid: Path):
    before = grid_uri(grid, 10_000)
    assert grid_uri(grid, 10_000) is before
    Image.new("L", (302, 302), 255).save(grid)
    assert grid_uri(grid, 10_000) != before


@pytest.mark.parametrize("count", [1, 7, 150, 10_000])
def test_shares_add_up_to_the_budget_at_most(count: int):
    assert 0.8 * GRIDS_BYTES < count * share_of(GRIDS_BYTES, count) <= GRIDS_BYTES


def test_shares_change_seldom_while_a_sweep_adds_grids():
    assert len({share_of(GRIDS_BYTES, count) for count in range(100, 200)}) <= 6


def test_a_damaged_grid_is_refused(tmp_path: Path):
    path = tmp_path / "grid.png"
    path.write_bytes(b"no image")
    with pytest.raises(StorageError, match=r"grid\.png: cannot be read .* sound PNG"):
        grid_uri(path, 10_000)
