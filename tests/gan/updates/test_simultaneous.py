import numpy as np
import pytest
import tensorflow as tf

from harness.gan.updates.alternating import discriminator_update
from harness.gan.updates.batches import Purpose
from harness.gan.updates.simultaneous import simultaneous_step

ZERO = tf.constant(0, tf.int64)


@pytest.mark.parametrize("batches", ["joint", "separate"])
def test_both_meet_the_other_s_old_weights(build_pair, batches):
    changes = {"update": {"order": "simultaneous", "discriminator_batches": batches}}
    pair, feed = build_pair(**changes)
    expected, _ = build_pair(**changes)
    # The generator's gradient by hand, from the untouched networks and the noise of D's fakes.
    _, labels = feed.real(ZERO)
    noise = feed.noise(Purpose.DISCRIMINATOR_NOISE, ZERO)
    with tf.GradientTape() as tape:
        fake = expected.generator({"noise": noise, "label": labels}, training=True)
        logits = expected.discriminator({"image": fake, "label": labels}, training=True)
        loss = tf.reduce_mean(tf.nn.softplus(-logits))
    weights = expected.generator.trainable_variables
    after = [
        variable - 0.1 * np.asarray(tf.convert_to_tensor(gradient))
        for variable, gradient in zip(weights, tape.gradient(loss, weights), strict=True)
    ]
    report = simultaneous_step(pair, feed, ZERO)
    for variable, value in zip(pair.generator.trainable_variables, after, strict=True):
        np.testing.assert_allclose(variable, value, atol=1e-5)
    assert float(report[0]) == pytest.approx(float(loss), rel=1e-5)
    # The discriminator's half is the update that the alternating rule begins with.
    other, _ = build_pair(update={"discriminator_batches": batches})
    update_report, _ = discriminator_update(other, feed, ZERO)
    np.testing.assert_allclose(report[1:], update_report, rtol=1e-5)
    for one, two in zip(pair.discriminator.variables, other.discriminator.variables, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
