"""Average the generator's weights over training, without the start's weight on the first ones."""

import math
from typing import Any

import keras
import tensorflow as tf

from harness.gan.config import GANConfig


def decay_per_step(config: GANConfig) -> float:
    """Return β, the share an average keeps in one step, from the half-life; 0 without averaging.

    A step shows `batch_size * discriminator_steps` real images.
    """
    half_life = config.ema.half_life_kimg
    if not half_life:
        return 0.0
    step_kimg = config.batch_size * config.update.discriminator_steps / 1000
    return float(0.5 ** (step_kimg / half_life))


def effective_decay(decay: float, count: Any) -> Any:
    """Return β_t = β (1 - β^(t-1)) / (1 - β^t): update t then equals the bias-corrected average.

    The first update has β_1 = 0 and copies, and β_t tends to β.

    Args:
        decay: β, in (0, 1).
        count: t, from 1, a tensor.

    References:
        Kingma & Ba 2015, arXiv 1412.6980, section 3, applied to weights as by Yazici et al. 2019,
        arXiv 1806.04498. Written with expm1, since float32 loses 1 - β^t for β near 1.
    """
    t = tf.cast(count, tf.float32)
    rate = math.log(decay)
    return decay * tf.math.expm1((t - 1.0) * rate) / tf.math.expm1(t * rate)


def update_average(average: keras.Model, source: keras.Model, keep: Any) -> None:
    """Move the average towards the source: weights by 1 - keep, other variables copied.

    Args:
        average: A model of the same form as the source.
        source: The generator in training.
        keep: Share of the average that stays, scalar.
    """
    for mine, theirs in zip(average.trainable_variables, source.trainable_variables, strict=True):
        mine.value.assign_add((theirs.value - mine.value) * (1.0 - keep))
    copied = average.non_trainable_variables
    for mine, theirs in zip(copied, source.non_trainable_variables, strict=True):
        mine.value.assign(theirs.value)
