import numpy as np
import pytest
import tensorflow as tf

from harness.gan.config.sections import AugmentConfig
from harness.gan.updates.augment import (
    DRAWS,
    augment,
    cut_out,
    noise_deviation,
    transforms,
    translate,
)

# [[1, 2], [3, 4]], twice, as images of one channel.
SQUARE = np.array([[1, 2], [3, 4]], np.float32).reshape(1, 2, 2, 1).repeat(2, axis=0)
MIDDLE = 0.5  # a draw that moves nothing


def draws_of(**columns):
    """Return draws for one image; those not named are in the middle."""
    names = ["brightness", "saturation", "contrast", "down", "right", "cut_row", "cut_column"]
    assert len(names) == DRAWS
    return tf.constant([[columns.get(name, MIDDLE) for name in names]])


def test_translation_moves_by_whole_pixels_and_lets_in_zeros():
    # Half of 2 pixels is 1: shifts are floor(3 u) - 1. 0.9 -> 1 down; 0.1 -> -1, to the left.
    moved = translate(tf.constant(SQUARE), 0.5, tf.constant([[0.9, 0.5], [0.5, 0.1]]))
    assert moved[0, :, :, 0].numpy().tolist() == [[0, 0], [1, 2]]
    assert moved[1, :, :, 0].numpy().tolist() == [[2, 0], [4, 0]]


def test_translation_treats_height_width_and_channels_apart():
    images = np.random.default_rng(0).normal(size=(1, 4, 8, 3)).astype(np.float32)
    # A quarter of 4 rows is 1, of 8 columns 2. floor(3 x 0.99) - 1 = 1; floor(5 x 0) - 2 = -2.
    moved = translate(tf.constant(images), 0.25, tf.constant([[0.99, 0.0]])).numpy()
    np.testing.assert_array_equal(moved[0, 1:, :6], images[0, :3, 2:])
    assert (moved[0, 0] == 0).all()
    assert (moved[0, :, 6:] == 0).all()


def test_every_shift_is_as_likely():
    image = np.zeros((9000, 8, 8, 1), np.float32)
    image[:, 4, 4] = 1
    draws = tf.random.stateless_uniform((9000, 2), (0, 0))
    places = translate(tf.constant(image), 0.125, draws).numpy().sum(axis=0)[:, :, 0]
    # One pixel each way: nine places, each 1,000 times with a standard deviation of 30.
    assert (np.abs(places[3:6, 3:6] - 1000) < 120).all()
    assert places.sum() == 9000


def test_the_gradient_of_a_shift_is_the_shift_back():
    images, weights = tf.constant(SQUARE), tf.constant(SQUARE * 10)
    with tf.GradientTape() as tape:
        tape.watch(images)
        moved = translate(images, 0.5, tf.constant([[0.9, 0.5], [0.5, 0.1]]))
        total = tf.reduce_sum(moved * weights)
    gradient = tape.gradient(total, images)[:, :, :, 0].numpy()
    assert gradient[0].tolist() == [[30, 40], [0, 0]]  # the row that fell off has none
    assert gradient[1].tolist() == [[0, 10], [0, 30]]


def test_cutout_takes_a_square_that_may_hang_over_the_border():
    images = tf.ones((3, 4, 4, 1))
    # Half of 4 is 2; the square begins at floor(5 u) - 1: at -1, 1 and 3.
    cut = cut_out(images, 0.5, tf.constant([[0.0, 0.5], [0.5, 0.5], [0.9, 0.0]]))[..., 0].numpy()
    assert cut[0].tolist() == [[1, 0, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert cut[1].tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    assert cut[2].tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1]]


def test_an_odd_square_has_its_middle_in_the_image():
    # A third of 3 is 1 pixel, at floor(3 u).
    cut = cut_out(tf.ones((3, 3, 3, 1)), 0.34, tf.constant([[0.0, 0.0], [0.4, 0.7], [0.9, 0.9]]))
    zeros = np.argwhere(cut.numpy()[..., 0] == 0).tolist()
    assert zeros == [[0, 0, 0], [1, 1, 2], [2, 2, 2]]


