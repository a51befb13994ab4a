import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.config.sections import DiscriminatorConfig, GeneratorConfig
from harness.gan.networks.blocks import (
    minibatch_deviation,
    residual_down,
    residual_up,
    self_attention,
)

RNG = np.random.default_rng(0)
GENERATOR = GeneratorConfig(normalization="none", kernel_size=3)
DISCRIMINATOR = DiscriminatorConfig(kernel_size=3)
LEAKY = GANConfig(
    conditional=False,
    discriminator=DiscriminatorConfig(name="resnet", width=8, depth=3, leaky_slope=0.05),
)


def build(shape, block):
    x = keras.Input(shape)
    return keras.Model(x, block(x))


def silence(model, *names):
    for name in names:
        layer = model.get_layer(name)
        layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])


def test_an_up_block_without_convolutions_repeats_its_input():
    model = build(
        (1, 2, 2), lambda x: residual_up(x, GENERATOR, channels=2, enlarge=True, name="block")
    )
    silence(model, "block_second")
    pixels = np.array([[[[1.0, -1.0], [2.0, -2.0]]]])
    row = [[1, -1], [1, -1], [2, -2], [2, -2]]
    np.testing.assert_array_equal(np.asarray(model(pixels))[0], [row, row])


def test_a_down_block_without_convolutions_averages_its_input():
    model = build(
        (2, 2, 2), lambda x: residual_down(x, DISCRIMINATOR, channels=2, shrink=True, name="block")
    )
    silence(model, "block_second")
    pixels = np.array([[[[1.0, 0.0], [2.0, 0.0]], [[3.0, 0.0], [6.0, -8.0]]]])
    # The means of 1, 2, 3 and 6 and of 0, 0, 0 and -8.
    np.testing.assert_array_equal(np.asarray(model(pixels)), [[[[3, -2]]]])


@pytest.mark.parametrize("resize", [True, False])
def test_a_shortcut_that_changes_channels_is_a_1x1_convolution(resize):
    up = build(
        (4, 4, 4), lambda x: residual_up(x, GENERATOR, channels=2, enlarge=resize, name="block")
    )
    down = build(
        (4, 4, 2),
        lambda x: residual_down(x, DISCRIMINATOR, channels=4, shrink=resize, name="block"),
    )
    assert up.output_shape == ((None, 8, 8, 2) if resize else (None, 4, 4, 2))
    assert down.output_shape == ((None, 2, 2, 4) if resize else (None, 4, 4, 4))
    for model in (up, down):
        silence(model, "block_second")
        # One unit of every channel in, the sum of its kernel's column out, anywhere.
        column = model.get_layer("block_shortcut").get_weights()[0].sum(axis=(0, 1, 2))
        y = np.asarray(model(np.ones((1, *model.input_shape[1:]))))
        np.testing.assert_allclose(y, np.broadcast_to(column, y.shape), rtol=1e-5, atol=1e-6)


def test_the_first_down_block_shows_the_image_to_a_convolution_as_it_is():
    model = build(
        (4, 4, 1),
        lambda x: residual_down(
            x, DISCRIMINATOR, channels=4, shrink=True, name="block", first=True
        ),
    )
    assert model.get_layer("block_first").input is model.input


def test_attention_begins_as_the_identity():
    model = build((4, 3, 8), lambda x: self_attention(x, "attention"))
    x = RNG.normal(size=(2, 4, 3, 8)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(model(x)), x)


def test_attention_by_hand():
    model = build((1, 2, 2), lambda x: self_attention(x, "attention"))
    values = {
        "query": np.array([[1.0], [0.0]]),
        "key": np.array([[1.0], [0.0]]),
        "value": np.array([[0.0], [1.0]]),
        "channels": np.array([[1.0, 10.0]]),
        "gate": np.array([[0.5], [1.0]]),
    }
    for name, kernel in values.items():
        model.get_layer(f"attention_{name}").set_weights([kernel.reshape(1, 1, *kernel.shape)])
    y = np.asarray(model(np.array([[[[0.0, 4.0], [np.log(3.0), 8.0]]]])))
    # Query 0 finds both pixels alike: (4 + 8) / 2 = 6. Query log 3 has scores 0 and (log 3)^2.
    share = 1 / (1 + np.exp(np.log(3.0) ** 2))
    found = np.array([6, 4 * share + 8 * (1 - share)])
    # Gates 0.5 and 1 after factors 1 and 10.
    expected = np.array([[0, 4], [np.log(3.0), 8]]) + found[:, None] * [0.5, 10]
    np.testing.assert_allclose(y[0, 0], expected, rtol=1e-6)


def test_minibatch_deviation_by_hand():
    model = build((1, 1, 2), lambda x: minibatch_deviation(x, "deviation"))
    x = np.array([[1.0, 0.0], [3.0, 8.0]]).reshape(2, 1, 1, 2)
    # Deviations 1 and 4 over the batch, whose mean is 2.5.
    np.testing.assert_allclose(np.asarray(model(x))[:, 0, 0], [[1, 0, 2.5], [3, 8, 2.5]])


def test_minibatch_deviation_of_equal_samples_has_a_finite_gradient():
    model = build((3,), lambda x: minibatch_deviation(x, "deviation"))
    x = tf.ones((4, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x)[:, 3]
    np.testing.assert_allclose(y, 1e-4, rtol=1e-4)  # the root of 1e-8
    np.testing.assert_array_equal(tape.gradient(y, x), 0)


ONEDNN = """
import numpy as np, tensorflow as tf
from harness.gan.networks.discriminators import build_discriminator
from tests.gan.networks.test_blocks import LEAKY

model = build_discriminator(LEAKY, (16, 16, 1), 0)
inputs = {"image": tf.random.normal((16, 16, 16, 1))}
fused = tf.function(lambda: model(inputs, training=False))().numpy()
np.testing.assert_allclose(fused, model(inputs, training=False).numpy(), rtol=1e-4, atol=1e-5)
"""


def test_a_sums_slope_is_kept_where_kernels_are_fused():
    settings = {"TF_ENABLE_ONEDNN_OPTS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", ONEDNN], env=os.environ | settings, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
