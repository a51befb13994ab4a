import numpy as np
import pytest
import tensorflow as tf

from harness.gan.updates.batches import Purpose
from harness.gan.updates.steps import (
    alternating_step,
    discriminator_update,
    generator_update,
    simultaneous_step,
)

ZERO = tf.constant(0, tf.int64)
BATCHES = ["joint", "separate", "sequential"]


def trainable(model):
    return {variable.path for variable in model.trainable_variables}


@pytest.mark.parametrize("batches", BATCHES)
def test_a_discriminator_update_leaves_the_generator_unchanged(
    build_pair, changed, copy_of, batches
):
    pair, feed = build_pair(update={"discriminator_batches": batches})
    generator, discriminator = copy_of(pair.generator), copy_of(pair.discriminator)
    discriminator_update(pair, feed, ZERO)
    # The pass in training mode moves the statistics of batch normalization, no weight.
    assert not changed(pair.generator, generator) & trainable(pair.generator)
    assert changed(pair.discriminator, discriminator) == trainable(pair.discriminator)


def test_fakes_in_inference_mode_leave_even_the_statistics(build_pair, changed, copy_of):
    pair, feed = build_pair(update={"fakes_in_inference_mode": True})
    before = copy_of(pair.generator)
    discriminator_update(pair, feed, ZERO)
    assert changed(pair.generator, before) == set()


def test_a_generator_update_leaves_the_discriminator_unchanged(build_pair, changed, copy_of):
    pair, feed = build_pair()
    generator, discriminator = copy_of(pair.generator), copy_of(pair.discriminator)
    generator_update(pair, feed, ZERO, (None, feed.labels[:8]))
    assert changed(pair.discriminator, discriminator) == set()
    assert changed(pair.generator, generator) >= trainable(pair.generator)


@pytest.mark.parametrize("inference", [True, False])
def test_judging_in_inference_mode_draws_no_dropout_and_moves_no_statistics(
    build_pair, changed, copy_of, inference
):
    pair, feed = build_pair(
        discriminator={"dropout": 0.4, "normalization": "batch"},
        update={"judge_in_inference_mode": inference},
    )
    before = copy_of(pair.discriminator)
    generator_update(pair, feed, ZERO, (None, feed.labels[:8]))
    moved = {path.rsplit("/")[-1] for path in changed(pair.discriminator, before)}
    used = {"seed_generator_state", "moving_mean", "moving_variance"}
    assert moved == (set() if inference else used)


def test_the_generator_meets_the_new_discriminator(build_pair):
    pair, feed = build_pair()
    other, _ = build_pair()
    generator_loss = float(alternating_step(pair, feed, ZERO)[0])
    _, batch = discriminator_update(other, feed, ZERO)
    assert generator_loss == float(generator_update(other, feed, ZERO, batch))
    untouched, _ = build_pair()
    assert generator_loss != float(generator_update(untouched, feed, ZERO, batch))


def test_reported_loss_and_accuracies_are_those_before_the_update(build_pair):
    pair, feed = build_pair(conditional=False, generator={"normalization": "none"})
    real, _ = feed.real(ZERO)
    noise = feed.noise(Purpose.DISCRIMINATOR_NOISE, ZERO)
    real_logits = np.asarray(pair.discriminator({"image": real}))
    fake_logits = np.asarray(pair.discriminator({"image": pair.generator({"noise": noise})}))
    (loss, on_real, on_fake), (_, labels) = discriminator_update(pair, feed, ZERO)
    expected = np.log1p(np.exp(-real_logits)).mean() + np.log1p(np.exp(fake_logits)).mean()
    assert labels is None
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert float(on_real) == (real_logits > 0).mean()
    assert float(on_fake) == (fake_logits <= 0).mean()


def test_several_updates_see_fresh_images(build_pair):
    pair, feed = build_pair(update={"discriminator_steps": 2})
    single, _ = build_pair()
    report = alternating_step(pair, feed, tf.constant(3, tf.int64))
    # Step 3 holds the updates 6 and 7; the report is their mean.
    first, _ = discriminator_update(single, feed, tf.constant(6, tf.int64))
    second, _ = discriminator_update(single, feed, tf.constant(7, tf.int64))
    np.testing.assert_allclose(report[1:], (first + second) / 2, rtol=1e-6)


def test_joint_and_separate_batches_agree_without_normalization(build_pair):
    weights = {}
    for batches in BATCHES:
        pair, feed = build_pair(update={"discriminator_batches": batches})
        discriminator_update(pair, feed, ZERO)
        weights[batches] = np.concatenate([v.ravel() for v in pair.discriminator.get_weights()])
    np.testing.assert_allclose(weights["joint"], weights["separate"], atol=1e-6)
    # The second half of a sequence meets weights that the first has moved.
    assert np.abs(weights["joint"] - weights["sequential"]).max() > 1e-4


def test_joint_and_separate_batches_differ_under_normalization(build_pair):
    losses = []
    for batches in ("joint", "separate"):
        pair, feed = build_pair(
            discriminator={"normalization": "batch"}, update={"discriminator_batches": batches}
        )
        losses.append(float(discriminator_update(pair, feed, ZERO)[0][0]))
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)


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
