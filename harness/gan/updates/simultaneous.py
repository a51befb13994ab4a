"""Update both networks from one forward pass, each against the other's old weights."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from harness.gan.updates.batches import BatchSource, DiscriminatorPass, Purpose
from harness.gan.updates.network_pair import Pair
from harness.gan.updates.penalty import add_penalty


def simultaneous_step(pair: Pair, feed: BatchSource, step: Any) -> Any:
    """Take one step: the gradients of both losses from the same logits, then both updates.

    A penalty looks at the same fakes, and is D's alone.

    Args:
        pair: The networks; their variables are updated.
        feed: Source of images, noise and targets.
        step: Number of this step from 0, int64.

    Returns:
        Tensor (4,): generator loss, discriminator loss, penalty included, and its accuracies on
        real and on fake images.
    """
    report, discriminator_gradients, generator_gradients = both_gradients(pair, feed, step)
    pair.update_discriminator(discriminator_gradients)
    pair.update_generator(generator_gradients)
    return report


def both_gradients(
    pair: Pair, feed: BatchSource, step: Any
) -> tuple[Any, Sequence[Any], Sequence[Any]]:
    """Return the report of a simultaneous step, and the gradients of D and of G, without updates.

    Moving statistics and other states of layers change as in any pass of a training.

    Args:
        pair: The networks.
        feed: Source of images, noise and targets.
        step: Number of this step from 0, int64.
    """
    real, labels = feed.real(step)
    real = feed.shown(real, DiscriminatorPass.REAL, step)
    noise = feed.noise(Purpose.DISCRIMINATOR_NOISE, step)
    with tf.GradientTape(persistent=True) as tape:
        fake = feed.shown(
            pair.generate(noise, labels, training=True), DiscriminatorPass.FAKE, step
        )
        real_logits, fake_logits, class_losses = pair.judge_both(real, fake, labels)
        generator_loss = pair.loss.generator(real_logits, fake_logits) + class_losses[1]
        loss = pair.loss.discriminator(real_logits, fake_logits, feed.targets(step))
        loss += class_losses[0]
    discriminator_gradients = tape.gradient(loss, pair.discriminator.trainable_variables)
    generator_gradients = tape.gradient(generator_loss, pair.generator.trainable_variables)
    penalty, discriminator_gradients = add_penalty(
        pair, feed, (real, fake, labels), update=step, gradients=discriminator_gradients
    )
    accuracies = pair.loss.accuracies(real_logits, fake_logits)
    report = tf.stack([generator_loss, loss + penalty, *accuracies])
    return report, discriminator_gradients, generator_gradients
