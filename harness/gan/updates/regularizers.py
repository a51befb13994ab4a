"""Define the penalties on the discriminator's slope, each per image and without its weight."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

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
