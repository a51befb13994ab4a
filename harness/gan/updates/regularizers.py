"""Define the penalties on the discriminator's slope, and take them every so many updates."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from harness.gan.updates.batches import BatchSource, DiscriminatorPass
from harness.gan.updates.network_pair import Pair
from harness.gan.updates.optimizers import dense_gradients

Critic = Callable[[Any], Any]
"""Return logits (n, 1) for images (n, height, width, channels)."""

Side = tuple[Critic, Any]
"""D, which augments what it is given where that is asked for, and images of one kind."""

Regularizer = Callable[[Side, Side, Any], Any]
"""Return a penalty from the real side, the fake side and uniform shares (n, 1, 1, 1)."""


def gradient_penalty(real: Side, fake: Side, shares: Any) -> Any:
    """Return the mean of (|slope| - 1)^2 between each real image and the fake beside it.

    Args:
        real: Images and their critic, which also sees what lies between. Its logit of one image
            must not depend on the others.
        fake: Likewise.
        shares: Where between the two to look, 1 at the real image; uniform in [0, 1), one a pair.

    References:
        Gulrajani et al. 2017, arXiv 1704.00028, equation 3 and algorithm 1. Two-sided; the
        position is uniform, not normal as in tutorials, which would leave the line between.
    """
    critic, images = real
    between = fake[1] + shares * (images - fake[1])
    # The root has no derivative at 0, where this one's is 0.
    lengths = tf.sqrt(squared_slopes(critic, between) + 1e-12)
    return tf.reduce_mean(tf.square(lengths - 1.0))


def r1(real: Side, _: Side, __: Any) -> Any:
    """Return half the mean of |slope|^2 at real images.

    The slope is that by the image before it is augmented, as in Karras et al. 2020, arXiv
    2006.06676 (their code), and in R3GAN's: what D may not learn is a fine pattern of the data.

    References:
        Mescheder et al. 2018, arXiv 1801.04406, equation 9, whose gamma is the weight.
    """
    return tf.reduce_mean(squared_slopes(*real)) / 2


def r2(_: Side, fake: Side, __: Any) -> Any:
    """Return half the mean of |slope|^2 at fakes; see `r1`, equation 10."""
    return tf.reduce_mean(squared_slopes(*fake)) / 2


def r1_r2(real: Side, fake: Side, shares: Any) -> Any:
    """Return the sum of `r1` and `r2`.

    References:
        Huang et al. 2024, arXiv 2501.05441, section 2.2: without both, the relativistic loss
        diverges.
    """
    return r1(real, fake, shares) + r2(real, fake, shares)


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


def no_penalty(_: Side, __: Side, ___: Any) -> Any:
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
        feed: Source of the places between real and fake, and of what augmentation draws.
        batch: Real images and fakes, neither augmented yet, and the labels of both or None.
        update: Number of this update of D from 0, int64.
        gradients: Of the loss without the penalty, by D's trainable variables, dense.

    Returns:
        The weighted penalty, 0 without a regularizer or where none is due; the gradients.

    References:
        Karras et al. 2020, arXiv 1912.04958, appendix B. Their change to Adam's settings makes up
        for lazy penalties taking updates of their own; ours join an update that happens anyway.
    """
    settings = pair.config.regularizer
    if settings.name == "none":
        return 0.0, gradients

    def with_penalty() -> tuple[Any, list[Any]]:
        penalty, more = _penalty(pair, feed, batch, update)
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


def _penalty(
    pair: Pair, feed: BatchSource, batch: tuple[Any, Any, Any], update: Any
) -> tuple[Any, Sequence[Any]]:
    """Return the weighted penalty and its gradients; None for a bias that changes no slope."""
    settings = pair.config.regularizer
    real, fake, labels = batch

    def side(images: Any, showing: DiscriminatorPass) -> Side:
        """Return images with D as it has just judged them, with the same draws."""
        return lambda x: pair.judge(feed.shown(x, showing, update), labels, training=True), images

    sides = side(real, DiscriminatorPass.REAL), side(fake, DiscriminatorPass.FAKE)
    with tf.GradientTape() as tape:
        penalty = REGULARIZERS[settings.name](*sides, feed.shares(update))
        penalty *= settings.weight * settings.interval
    return penalty, dense_gradients(tape, penalty, pair.discriminator.trainable_variables)
