"""Weigh the penalty on the discriminator's slope, and take it only every so many updates."""

from typing import Any

import tensorflow as tf

from harness.gan.feed import Feed
from harness.gan.regularisers import REGULARISERS
from harness.gan.steps.pair import Pair


def weighted_penalty(pair: Pair, feed: Feed, batch: tuple[Any, Any, Any], update: Any) -> Any:
    """Return what the discriminator's update adds to its loss; 0 without a regulariser.

    A lazy penalty is taken every `interval` updates with `interval` times its weight, the same on
    average; the updates between do not compute it.

    Args:
        pair: The networks; D judges in training mode.
        feed: Source of the places between real and fake.
        batch: Real images, fakes without a gradient to G, and the labels of both or None.
        update: Number of this update of D from 0, int64.

    References:
        Karras et al. 2020, arXiv 1912.04958, appendix B. Their change to Adam's settings makes up
        for lazy penalties taking updates of their own; ours join an update that happens anyway.
    """
    settings = pair.config.regulariser
    regulariser = REGULARISERS[settings.name]
    if regulariser is None:
        return 0.0
    real, fake, labels = batch

    def penalty() -> Any:
        value = regulariser(
            lambda images: pair.judge(images, labels, training=True),
            real,
            fake,
            feed.shares(update),
        )
        return settings.weight * settings.interval * value

    if settings.interval == 1:
        return penalty()
    return tf.cond(update % settings.interval == 0, penalty, lambda: tf.constant(0.0))
