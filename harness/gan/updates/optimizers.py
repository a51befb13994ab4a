"""Build the optimizers, clip the gradients they are given, and schedule their learning rates."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.config.sections import OptimizerConfig, ScheduleConfig

EPSILON = 1e-7
"""What denominators are kept from 0 by, as in Keras."""


class Optimizer:
    """Updates of one network's variables, each by one of TensorFlow's own kernels.

    Keras's optimizers write each update out, a dozen operations a variable: for networks as small
    as these a third of all there is to trace. The formulas are the same.

    Args:
        config: What both optimizers share.
        learning_rate: Step size; a schedule may set the variable that it becomes.
        variables: Trainable variables of Keras, all of one network.
    """

    slots: tuple[str, ...]
    """What is remembered of each variable, by name."""

    def __init__(
        self, config: OptimizerConfig, learning_rate: float, variables: Sequence[Any]
    ) -> None:
        self.config = config
        self.iteration = tf.Variable(0, dtype=tf.int64, name="iteration")
        self.learning_rate = tf.Variable(learning_rate, dtype=tf.float32, name="learning_rate")
        self._variables = [variable.value for variable in variables]
        self._paths = [variable.path for variable in variables]
        self._states = [
            [tf.Variable(tf.zeros_like(variable)) for _ in self.slots]
            for variable in self._variables
        ]

    @property
    def variables(self) -> list[tuple[str, Any]]:
        """Return names and variables of all that later updates depend on."""
        own = [("iteration", self.iteration), ("learning_rate", self.learning_rate)]
        for path, states in zip(self._paths, self._states, strict=True):
            short = "_".join(path.split("/")[-2:])
            own += [(f"{short}_{n}", s) for n, s in zip(self.slots, states, strict=True)]
        return own

    def apply(self, gradients: Sequence[Any]) -> None:
        """Update the variables.

        Args:
            gradients: Dense, in the variables' order; None leaves a variable as it is.
        """
        each = zip(self._variables, self._states, gradients, strict=True)
        known = [(variable, states, one) for variable, states, one in each if one is not None]
        update = self.update_of(tf.cast(self.iteration + 1, tf.float32))
        for variable, states, gradient in known:
            update(variable, [state.handle for state in states], gradient)
        self.iteration.assign_add(1)

    def begin_anew(self, learning_rate: float) -> None:
        """Forget what was remembered."""
        for _, variable in self.variables:
            variable.assign(tf.zeros_like(variable))
        self.learning_rate.assign(learning_rate)

    def update_of(self, count: Any) -> Callable[[Any, list[Any], Any], None]:
        """Return what updates one variable from its remembered resources and its gradient.

        Args:
            count: Number of the update, from 1, float32.
        """
        raise NotImplementedError


class Adam(Optimizer):
    """Adam.

    References:
        Kingma & Ba 2015, arXiv 1412.6980, with the order of operations at the end of section 2,
        as Keras has it.
    """

    slots = ("momentum", "velocity")

    def update_of(self, count: Any) -> Callable[[Any, list[Any], Any], None]:
        """See `Optimizer`."""
        rate = self.learning_rate.read_value()
        beta_1 = tf.cast(self.config.beta_1, tf.float32)
        beta_2 = tf.cast(self.config.beta_2, tf.float32)
        powers = {"beta1_power": tf.pow(beta_1, count), "beta2_power": tf.pow(beta_2, count)}

        def update(variable: Any, states: list[Any], gradient: Any) -> None:
            if self.config.name == "adamw":
                variable.assign_sub(variable * (self.config.weight_decay * rate))
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=states[0],
                v=states[1],
                **powers,
                lr=rate,
                beta1=beta_1,
                beta2=beta_2,
                epsilon=EPSILON,
                grad=gradient,
            )

        return update


class RMSprop(Optimizer):
    """RMSprop without momentum, as WGANs with momentum are unstable.

    References:
        Tieleman & Hinton 2012, lecture 6.5; Arjovsky et al. 2017, arXiv 1701.07875, section 4.
    """

    slots = ("velocity",)

    def update_of(self, count: Any) -> Callable[[Any, list[Any], Any], None]:
        """See `Optimizer`."""
        rate = self.learning_rate.read_value()
        rho = tf.cast(self.config.beta_2, tf.float32)

        def update(variable: Any, states: list[Any], gradient: Any) -> None:
            mean = rho * tf.raw_ops.ReadVariableOp(resource=states[0], dtype=tf.float32)
            mean += (1.0 - rho) * tf.square(gradient)
            tf.raw_ops.AssignVariableOp(resource=states[0], value=mean)
            variable.assign_sub(rate * gradient * tf.math.rsqrt(mean + EPSILON))

        return update


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "adamw": Adam, "rmsprop": RMSprop}
"""AdamW is Adam with a weight decay, taken of biases and scales as well (Loshchilov & Hutter 2019,
arXiv 1711.05101, algorithm 2); as in Keras, it is taken times the learning rate."""


def build_optimizer(
    config: OptimizerConfig, learning_rate: float, model: keras.Model
) -> Optimizer:
    """Build the optimizer that the configuration names, with its variables.

    Args:
        config: What both optimizers share.
        learning_rate: Step size.
        model: The network whose trainable variables it will update.
    """
    return OPTIMIZERS[config.name](config, learning_rate, model.trainable_variables)


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
