"""Fit images to a size and to channels, by hand where it can be worked out."""

import numpy as np
import pytest
from PIL import Image

from harness.data.fitting import ImageForm, fit_image, fit_images


def striped(height: int, width: int) -> np.ndarray:
    """Return a grey image whose columns are 0, 1, 2, ..."""
    return np.tile(np.arange(width, dtype=np.uint8), (height, 1))


def test_what_has_the_form_is_left_alone():
    images = np.zeros((2, 8, 8, 1), np.uint8)
    assert fit_images(images, ImageForm()) is images
    assert fit_images(images, ImageForm(8, channels=1)) is images


def test_the_centred_square_is_cut_out():
    # Of ten columns the middle four are 3 to 6.
    image = fit_image(Image.fromarray(striped(4, 10)), ImageForm(4))
    assert np.asarray(image).tolist() == [[3, 4, 5, 6]] * 4
    image = fit_image(Image.fromarray(striped(4, 10).T), ImageForm(4))
    assert np.asarray(image).T.tolist() == [[3, 4, 5, 6]] * 4


def test_stretching_keeps_all_of_the_image():
    picture = np.zeros((4, 12), np.uint8)
    picture[:, :6] = 200
    cut, squeezed = (
        np.asarray(fit_image(Image.fromarray(picture), ImageForm(4, fit)))
        for fit in ("crop", "stretch")
    )
    assert cut[0].tolist() == [200, 200, 0, 0]
    # Bicubic weights overshoot a little beside an edge.
    assert squeezed[0].tolist() == pytest.approx([200, 200, 0, 0], abs=15)
    assert squeezed.shape == (4, 4)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_flat_image_stays_flat_at_any_size(value: int):
    images = np.full((2, 30, 20, 3), value, np.uint8)
    for size in (4, 64):
        fitted = fit_images(images, ImageForm(size))
        assert fitted.shape == (2, size, size, 3)
        assert (fitted == value).all()


def test_grey_becomes_three_equal_channels_and_back():
    grey = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
    colour = fit_images(grey, ImageForm(channels=3))
    assert (colour == grey).all()
    assert colour.shape == (3, 8, 8, 3)
    assert (fit_images(colour, ImageForm(channels=1)) == grey).all()


def test_colour_becomes_luma():
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 200
    # ITU-R 601: 0.299 of 200 are 59.8.
    assert (fit_images(red, ImageForm(channels=1)) == 60).all()
