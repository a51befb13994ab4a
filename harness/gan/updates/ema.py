"""Average the generator's weights over training, without the start's weight on the first ones."""

import math
from typing import Any

import keras
import tensorflow as tf

from harness.gan.config.config import GANConfig


def kept_share(config: GANConfig, count: Any) -> Any:
    """Return the share of the average that stays at one step, as the configuration says.

    Args:
        config: The configuration; its averaging must not be off.
        count: Number of this step, from 1, a tensor.
    """
    if config.ema.ramp:
        return ramped_decay(config, count)
    return effective_decay(log_decay_per_step(config), count)


def log_decay_per_step(config: GANConfig) -> Any:
    """Return log β of the share β that an average keeps in one step, from the half-life.

    A step shows `batch_size * discriminator_steps` real images.
    """
    return -math.log(2.0) * config.kimg_per_step / config.ema.half_life_kimg


def effective_decay(log_decay: Any, count: Any) -> Any:
    """Return β_t = β (1 - β^(t-1)) / (1 - β^t): update t then equals the bias-corrected average.

    The first update has β_1 = 0 and copies, and β_t tends to β.

    Args:
        log_decay: log β, below 0.
        count: t, from 1, a tensor.

    References:
        Kingma & Ba 2015, arXiv 1412.6980, section 3, applied to weights as by Yazici et al. 2019,
        arXiv 1806.04498. Written with expm1, since float32 loses 1 - β^t for β near 1.
    """
    t = tf.cast(count, tf.float32)
    return tf.exp(log_decay) * tf.math.expm1((t - 1.0) * log_decay) / tf.math.expm1(t * log_decay)


def ramped_decay(config: GANConfig, count: Any) -> Any:
    """Return 0.5^(images of a step / half-life), the half-life being at most a share of all seen.

    What counts as seen are the images before this step, so the first update copies. Early weights
    are forgotten while they are bad, which the bias correction alone does not do.

    Args:
        config: The configuration.
        count: Number of this step, from 1, a tensor.

    References:
        Karras et al. 2020, arXiv 2006.06676, whose code ramps with 0.05.
    """
    seen_kimg = tf.cast(count - 1, tf.float32) * config.kimg_per_step
    half_life = tf.minimum(config.ema.half_life_kimg, seen_kimg * config.ema.ramp)
    return tf.pow(0.5, config.kimg_per_step / tf.maximum(half_life, 1e-8))


def copy_variables(source: keras.Model, target: keras.Model) -> None:
    """Give a model the values of another of the same form."""
    for mine, theirs in zip(target.variables, source.variables, strict=True):
        mine.assign(theirs.value)


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
