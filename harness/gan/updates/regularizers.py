"""Define the penalties on the discriminator's slope, and take them every so many updates."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from harness.gan.updates.batches import BatchSource
from harness.gan.updates.network_pair import Pair

Critic = Callable[[Any], Any]
"""Return logits (n, 1) for images (n, height, width, channels)."""

Regularizer = Callable[[Critic, Any, Any, Any], Any]
"""Return a penalty from D, real images, fake images and uniform shares (n, 1, 1, 1)."""


def gradient_penalty(critic: Critic, real: Any, fake: Any, shares: Any) -> Any:
    """Return the mean of (|slope| - 1)^2 between each real image and the fake beside it.

    Args:
        critic: The discriminator. Its logit of one image must not depend on the others.
        real: float32 (n, height, width, channels).
        fake: Likewise.
        shares: Where between the two to look, 1 at the real image; uniform in [0, 1), one a pair.

    References:
        Gulrajani et al. 2017, arXiv 1704.00028, equation 3 and algorithm 1. Two-sided; the
        position is uniform, not normal as in tutorials, which would leave the line between.
    """
    between = fake + shares * (real - fake)
    # The root has no derivative at 0, where this one's is 0.
    lengths = tf.sqrt(squared_slopes(critic, between) + 1e-12)
    return tf.reduce_mean(tf.square(lengths - 1.0))


def r1(critic: Critic, real: Any, _: Any, __: Any) -> Any:
    """Return half the mean of |slope|^2 at real images.

    References:
        Mescheder et al. 2018, arXiv 1801.04406, equation 9, whose gamma is the weight.
    """
    return tf.reduce_mean(squared_slopes(critic, real)) / 2


def r2(critic: Critic, _: Any, fake: Any, __: Any) -> Any:
    """Return half the mean of |slope|^2 at fakes; see `r1`, equation 10."""
    return tf.reduce_mean(squared_slopes(critic, fake)) / 2


def r1_r2(critic: Critic, real: Any, fake: Any, shares: Any) -> Any:
    """Return the sum of `r1` and `r2`.

    References:
        Huang et al. 2024, arXiv 2501.05441, section 2.2: without both, the relativistic loss
        diverges.
    """
    return r1(critic, real, fake, shares) + r2(critic, real, fake, shares)


def squared_slopes(critic: Critic, images: Any) -> Any:
    """Return the squared length of each logit's gradient by its own image, (n,).

    The gradient of the logits' sum is all of them at once, as long as no logit depends on
    another's image: batch normalization breaks that.
    """
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(tf.cast(critic(images), tf.float32))
    slopes = tape.gradient(total, images)
    return tf.reduce_sum(tf.square(slopes), axis=(1, 2, 3))


def no_penalty(_: Critic, __: Any, ___: Any, ____: Any) -> Any:
    """Return 0."""
    return tf.constant(0.0)


REGULARIZERS: dict[str, Regularizer] = {
    "none": no_penalty,
    "gradient_penalty": gradient_penalty,
    "r1": r1,
    "r2": r2,
    "r1_r2": r1_r2,
}


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
