"""Tell the range of images from where they lie, and from what bounds a network gives."""

import numpy as np
import pytest

from harness.core.errors import DataError
from harness.data.pixel_range import Extent, bounds_of, choose_range, range_of_whole, to_uint8


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (-1.0, 0.9, "-1,1"),
        (-0.4, 0.4, "-1,1"),
        (-1.15, 1.1, "-1,1"),  # a network without bounds goes a little beyond
        (0.0, 1.0, "0,1"),
        (-0.05, 1.02, "0,1"),
        (0.0, 254.0, "0,255"),
        (0.0, 33.0, "0,255"),  # dark, but beyond all doubt
        (-0.2, 0.4, None),
        (0.4, 0.6, None),  # gray images of [0, 1], or light ones of [-1, 1]
        (0.9, 1.0, None),
        (0.0, 20.0, None),
        (-2.1, 2.6, None),  # standardized
        (-1.0, 255.0, "0,255"),
        (-40.0, 255.0, None),
    ],
)
def test_what_pixels_tell(low, high, name):
    assert Extent(low, high).read() == name


def test_an_extent_leaves_out_a_hundredth_on_each_side():
    pixels = np.linspace(0, 1, 101).reshape(101, 1, 1, 1)
    extent = Extent.of("x", pixels)
    assert (extent.low, extent.high) == (pytest.approx(0.01), pytest.approx(0.99))
    with pytest.raises(DataError, match="x: its images hold NaN or infinity"):
        Extent.of("x", np.array([0.0, np.nan]))


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ([0, 255], "0,255"),
        ([0, 2], "0,255"),  # dark
        ([0, 0], "0,255"),  # all black
        ([0, 1], None),  # a mask
        ([-1, 1], None),
    ],
)
def test_whole_numbers_are_bytes_unless_one_is_the_highest(pixels, expected):
    images = np.array(pixels)
    assert range_of_whole("x", images, Extent.of("x", images)) == expected


def test_whole_numbers_beyond_bytes_are_refused():
    images = np.array([0, 65535])
    with pytest.raises(DataError, match=r"x: whole numbers must .* Divide 16-bit ones by 257\."):
        range_of_whole("x", images, Extent.of("x", images))


def test_the_bounds_of_a_network_decide_where_its_images_leave_doubt():
    assert choose_range("x", Extent(-0.1, 0.1), asked=None, bounds="-1,1") == "-1,1"
    assert choose_range("x", Extent(0.4, 0.6), asked=None, bounds="0,1") == "0,1"
    with pytest.raises(
        DataError, match=r"not clear .* from 0\.4 to 0\.6\. Say .*--range -1,1, --ran"
    ):
        choose_range("x", Extent(0.4, 0.6), asked=None)


def test_bounds_that_images_contradict_are_refused():
    # Trained on images in [0, 1], but ended in tanh.
    with pytest.raises(DataError, match=r"from 0 to 0\.98, while its last operations give -1,1"):
        choose_range("x", Extent(0.0, 0.98), asked=None, bounds="-1,1")
    assert choose_range("x", Extent(0.0, 0.98), asked="0,1", bounds="-1,1") == "0,1"


def test_what_is_asked_for_must_fit():
    with pytest.raises(DataError, match=r"--range 0,1 was asked for, but .* from -1 to 1"):
        choose_range("x", Extent(-1.0, 1.0), asked="0,1")


WEIGHTS = np.random.default_rng(0).standard_normal((50, 8))


@pytest.mark.parametrize(
    ("end", "name"),
    [
        (np.tanh, "-1,1"),
        (lambda x: 0.5 * np.tanh(x) + 0.5, "0,1"),
        (lambda x: 127.5 * np.tanh(x) + 127.5, "0,255"),
        (lambda x: 1 / (1 + np.exp(-x)), "0,1"),
        (lambda x: np.clip(x, 0, 1), "0,1"),
        (np.sin, "-1,1"),
        (lambda x: x, None),
        (lambda x: np.maximum(x, 0), None),
        (lambda x: 0.5 * np.tanh(x), None),
        (lambda x: x / np.linalg.norm(x), None),  # the length of the noise plays no part
        (lambda x: x * np.nan, None),
    ],
)
def test_bounds_show_where_a_network_is_driven(end, name):
    noise = np.random.default_rng(1).standard_normal((8, 40))
    assert bounds_of(lambda factor: end(WEIGHTS @ noise * factor)) == name


def test_ranges_become_bytes():
    # (-1 + 1) / 2 * 255 = 0; (0 + 1) / 2 * 255 = 127.5, rounded to the even 128; beyond is cut.
    assert to_uint8(np.array([[-1.0, 0.0, 1.0, 1.5]]), "-1,1").tolist() == [[0, 128, 255, 255]]
    assert to_uint8(np.array([[-0.1, 0.2, 1.0]]), "0,1").tolist() == [[0, 51, 255]]
    assert to_uint8(np.array([[0.4, 12.6, 300.0]]), "0,255").tolist() == [[0, 13, 255]]
