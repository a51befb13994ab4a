"""Change learning rates over training: functions of the images seen, not of any update count."""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.config.sections import ScheduleConfig


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

    A linear warm-up from 0 to `warmup_kimg`, then the decay up to `decay_kimg`. The trainer asks
    for the images seen at the end of a step, so the first step of a warm-up is no idle one.

    Args:
        schedule: The schedule.
        kimg: Thousands of real images, float32 scalar.

    References:
        Goyal et al. 2017, arXiv 1706.02677, section 2.2, for the gradual warm-up.
    """
    warmup = tf.minimum(1.0, kimg / schedule.warmup_kimg) if schedule.warmup_kimg else 1.0
    length = schedule.decay_kimg - schedule.warmup_kimg
    progress = tf.clip_by_value((kimg - schedule.warmup_kimg) / max(length, 1e-9), 0.0, 1.0)
    return warmup * SCHEDULES[schedule.name](progress, schedule.final_share)
