"""Take one step: update the discriminator and the generator, in turn or from one forward pass."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from harness.gan.updates.batches import BatchSource, DiscriminatorPass, Purpose
from harness.gan.updates.network_pair import Pair
from harness.gan.updates.optimizers import dense_gradients
from harness.gan.updates.regularizers import add_penalty


def alternating_step(pair: Pair, feed: BatchSource, step: Any) -> Any:
    """Take one step: `discriminator_steps` updates of D on fresh images, then one of G.

    The generator's update draws fresh noise, and takes the labels of the last real batch, and its
    images where the loss pairs them.

    Args:
        pair: The networks; their variables are updated.
        feed: Source of images, noise and targets.
        step: Number of this step from 0, int64.

    Returns:
        Tensor (4,): generator loss, then the means over D's updates of its loss and of its
        accuracies on real and on fake images.
    """
    updates = pair.config.update.discriminator_steps
    reports = []
    batch: tuple[Any, Any] = (None, None)
    for i in range(updates):
        report, batch = discriminator_update(pair, feed, step * updates + i)
        reports.append(report)
    generator_loss = generator_update(pair, feed, step, batch)
    mean = tf.add_n(reports) / float(updates) if updates > 1 else reports[0]
    return tf.concat([[generator_loss], mean], axis=0)


def discriminator_update(
    pair: Pair, feed: BatchSource, update: Any
) -> tuple[Any, tuple[Any, Any]]:
    """Update D on one real and one generated batch; the generator's weights stay.

    Args:
        pair: The networks.
        feed: Source of images, noise and targets.
        update: Number of this update from 0, int64.

    Returns:
        Tensor (3,) of loss, penalty included, accuracy on real and accuracy on fake before the
        update; the real images and their labels.
    """
    real, labels = feed.real(update)
    fake = pair.generate(
        feed.noise(Purpose.DISCRIMINATOR_NOISE, update),
        labels,
        training=not pair.config.update.fakes_in_inference_mode,
    )
    seen = (
        feed.shown(real, DiscriminatorPass.REAL, update),
        feed.shown(fake, DiscriminatorPass.FAKE, update),
    )
    targets = feed.targets(update)
    if pair.config.update.discriminator_batches == "sequential":
        return _update_in_sequence(pair, seen, targets, labels), (real, labels)
    with tf.GradientTape() as tape:
        real_logits, fake_logits, class_losses = pair.judge_both(*seen, labels)
        loss = pair.loss.discriminator(real_logits, fake_logits, targets) + class_losses[0]
    gradients = dense_gradients(tape, loss, pair.discriminator.trainable_variables)
    penalty, gradients = add_penalty(
        pair, feed, (real, fake, labels), update=update, gradients=gradients
    )
    pair.update_discriminator(gradients)
    accuracies = pair.loss.accuracies(real_logits, fake_logits)
    return tf.stack([loss + penalty, *accuracies]), (real, labels)


def generator_update(pair: Pair, feed: BatchSource, step: Any, batch: tuple[Any, Any]) -> Any:
    """Update G on a fresh batch of noise and return its loss; D's weights stay.

    Args:
        pair: The networks.
        feed: Source of noise.
        step: Number of this step from 0, int64.
        batch: Real images, which only a paired loss looks at, and the labels (n,), or None, of
            the classes to generate.
    """
    real, labels = batch
    noise = feed.noise(Purpose.GENERATOR_NOISE, step)
    judging = not pair.config.update.judge_in_inference_mode
    real_logits = None
    if pair.loss.paired:
        real = feed.shown(real, DiscriminatorPass.REAL_IN_GENERATOR_STEP, step)
        real_logits = pair.judge(real, labels, training=judging)
    with tf.GradientTape() as tape:
        fake = pair.generate(noise, labels, training=True)
        fake = feed.shown(fake, DiscriminatorPass.FAKE_IN_GENERATOR_STEP, step)
        fake_logits, class_loss = pair.judge_classes(fake, labels, training=judging)
        loss = pair.loss.generator(real_logits, fake_logits) + class_loss
    pair.update_generator(dense_gradients(tape, loss, pair.generator.trainable_variables))
    return loss


def _update_in_sequence(
    pair: Pair, images: tuple[Any, Any], targets: tuple[Any, Any], labels: Any
) -> Any:
    """Update D on the real batch, then on the fakes; the second update sees the first's D."""
    variables = pair.discriminator.trainable_variables
    losses: list[Any] = []
    logits: list[Any] = []
    # GANConfig refuses paired losses here, which have no terms.
    for term, batch, target in zip(pair.loss.terms or (), images, targets, strict=True):
        with tf.GradientTape() as tape:
            batch_logits, class_loss = pair.judge_classes(batch, labels, training=True)
            # The auxiliary classifier learns from the real images, which come first.
            losses.append(term(batch_logits, target) + (0.0 if logits else class_loss))
        logits.append(batch_logits)
        pair.update_discriminator(dense_gradients(tape, losses[-1], variables))
    return tf.stack([losses[0] + losses[1], *pair.loss.accuracies(*logits)])


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
    noise = feed.noise(Purpose.DISCRIMINATOR_NOISE, step)
    with tf.GradientTape(persistent=True) as tape:
        fake = pair.generate(noise, labels, training=True)
        seen = (
            feed.shown(real, DiscriminatorPass.REAL, step),
            feed.shown(fake, DiscriminatorPass.FAKE, step),
        )
        real_logits, fake_logits, class_losses = pair.judge_both(*seen, labels)
        generator_loss = pair.loss.generator(real_logits, fake_logits) + class_losses[1]
        loss = pair.loss.discriminator(real_logits, fake_logits, feed.targets(step))
        loss += class_losses[0]
    discriminator_gradients = dense_gradients(tape, loss, pair.discriminator.trainable_variables)
    generator_gradients = dense_gradients(tape, generator_loss, pair.generator.trainable_variables)
    penalty, discriminator_gradients = add_penalty(
        pair, feed, (real, fake, labels), update=step, gradients=discriminator_gradients
    )
    accuracies = pair.loss.accuracies(real_logits, fake_logits)
    report = tf.stack([generator_loss, loss + penalty, *accuracies])
    return report, discriminator_gradients, generator_gradients


STEPS: dict[str, Callable[[Pair, BatchSource, Any], Any]] = {
    "alternating": alternating_step,
    "simultaneous": simultaneous_step,
}
