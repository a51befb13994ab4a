"""Compare penalties with closed forms: a linear and a quadratic critic of 1x2x1 images."""

import numpy as np
import pytest
import tensorflow as tf

from harness.gan.config.choices import REGULARIZER_NAMES
from harness.gan.updates.batches import BatchSource
from harness.gan.updates.regularizers import REGULARIZERS, gradient_penalty, squared_slopes

REAL = tf.constant([[1.0, 2.0], [2.0, 0.0]])[:, None, :, None]
FAKE = tf.constant([[3.0, 0.0], [0.0, 1.0]])[:, None, :, None]
SHARES = tf.constant([0.5, 0.25])[:, None, None, None]


def flat(images):
    return tf.reshape(images, (images.shape[0], -1))


def quadratic(images):
    """Return |x|^2 / 2, whose slope is x itself."""
    return tf.reduce_sum(tf.square(flat(images)), axis=1, keepdims=True) / 2


@pytest.mark.parametrize(
    ("name", "penalty", "by_weights"),
    [
        # The slope of w.x + b is w everywhere; |w| = 5 for (3, 4). (5 - 1)^2 = 16, and by w
        # 2 (|w| - 1) w / |w| = 8 (0.6, 0.8).
        ("gradient_penalty", 16.0, [4.8, 6.4]),
        ("r1", 12.5, [3.0, 4.0]),  # |w|^2 / 2, and by w it is w
        ("r2", 12.5, [3.0, 4.0]),
        ("r1_r2", 25.0, [6.0, 8.0]),
    ],
)
def test_a_linear_critic_pays_the_closed_form(name, penalty, by_weights):
    weights, bias = tf.constant([[3.0], [4.0]]), tf.constant(7.0)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        value = REGULARIZERS[name](lambda x: flat(x) @ weights + bias, REAL, FAKE, SHARES)
    assert float(value) == pytest.approx(penalty, rel=1e-6)
    np.testing.assert_allclose(tape.gradient(value, weights)[:, 0], by_weights, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "penalty"),
    [
        # |real|^2 is 5 and 4, |fake|^2 is 9 and 1: half the means are 9/4 and 10/4.
        ("r1", 2.25),
        ("r2", 2.5),
        ("r1_r2", 4.75),
        # Half way (2, 1), a quarter of the way from fake to real (0.5, 0.75): the lengths are
        # sqrt(5) and sqrt(0.8125), which differ from 1 by 1.23607 and 0.09861.
        ("gradient_penalty", (1.527864 + 0.009724) / 2),
    ],
)
def test_each_penalty_looks_at_its_own_images(name, penalty):
    value = REGULARIZERS[name](quadratic, REAL, FAKE, SHARES)
    assert float(value) == pytest.approx(penalty, rel=1e-5)


def test_slopes_are_those_of_single_images():
    np.testing.assert_allclose(squared_slopes(quadratic, REAL), [5, 4])


def test_a_flat_critic_pays_one_and_gets_a_finite_gradient():
    weights = tf.zeros((2, 1))
    with tf.GradientTape() as tape:
        tape.watch(weights)
        value = gradient_penalty(lambda x: flat(x) @ weights, REAL, FAKE, SHARES)
    assert float(value) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(tape.gradient(value, weights), [[0], [0]])


def test_every_regularizer_can_be_configured_and_the_other_way_round():
    assert tuple(REGULARIZERS) == REGULARIZER_NAMES


def test_shares_are_uniform_one_an_image_and_repeat(small_config, small_images):
    feed = BatchSource(small_config(batch_size=1000), *map(tf.constant, small_images))
    shares = feed.shares(tf.constant(3, tf.int64)).numpy()
    assert shares.shape == (1000, 1, 1, 1)
    np.testing.assert_array_equal(shares, feed.shares(tf.constant(3, tf.int64)))
    assert (shares != feed.shares(tf.constant(4, tf.int64)).numpy()).all()
    # A tenth of them in each tenth, give or take five standard deviations of 9.5.
    counts, _ = np.histogram(shares, bins=10, range=(0, 1))
    assert counts.sum() == 1000
    assert (np.abs(counts - 100) < 48).all()
