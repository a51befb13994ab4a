"""Build the optimizers, clip the gradients they are given, and schedule their learning rates."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.config.sections import OptimizerConfig, ScheduleConfig


def build_optimizer(
    config: OptimizerConfig, learning_rate: float, model: keras.Model
) -> keras.optimizers.Optimizer:
    """Build the optimizer that the configuration names, with its variables.

    Its learning rate lives in a variable, which a schedule may set.

    Args:
        config: What both optimizers share.
        learning_rate: Step size.
        model: The network whose trainable variables it will update.
    """
    optimizer = OPTIMIZERS[config.name](config, learning_rate)
    optimizer.build(model.trainable_variables)
    return optimizer


def apply_gradients(
    optimizer: keras.optimizers.Optimizer, gradients: Sequence[Any], variables: Sequence[Any]
) -> None:
    """Update variables, without summing gradients over replicas first.

    There is one replica, and the custom gradient that Keras sums with would keep the whole graph
    of every training for ever. Outside a replica's context, as in here, Keras leaves it out.
    """
    context = tf.distribute.get_replica_context()
    context.merge_call(lambda _: optimizer.apply(gradients, variables))


def adam(config: OptimizerConfig, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return Adam.

    References:
        Kingma & Ba 2015, arXiv 1412.6980.
    """
    return keras.optimizers.Adam(learning_rate, beta_1=config.beta_1, beta_2=config.beta_2)


def adamw(config: OptimizerConfig, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return Adam with decoupled weight decay, of biases and scales as well.

    References:
        Loshchilov & Hutter 2019, arXiv 1711.05101, algorithm 2; as in Keras, the decay is taken
        times the learning rate.
    """
    return keras.optimizers.AdamW(
        learning_rate,
        weight_decay=config.weight_decay,
        beta_1=config.beta_1,
        beta_2=config.beta_2,
    )


def rmsprop(config: OptimizerConfig, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return RMSprop without momentum, as WGANs with momentum are unstable.

    References:
        Tieleman & Hinton 2012, lecture 6.5; Arjovsky et al. 2017, arXiv 1701.07875, section 4.
    """
    return keras.optimizers.RMSprop(learning_rate, rho=config.beta_2)


OPTIMIZERS: dict[str, Callable[[OptimizerConfig, float], keras.optimizers.Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
}


def dense_gradients(tape: tf.GradientTape, target: Any, variables: Sequence[Any]) -> Sequence[Any]:
    """Return the gradients of a target, with one row for each row of an embedding.

    TensorFlow gives those of an embedding as slices, one for each label of the batch, equal
    labels or not. Keras's Adam and RMSprop square each slice and add the squares, where the row's
    gradient is the sum of its slices: the step of a row that k labels share would be up to √k
    learning rates long. A norm would be wrong likewise.

    Args:
        tape: Has recorded the target.
        target: A scalar.
        variables: Of one network; None stands for one that the target does not depend on.
    """
    gradients = tape.gradient(target, variables)
    return [None if one is None else tf.convert_to_tensor(one) for one in gradients]


def clip_gradients(gradients: Sequence[Any], clip_norm: float) -> list[Any]:
    """Return gradients scaled down, all by one factor, until their joint norm is `clip_norm`.

    Args:
        gradients: Of one network's trainable variables, dense.
        clip_norm: Largest norm; 0 returns the gradients as they are.

    References:
        Pascanu et al. 2013, arXiv 1211.5063, algorithm 1, over all parameters at once.
    """
    if not clip_norm:
        return list(gradients)
    clipped, _ = tf.clip_by_global_norm(gradients, clip_norm)
    return list(clipped)


def constant(progress: Any, final_share: float) -> Any:
    """Return 1 everywhere."""
    return tf.ones_like(progress)


def linear(progress: Any, final_share: float) -> Any:
    """Return a straight line from 1 to the final share.

    Args:
        progress: Share of the decay that is over, in [0, 1].
        final_share: Value at the end.
    """
    return 1.0 - (1.0 - final_share) * progress


def cosine(progress: Any, final_share: float) -> Any:
    """Return half a cosine wave from 1 to the final share; see `linear` for the arguments.

    References:
        Loshchilov & Hutter 2017, arXiv 1608.03983, equation 5, without restarts.
    """
    return final_share + (1.0 - final_share) * 0.5 * (1.0 + tf.cos(math.pi * progress))


SCHEDULES: dict[str, Callable[[Any, float], Any]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
}


def is_scheduled(config: GANConfig) -> bool:
    """Return whether the learning rates change at all."""
    return config.schedule.name != "constant" or config.schedule.warmup_kimg > 0


def learning_rate_share(schedule: ScheduleConfig, kimg: Any) -> Any:
    """Return which share of the full learning rates holds when so many images have been seen.

    A linear warm-up from 0 to `warmup_kimg`, then, from `hold_kimg` on, the decay up to
    `decay_kimg`. The trainer asks
    for the images seen at the end of a step, so the first step of a warm-up is no idle one.

    Args:
        schedule: The schedule.
        kimg: Thousands of real images, float32 scalar.

    References:
        Goyal et al. 2017, arXiv 1706.02677, section 2.2, for the gradual warm-up.
    """
    warmup = tf.minimum(1.0, kimg / schedule.warmup_kimg) if schedule.warmup_kimg else 1.0
    begin = max(schedule.warmup_kimg, schedule.hold_kimg)
    length = schedule.decay_kimg - begin
    progress = tf.clip_by_value((kimg - begin) / max(length, 1e-9), 0.0, 1.0)
    return warmup * SCHEDULES[schedule.name](progress, schedule.final_share)
