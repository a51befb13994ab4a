"""Compare penalties with closed forms: a linear and a quadratic critic of 1x2x1 images."""

import numpy as np
import pytest
import tensorflow as tf

from harness.gan.config.choices import REGULARIZER_NAMES
from harness.gan.updates.batches import BatchSource, DiscriminatorPass, Purpose
from harness.gan.updates.regularizers import (
    REGULARIZERS,
    add_penalty,
    gradient_penalty,
    squared_slopes,
)
from harness.gan.updates.steps import discriminator_update, generator_update, simultaneous_step

REAL = tf.constant([[1.0, 2.0], [2.0, 0.0]])[:, None, :, None]
FAKE = tf.constant([[3.0, 0.0], [0.0, 1.0]])[:, None, :, None]
SHARES = tf.constant([0.5, 0.25])[:, None, None, None]


def flat(images):
    return tf.reshape(images, (images.shape[0], -1))


def sides(critic):
    return (critic, REAL), (critic, FAKE)


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
        value = REGULARIZERS[name](*sides(lambda x: flat(x) @ weights + bias), SHARES)
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
    value = REGULARIZERS[name](*sides(quadratic), SHARES)
    assert float(value) == pytest.approx(penalty, rel=1e-5)


def test_slopes_are_those_of_single_images():
    np.testing.assert_allclose(squared_slopes(quadratic, REAL), [5, 4])


def test_a_flat_critic_pays_one_and_gets_a_finite_gradient():
    weights = tf.zeros((2, 1))
    with tf.GradientTape() as tape:
        tape.watch(weights)
        value = gradient_penalty(*sides(lambda x: flat(x) @ weights), SHARES)
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


ZERO = tf.constant(0, tf.int64)
R1 = {"name": "r1", "weight": 3.0}


def penalty_of(pair, feed, batch, update=ZERO):
    zeros = [tf.zeros(v.shape) for v in pair.discriminator.trainable_variables]
    return add_penalty(pair, feed, batch, update=update, gradients=zeros)


def batch_of(pair, feed):
    real, labels = feed.real(ZERO)
    noise = feed.noise(Purpose.DISCRIMINATOR_NOISE, ZERO)
    return real, pair.generate(noise, labels, training=False), labels


def test_it_is_the_weighted_penalty_of_the_images_with_their_labels(build_pair):
    pair, feed = build_pair(regularizer=R1)
    real, _, labels = batch_of(pair, feed)
    network = pair.discriminator
    slopes = squared_slopes(lambda x: network({"image": x, "label": labels}), real)
    value, _ = penalty_of(pair, feed, batch_of(pair, feed))
    # Weight 3 of half the mean.
    assert float(value) == pytest.approx(3 * slopes.numpy().mean() / 2, rel=1e-4)


def test_the_slope_is_by_the_image_before_it_is_augmented(build_pair):
    # Contrast stretches each image about its mean by its own factor c: by the chain rule the
    # slope before is not the slope after it, and D is judged at the same stretched images.
    pair, feed = build_pair(
        regularizer=R1,
        augment={"contrast": 0.9, "translation": 0.125},
        discriminator={"name": "conv", "dropout": 0.0},
    )
    real, fake, labels = batch_of(pair, feed)

    def judge(images):
        return pair.discriminator({"image": images, "label": labels})

    def shown(images):
        return feed.shown(images, DiscriminatorPass.REAL, ZERO)

    before = squared_slopes(lambda x: judge(shown(x)), real).numpy().mean()
    after = squared_slopes(judge, shown(real)).numpy().mean()
    value, _ = penalty_of(pair, feed, (real, fake, labels))
    assert float(value) == pytest.approx(3 * before / 2, rel=1e-4)
    assert before != pytest.approx(after, rel=0.02)


def test_it_is_judged_in_training_mode(build_pair, changed, copy_of):
    pair, feed = build_pair(regularizer=R1, discriminator={"dropout": 0.4})
    before = copy_of(pair.discriminator)
    penalty_of(pair, feed, batch_of(pair, feed))
    # Dropout has drawn; nothing else has moved.
    moved = changed(pair.discriminator, before)
    assert moved
    assert {path.rsplit("/")[-1] for path in moved} == {"seed_generator_state"}


def test_a_lazy_penalty_weighs_as_much_and_is_not_computed_between(build_pair):
    always, feed = build_pair(regularizer=R1)
    lazy, lazy_feed = build_pair(regularizer={**R1, "interval": 4})
    batch = batch_of(always, feed)
    once, slopes = penalty_of(always, feed, batch)
    for update in range(9):
        value, gradients = penalty_of(lazy, lazy_feed, batch, tf.constant(update, tf.int64))
        factor = 4 if update in (0, 4, 8) else 0
        assert float(value) == pytest.approx(factor * float(once), rel=1e-5)
        for gradient, slope in zip(gradients, slopes, strict=True):
            np.testing.assert_allclose(gradient, factor * slope, rtol=1e-4, atol=1e-6)


def test_a_step_between_penalties_is_the_step_without(build_pair):
    three = tf.constant(3, tf.int64)
    lazy, feed = build_pair(regularizer={**R1, "interval": 2})
    plain, plain_feed = build_pair()
    discriminator_update(lazy, feed, three)
    discriminator_update(plain, plain_feed, three)
    for one, other in zip(
        lazy.discriminator.variables, plain.discriminator.variables, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("name", ["gradient_penalty", "r1_r2"])
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_the_penalty_joins_the_discriminator_s_loss_and_leaves_the_generator_s(
    build_pair, name, order
):
    def step(pair, feed):
        if order == "simultaneous":
            return simultaneous_step(pair, feed, ZERO).numpy()[:2]
        report, _ = discriminator_update(pair, feed, ZERO)
        return np.array([0.0, report[0]])

    update = {"order": order}
    pair, feed = build_pair(regularizer={"name": name, "weight": 3.0}, update=update)
    plain, plain_feed = build_pair(update=update)
    real, labels = feed.real(ZERO)
    noise = feed.noise(Purpose.DISCRIMINATOR_NOISE, ZERO)
    fake = pair.generate(noise, labels, training=True)
    penalty = float(penalty_of(pair, feed, (real, fake, labels))[0])
    with_penalty, without = step(pair, feed), step(plain, plain_feed)
    assert penalty > 0
    assert with_penalty - without == pytest.approx([0, penalty], rel=1e-3, abs=1e-6)
    weights = [pair.discriminator.get_weights(), plain.discriminator.get_weights()]
    assert any((one != other).any() for one, other in zip(*weights, strict=True))
    # The generator takes the same step with and without, if it took one.
    for one, other in zip(
        pair.generator.trainable_variables, plain.generator.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_generator_s_paired_loss_meets_the_real_images_of_its_labels(build_pair):
    pair, feed = build_pair(loss={"name": "relativistic"}, generator={"normalization": "none"})
    real, labels = feed.real(ZERO)
    fake = pair.generate(feed.noise(Purpose.GENERATOR_NOISE, ZERO), labels, training=True)
    real_logits, fake_logits = (
        np.asarray(pair.discriminator({"image": images, "label": labels}))
        for images in (real, fake)
    )
    expected = np.log1p(np.exp(real_logits - fake_logits)).mean()
    assert float(generator_update(pair, feed, ZERO, (real, labels))) == pytest.approx(
        expected, rel=1e-5
    )