@pytest.mark.parametrize(("black", "change"), [(-1.0, 0.25), (0.0, 0.125)])
def test_brightness_moves_all_pixels_by_a_share_of_the_range(black, change):
    # Draw 0.75 is half of the largest change, 0.25 of the range: 2 or 1 wide.
    settings = AugmentConfig(brightness=0.25)
    images = tf.constant(SQUARE[:1] / 8)
    moved = augment(images, settings, draws_of(brightness=0.75), black=black)
    np.testing.assert_allclose(moved - images, change, atol=1e-7)


def test_saturation_stretches_colours_about_their_grey():
    image = tf.constant([[[[0.1, 0.2, 0.6]]]])  # grey 0.3
    moved = augment(image, AugmentConfig(saturation=1), draws_of(saturation=0.0), black=-1.0)
    np.testing.assert_allclose(moved[0, 0, 0], [0.3, 0.3, 0.3], atol=1e-6)
    moved = augment(image, AugmentConfig(saturation=0.5), draws_of(saturation=1.0), black=-1.0)
    np.testing.assert_allclose(moved[0, 0, 0], [0.0, 0.15, 0.75], atol=1e-6)  # factor 1.5


def test_contrast_stretches_an_image_about_its_mean():
    moved = augment(
        tf.constant(SQUARE[:1]), AugmentConfig(contrast=0.5), draws_of(contrast=0.0), black=0.0
    )
    # Mean 2.5, factor 0.5.
    np.testing.assert_allclose(moved[0, :, :, 0], [[1.75, 2.25], [2.75, 3.25]], atol=1e-6)


@pytest.mark.parametrize("black", [-1.0, 0.0])
def test_what_is_cut_or_let_in_is_black_whatever_the_brightness(black):
    settings = AugmentConfig(translation=0.25, cutout=0.25, brightness=0.5)
    draws = draws_of(brightness=0.9, down=0.9, cut_row=0.9, cut_column=0.0)
    seen = augment(tf.ones((1, 4, 4, 1)), settings, draws, black=black)[0, :, :, 0].numpy()
    assert (seen[0] == black).all()  # the row let in
    assert seen[3, 0] == black  # the pixel cut out
    np.testing.assert_allclose(seen[1:3], 1 + 0.4 * (1 - black), atol=1e-6)


def test_nothing_is_the_default():
    assert not transforms(AugmentConfig(noise=0.1, noise_kimg=1))
    images = tf.constant(SQUARE)
    assert augment(images, AugmentConfig(), tf.zeros((2, DRAWS)), black=-1.0) is images


@pytest.mark.parametrize("name", ["translation", "cutout", "brightness", "saturation", "contrast"])
def test_each_transformation_changes_each_image_by_its_own_draws(name):
    settings = AugmentConfig.model_validate({name: 0.5})
    assert transforms(settings)
    images = tf.constant(np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32))
    images = tf.repeat(images, 4, axis=0)
    draws = tf.random.stateless_uniform((4, DRAWS), (0, 2))
    seen = augment(images, settings, draws, black=-1.0).numpy()
    assert len({image.tobytes() for image in seen}) == 4
    alone = augment(images[2:3], settings, draws[2:3], black=-1.0).numpy()
    np.testing.assert_allclose(alone[0], seen[2], atol=1e-6)


def test_noise_falls_in_a_line_to_nothing():
    settings = AugmentConfig(noise=0.2, noise_kimg=10)
    deviations = [float(noise_deviation(settings, tf.constant(k))) for k in (0.0, 2.5, 10.0, 30.0)]
    # 0.2 (1 - 2.5 / 10) = 0.15
    assert deviations == pytest.approx([0.2, 0.15, 0, 0])
