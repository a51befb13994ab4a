"""Make numbers of a configuration values that a compiled step reads, not constants in it.

Trainings that differ in these alone then run the same compiled step.
"""

from typing import Any

import tensorflow as tf

from harness.core.nested import flatten
from harness.gan.config.choices import is_user_function
from harness.gan.config.config import GANConfig, unchecked_config

LIVE = (
    "seed",
    "generator.learning_rate",
    "discriminator.learning_rate",
    "optimizer.beta_1",
    "optimizer.beta_2",
)
"""Numbers that are values whatever they are."""

LIVE_UNLESS_ZERO = (
    "loss.label_smoothing",
    "loss.label_noise",
    "loss.auxiliary_weight",
    "regularizer.weight",
    "optimizer.weight_decay",
    "ema.half_life_kimg",
)
"""Numbers of which 0 leaves a part of the step out."""

DROPOUTS = (
    "generator.dropout",
    "discriminator.dropout",
    "discriminator.dropouts",
    "discriminator.head_dropout",
)
"""Rates that become values in the layers: see `fast_convolutions`."""


def structure(config: GANConfig) -> tuple[tuple[str, Any], ...]:
    """Return what a compiled step depends on: trainings with equal ones can share it.

    Functions of the user's own may make of any number what they like, so with them it is all of
    the configuration.
    """
    pairs = flatten(config.model_dump(mode="python"))
    names = (config.generator.name, config.discriminator.name, config.loss.name)
    if any(is_user_function(name) for name in names):
        return tuple(pairs)
    return tuple((path, _shape_of(path, value)) for path, value in pairs)


def live_values(config: GANConfig) -> dict[str, Any]:
    """Return variables by dotted path, which hold the configuration's numbers."""
    values = dict(flatten(config.model_dump(mode="python")))
    paths = [*LIVE, *(path for path in LIVE_UNLESS_ZERO if values[path])]
    dtypes = {"seed": tf.int64}
    return {
        path: tf.Variable(
            values[path], dtype=dtypes.get(path, tf.float32), trainable=False, name=path
        )
        for path in paths
    }


def assign_live(variables: dict[str, Any], config: GANConfig) -> None:
    """Let the variables hold the numbers of another configuration of the same structure."""
    values = dict(flatten(config.model_dump(mode="python")))
    for path, variable in variables.items():
        variable.assign(values[path])


def reading(config: GANConfig, variables: dict[str, Any]) -> GANConfig:
    """Return the configuration with variables in place of its numbers, for what is traced."""
    values = dict(flatten(config.model_dump(mode="python"))) | variables
    return unchecked_config(values)


def _shape_of(path: str, value: Any) -> Any:
    if path in LIVE:
        return "live"
    if path in DROPOUTS and isinstance(value, tuple):
        return tuple("live" if rate else 0.0 for rate in value)
    if (path in LIVE_UNLESS_ZERO or path in DROPOUTS) and value:
        return "live"
    return value
