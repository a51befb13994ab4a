"""Draw grids whose every pixel can be worked out by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from harness.data.image_dataset import ImageDataset
from harness.training.grid import draw_grid, grid_labels, png_bytes


def tiles(count: int, *, height: int = 3, width: int = 4, channels: int = 1) -> np.ndarray:
    """Return images of one grey each: the first 0, then 10, 20, ..."""
    greys = (np.arange(count, dtype=np.uint8) * 10)[:, None, None, None]
    return np.broadcast_to(greys, (count, height, width, channels)).copy()


def test_images_stand_in_rows_of_ten_two_pixels_apart():
    grid = np.asarray(draw_grid(tiles(12)))
    # Ten columns of 4 + 2 pixels and a border of 2; two rows of 3 + 2 and a border of 2.
    assert grid.shape == (2 + 2 * 5, 2 + 10 * 6)
    assert (grid[2:5, 2:6] == 0).all()  # image 0
    assert (grid[2:5, 8:12] == 10).all()  # image 1 begins 6 pixels further right
    assert (grid[7:10, 8:12] == 110).all()  # image 11 begins 5 pixels further down
    assert (grid[7:10, 14:] == 255).all()  # nothing where image 12 would be
    assert (grid[:, :2] == 255).all()
    assert (grid[5:7] == 255).all()


def test_rows_and_columns_are_not_swapped_within_an_image():
    image = np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1)
    grid = np.asarray(draw_grid(image))
    assert grid[2:5, 2:6].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_enlarging_repeats_pixels():
    image = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    grid = np.asarray(draw_grid(image, scale=2))
    assert grid[2:6, 2:6].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


def test_colour_images_stay_coloured():
    image = np.zeros((1, 2, 2, 3), np.uint8)
    image[..., 0] = 200
    grid = draw_grid(image)
    assert grid.mode == "RGB"
    assert grid.getpixel((2, 2)) == (200, 0, 0)
    assert grid.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_names_stand_in_a_margin_that_moves_the_images(channels: int):
    images = tiles(20, height=20, width=20, channels=channels)
    plain = draw_grid(images)
    named = draw_grid(images, row_names=("Trouser", "Bag"))
    margin = named.width - plain.width
    assert margin > 20
    assert named.height == plain.height
    moved = np.asarray(named)[:, margin:]
    assert (moved == np.asarray(plain)).all()
    ink = np.asarray(named.convert("L"))[:, :margin] < 128
    assert ink[2:22].any()  # the first row's name
    assert ink[24:44].any()  # the second row's
    assert ink[2:22].sum() > ink[24:44].sum()  # seven letters against three


def test_a_conditional_grid_has_a_row_for_each_class(fashion_mnist: ImageDataset):
    labels = grid_labels(fashion_mnist, conditional=True)
    assert labels.reshape(10, 10).tolist() == [[row] * 10 for row in range(10)]
    assert labels.dtype == np.int32


def test_an_unconditional_grid_has_a_hundred_images(fashion_mnist: ImageDataset):
    labels = grid_labels(fashion_mnist, conditional=False)
    assert labels.tolist() == [0] * 100


def test_png_loses_nothing():
    grid = draw_grid(tiles(12))
    loaded = Image.open(io.BytesIO(png_bytes(grid)))
    assert loaded.format == "PNG"
    assert (np.asarray(loaded) == np.asarray(grid)).all()
