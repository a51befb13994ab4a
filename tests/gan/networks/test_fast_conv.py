import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.networks.fast_conv import (
    fast_convolutions,
    strided_convolution,
    transposed_convolution,
)
from harness.gan.trainer import Trainer


def both(fast, plain, x, kernel):
    """Return output and gradients by x and kernel of the fast and the plain function."""
    results = []
    weights = None
    for function in (fast, plain):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = function(x, kernel)
            weights = tf.random.stateless_normal(y.shape, (1, 2)) if weights is None else weights
            total = tf.reduce_sum(y * weights)
        results.append([y, *tape.gradient(total, [x, kernel])])
    return zip(*results, strict=True)


def test_one_pixel_spreads_as_by_hand():
    # A single 1 in a 1x1 image, kernel rows 3x3 of 1..9; `same` keeps rows and columns 0 and 1.
    kernel = tf.reshape(tf.range(1.0, 10.0), (3, 3, 1, 1))
    image = transposed_convolution(tf.ones((1, 1, 1, 1)), kernel)
    np.testing.assert_array_equal(image[0, :, :, 0], [[1, 2], [4, 5]])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
def test_transposed_convolution_and_its_gradients(size, channels):
    x = tf.random.stateless_normal((2, 7, 5, 4), (1, 1))
    kernel = tf.random.stateless_normal((size, size, channels, 4), (2, 2))

    def plain(x, kernel):
        return tf.nn.conv2d_transpose(x, kernel, (2, 14, 10, channels), 2, "SAME")

    for fast_value, value in both(transposed_convolution, plain, x, kernel):
        np.testing.assert_allclose(fast_value, value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
def test_strided_convolution_and_its_gradients(size):
    x = tf.random.stateless_normal((2, 12, 8, 3), (1, 1))
    kernel = tf.random.stateless_normal((size, size, 3, 4), (2, 2))

    def plain(x, kernel):
        return tf.nn.conv2d(x, kernel, 2, "SAME")

    for fast_value, value in both(strided_convolution, plain, x, kernel):
        np.testing.assert_allclose(fast_value, value, rtol=1e-4, atol=1e-4)


def test_a_slope_through_the_strided_convolution_has_the_same_gradient():
    # What a gradient penalty needs: the derivative by the kernel of the derivative by x.
    x = tf.random.stateless_normal((2, 8, 8, 1), (1, 1))
    kernel = tf.random.stateless_normal((5, 5, 1, 4), (2, 2))

    def by_kernel(convolve):
        with tf.GradientTape() as outer:
            outer.watch(kernel)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(tf.square(convolve(x, kernel)))
            penalty = tf.reduce_sum(tf.square(inner.gradient(total, x)))
        return penalty, outer.gradient(penalty, kernel)

    expected = by_kernel(lambda x, kernel: tf.nn.conv2d(x, kernel, 2, "SAME"))
    for fast_value, value in zip(by_kernel(strided_convolution), expected, strict=True):
        np.testing.assert_allclose(fast_value, value, rtol=1e-4)


def test_a_twin_shares_variables_and_leaves_the_original_as_it_was(tmp_path):
    original = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 5, strides=2, padding="same", activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Conv2DTranspose(3, 5, strides=2, padding="same"),
        ]
    )
    twin = fast_convolutions(original)
    kinds = [type(layer).__name__ for layer in twin.layers]
    assert kinds.count("_Convolution") == 2
    assert {id(v) for v in twin.variables} == {id(v) for v in original.variables}
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(
        twin(x, training=True), original(x, training=True), rtol=1e-4, atol=1e-5
    )
    original.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), original(x))


def test_other_convolutions_stay():
    x = keras.Input((7, 7, 1))  # an odd side
    y = keras.layers.Conv2D(4, 5, strides=2, padding="same")(x)
    y = keras.layers.Conv2D(4, 2, strides=2, padding="valid")(y)
    y = keras.layers.Conv2DTranspose(64, 5, strides=2, padding="same")(y)  # many channels
    y = keras.layers.Conv2DTranspose(4, 5, strides=1, padding="same")(y)
    model = keras.Model(x, y)
    assert fast_convolutions(model).layers[1:] == model.layers[1:]


def test_a_training_that_is_over_leaves_neither_graph_nor_data_behind():
    images = tf.zeros((8, 28, 28, 1), tf.uint8)
    left = weakref.ref(images)
    network = {"width": 4, "depth": 1, "kernel_size": 3}
    config = GANConfig(
        conditional=False, batch_size=4, generator=network, discriminator={**network, "depth": 2}
    )
    trainer = Trainer(config, images)
    trainer.advance(1)
    del trainer, images
    keras.backend.clear_session()
    gc.collect()
    assert left() is None
