import numpy as np
import pytest
import tensorflow as tf

from harness.gan.updates.batches import DiscriminatorPass, Purpose
from harness.gan.updates.steps import discriminator_update, generator_update, simultaneous_step

ZERO = tf.constant(0, tf.int64)
AUGMENTED = {
    "conditional": False,
    "generator": {"normalization": "none"},
    "augment": {"translation": 0.3, "cutout": 0.3, "noise": 0.1, "noise_kimg": 1},
}


def softplus_mean(logits):
    return tf.reduce_mean(tf.nn.softplus(logits))


def by_hand(pair, feed, purpose, showing):
    """Return G's loss and weights after one update of learning rate 0.1, through the showing."""
    weights = pair.generator.trainable_variables
    with tf.GradientTape() as tape:
        fake = pair.generator({"noise": feed.noise(purpose, ZERO)}, training=True)
        logits = pair.discriminator({"image": feed.shown(fake, showing, ZERO)}, training=True)
        loss = softplus_mean(-logits)
    gradients = tape.gradient(loss, weights)
    moved = [w - 0.1 * np.asarray(g) for w, g in zip(weights, gradients, strict=True)]
    return float(loss), moved


def seen_by(pair, feed):
    """Return the real and fake images of D's first update as D sees them."""
    noise = feed.noise(Purpose.DISCRIMINATOR_NOISE, ZERO)
    fake = pair.generator({"noise": noise}, training=True)
    real, _ = feed.real(ZERO)
    return feed.shown(real, DiscriminatorPass.REAL, ZERO), feed.shown(
        fake, DiscriminatorPass.FAKE, ZERO
    )


@pytest.mark.parametrize("batches", ["joint", "separate"])
def test_the_discriminator_sees_real_and_fake_images_augmented(build_pair, batches):
    pair, feed = build_pair(**AUGMENTED, update={"discriminator_batches": batches})
    real, fake = (pair.discriminator({"image": images}) for images in seen_by(pair, feed))
    expected = softplus_mean(-real) + softplus_mean(fake)
    report, _ = discriminator_update(pair, feed, ZERO)
    assert float(report[0]) == pytest.approx(float(expected), rel=1e-5)


def test_both_updates_of_a_sequence_see_augmented_images(build_pair):
    changes = {**AUGMENTED, "update": {"discriminator_batches": "sequential"}}
    pair, feed = build_pair(**changes)
    other, _ = build_pair(**changes)
    losses = []
    for sign, images in zip((-1, 1), seen_by(pair, feed), strict=True):
        with tf.GradientTape() as tape:
            losses.append(softplus_mean(sign * other.discriminator({"image": images})))
        weights = other.discriminator.trainable_variables
        other.update_discriminator(tape.gradient(losses[-1], weights))
    report, _ = discriminator_update(pair, feed, ZERO)
    assert float(report[0]) == pytest.approx(float(sum(losses)), rel=1e-5)


def test_the_generator_learns_through_the_augmentation(build_pair):
    pair, feed = build_pair(**AUGMENTED)
    loss, moved = by_hand(
        pair, feed, Purpose.GENERATOR_NOISE, DiscriminatorPass.FAKE_IN_GENERATOR_STEP
    )
    reported = generator_update(pair, feed, ZERO, feed.real(ZERO))
    assert float(reported) == pytest.approx(loss, rel=1e-5)
    for variable, value in zip(pair.generator.trainable_variables, moved, strict=True):
        np.testing.assert_allclose(variable, value, atol=1e-6)


def test_a_simultaneous_step_shows_both_networks_the_same_augmented_fakes(build_pair):
    pair, feed = build_pair(**AUGMENTED, update={"order": "simultaneous"})
    loss, moved = by_hand(pair, feed, Purpose.DISCRIMINATOR_NOISE, DiscriminatorPass.FAKE)
    report = simultaneous_step(pair, feed, ZERO)
    assert float(report[0]) == pytest.approx(loss, rel=1e-5)
    for variable, value in zip(pair.generator.trainable_variables, moved, strict=True):
        np.testing.assert_allclose(variable, value, atol=1e-6)
    other, _ = build_pair(**AUGMENTED)
    expected, _ = discriminator_update(other, feed, ZERO)
    np.testing.assert_allclose(report[1:], expected, rtol=1e-5)


@pytest.mark.parametrize("network", ["discriminator", "generator"])
def test_what_is_applied_is_clipped_over_all_weights(build_pair, copy_of, network):
    # Plain descent at 0.1 moves the weights by 0.1 of the gradient: 0.1 x 0.01 if it is clipped.
    pair, feed = build_pair(optimizer={"clip_norm": 0.01})
    weights = getattr(pair, network).trainable_variables
    before = [variable.numpy() for variable in weights]
    if network == "discriminator":
        discriminator_update(pair, feed, ZERO)
    else:
        generator_update(pair, feed, ZERO, feed.real(ZERO))
    moved = np.concatenate(
        [(variable.numpy() - old).ravel() for variable, old in zip(weights, before, strict=True)]
    )
    assert np.linalg.norm(moved.astype(float)) == pytest.approx(0.001, rel=1e-3)
