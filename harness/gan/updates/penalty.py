"""Weigh the penalty on the discriminator's slope, and take it only every so many updates."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from harness.gan.updates.batches import BatchSource
from harness.gan.updates.network_pair import Pair
from harness.gan.updates.regularizers import REGULARIZERS


def add_penalty(
    pair: Pair,
    feed: BatchSource,
    batch: tuple[Any, Any, Any],
    *,
    update: Any,
    gradients: Sequence[Any],
) -> tuple[Any, Sequence[Any]]:
    """Return the penalty in the discriminator's loss, and its gradients with the penalty's.

    A lazy penalty is taken every `interval` updates with `interval` times its weight, the same on
    average; the updates between do not compute it.

    Args:
        pair: The networks; D judges in training mode.
        feed: Source of the places between real and fake.
        batch: Real images, fakes and the labels of both or None.
        update: Number of this update of D from 0, int64.
        gradients: Of the loss without the penalty, by D's trainable variables.

    Returns:
        The weighted penalty, 0 without a regularizer or where none is due; the gradients.

    References:
        Karras et al. 2020, arXiv 1912.04958, appendix B. Their change to Adam's settings makes up
        for lazy penalties taking updates of their own; ours join an update that happens anyway.
    """
    settings = pair.config.regularizer
    if settings.name == "none":
        return 0.0, gradients
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]

    def with_penalty() -> tuple[Any, list[Any]]:
        penalty, more = _penalty(pair, batch, feed.shares(update))
        sums = [
            one if other is None else one + other
            for one, other in zip(gradients, more, strict=True)
        ]
        return penalty, sums

    if settings.interval == 1:
        return with_penalty()
    due = update % settings.interval == 0
    # No tape looks into this: TensorFlow cannot take two gradients through one condition.
    penalty, sums = tf.cond(due, with_penalty, lambda: (tf.constant(0.0), gradients))
    return penalty, sums


def _penalty(pair: Pair, batch: tuple[Any, Any, Any], shares: Any) -> tuple[Any, Sequence[Any]]:
    """Return the weighted penalty and its gradients; None for a bias that changes no slope."""
    settings = pair.config.regularizer
    real, fake, labels = batch
    with tf.GradientTape() as tape:
        penalty = REGULARIZERS[settings.name](
            lambda images: pair.judge(images, labels, training=True), real, fake, shares
        )
        penalty *= settings.weight * settings.interval
    return penalty, tape.gradient(penalty, pair.discriminator.trainable_variables)
