"""Train one GAN: the compiled loop, and the whole state that a checkpoint needs."""

import contextlib
import dataclasses
import functools
import random
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.fast_conv import assign_rates
from harness.gan.networks.generators import build_generator
from harness.gan.sampling import Sampler
from harness.gan.updates.batches import BatchSource, Purpose
from harness.gan.updates.ema import copy_variables, kept_share, update_average
from harness.gan.updates.live_values import assign_live, live_values, reading, structure
from harness.gan.updates.losses import get_loss
from harness.gan.updates.network_pair import Pair
from harness.gan.updates.optimizers import build_optimizer, is_scheduled, learning_rate_share
from harness.gan.updates.precision import computing_in
from harness.gan.updates.steps import STEPS, both_gradients


@dataclasses.dataclass(frozen=True)
class Progress:
    """The result of one call of `Trainer.advance`; means are over its steps.

    Args:
        steps: Steps taken by this call, fewer than asked for if a loss was not finite.
        kimg: Thousands of real images shown to the discriminator since the training began.
        generator_loss: Mean generator loss.
        discriminator_loss: Mean discriminator loss.
        accuracy_real: Share of real images that the discriminator called real.
        accuracy_fake: Share of generated images that it called generated.
        finite: False if the last step's losses were not finite, which ended the call.
    """

    steps: int
    kimg: float
    generator_loss: float
    discriminator_loss: float
    accuracy_real: float
    accuracy_fake: float
    finite: bool


class Trainer:
    """One GAN in training, step by step; knows no rungs, time, files or stopping.

    Results depend on the configuration and the data alone: neither the sizes of the calls of
    `advance` nor saving and loading the state change them.

    Args:
        config: The configuration.
        images: uint8 (n, height, width, channels), an array or a tensor; trainers of one process
            that are given the same tensor share its memory.
        labels: int32 (n,), or None for an unlabelled data set.
        num_classes: Number of classes; 0 for an unlabelled data set.

    Raises:
        ConfigError: If the networks cannot be built for such images and labels.
    """

    def __init__(
        self, config: GANConfig, images: Any, labels: Any = None, num_classes: int = 0
    ) -> None:
        self.config = config
        image_shape = (int(images.shape[1]), int(images.shape[2]), int(images.shape[3]))
        if config.conditional and labels is None:
            num_classes = 0  # refused with the message about labels
        self._shape = image_shape, num_classes
        self.generator, self.discriminator = _networks(config, *self._shape)
        self._averages = config.ema.half_life_kimg > 0
        self.ema_generator = self.generator
        if self._averages:
            with _seeded(config.seed, Purpose.GENERATOR_WEIGHTS):
                self.ema_generator = keras.models.clone_model(self.generator)
            copy_variables(self.generator, self.ema_generator)
        self._values = live_values(config)
        read = reading(config, self._values)
        with tf.device("CPU:0"):
            images = tf.convert_to_tensor(images, tf.uint8)
            labels = None if labels is None else tf.convert_to_tensor(labels, tf.int32)
        self._feed = BatchSource(read, images, labels)
        self._pair = Pair(
            read,
            get_loss(config.loss.name),
            self.generator,
            self.discriminator,
            build_optimizer(read.optimizer, config.generator.learning_rate, self.generator),
            build_optimizer(
                read.optimizer, config.discriminator.learning_rate, self.discriminator
            ),
        )
        self._scheduled = is_scheduled(config)
        self._step = tf.Variable(0, dtype=tf.int64, name="step")

    def begin_anew(self, config: GANConfig) -> None:
        """Become a new training, as it would be had it been made with this configuration.

        What is compiled stays.

        Args:
            config: Of the same `structure` as the one before.
        """
        if structure(config) != structure(self.config):
            raise ValueError(
                f"received another structure than that of {self.config!r}: {config!r}"
            )
        self.config = config
        assign_live(self._values, config)
        pair = self._pair
        for mine, fast, fresh in zip(
            (self.generator, self.discriminator),
            (pair.fast_generator, pair.fast_discriminator),
            _networks(config, *self._shape),
            strict=True,
        ):
            copy_variables(fresh, mine)
            assign_rates(fast, fresh)
        if self._averages:
            copy_variables(self.generator, self.ema_generator)
        pair.generator_optimizer.begin_anew(config.generator.learning_rate)
        pair.discriminator_optimizer.begin_anew(config.discriminator.learning_rate)
        self._step.assign(0)

    @functools.cached_property
    def sampler(self) -> Sampler:
        """Return what samples the averaged generator, whatever its weights are by then."""
        return Sampler(self.ema_generator)

    @property
    def step(self) -> int:
        """Return how many steps have been taken."""
        return int(self._step.numpy())

    @property
    def kimg_per_step(self) -> float:
        """Return how many thousand real images the discriminator sees in one step."""
        return self.config.kimg_per_step

    @property
    def kimg(self) -> float:
        """Return how many thousand real images the discriminator has seen."""
        return self.step * self.kimg_per_step

    def advance(self, max_steps: int) -> Progress:
        """Take `max_steps` steps, or fewer if a loss stops being finite.

        The first call compiles. Any number of steps runs in one call of the compiled loop.

        Args:
            max_steps: At least 1.
        """
        if max_steps < 1:
            raise ConfigError(f"max_steps must be at least 1; received {max_steps}.")
        steps, sums, finite = self._run(tf.constant(max_steps, tf.int64))
        count = int(steps)
        generator_loss, discriminator_loss, real, fake = (sums.numpy() / count).tolist()
        return Progress(
            steps=count,
            kimg=self.kimg,
            generator_loss=generator_loss,
            discriminator_loss=discriminator_loss,
            accuracy_real=real,
            accuracy_fake=fake,
            finite=bool(finite),
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything that later steps depend on, under stable unique names."""
        return {name: np.array(variable) for name, variable in self._variables().items()}

    def gradients(self) -> dict[str, NDArray[Any]]:
        """Return the gradients of both networks on the next step's images; nothing is trained.

        They are a simultaneous step's, whatever the order of updates, so that trainings compare.

        Returns:
            By the names that `state` gives the trainable variables. Those without a gradient, such
            as a bias that no loss depends on, are left out.
        """
        before = self.state()
        networks = (self._pair.fast_generator, self._pair.fast_discriminator)
        with computing_in(self.config.precision, *networks):
            _, *both = both_gradients(self._pair, self._feed, self._step.read_value())
        # A pass in training mode moves statistics and the seeds of dropout.
        self.load_state(before)
        trainable = self.discriminator.trainable_variables + self.generator.trainable_variables
        names = {id(variable): name for name, variable in self._variables().items()}
        return {
            names[id(variable.value)]: np.array(tf.convert_to_tensor(gradient))
            for variable, gradient in zip(trainable, [*both[0], *both[1]], strict=True)
            if gradient is not None
        }

    def load_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned, bit for bit.

        Args:
            state: Arrays by name.

        Raises:
            ConfigError: If names or shapes differ from this trainer's; nothing is loaded then.
        """
        variables = self._variables()
        faults = [f"{name} is missing" for name in variables if name not in state]
        faults += [f"{name} is unknown" for name in state if name not in variables]
        faults += [
            f"{name} has shape {state[name].shape}, expected {tuple(variable.shape)}"
            for name, variable in variables.items()
            if name in state and state[name].shape != tuple(variable.shape)
        ]
        if faults:
            raise ConfigError(
                "The saved state does not fit this configuration: "
                + "; ".join(faults[:5])
                + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
                + ". Train with the configuration that it was saved with."
            )
        for name, variable in variables.items():
            variable.assign(state[name])

    @functools.cached_property
    def _run(self) -> Any:
        # A concrete function: TensorFlow would warn of retracing at the fifth trainer otherwise.
        function = tf.function(self._loop, autograph=False)
        networks = (self._pair.fast_generator, self._pair.fast_discriminator)
        with computing_in(self.config.precision, *networks):
            return function.get_concrete_function(tf.TensorSpec((), tf.int64))

    def _variables(self) -> dict[str, Any]:
        owners = {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
        }
        if self._averages:
            owners["ema_generator"] = self.ema_generator.variables
        named: dict[str, Any] = {"step": self._step}
        for owner, variables in owners.items():
            for i, variable in enumerate(variables):
                named[f"{owner}/{i:03d}_{_short_name(variable)}"] = variable.value
        for owner, optimizer in (
            ("generator_optimizer", self._pair.generator_optimizer),
            ("discriminator_optimizer", self._pair.discriminator_optimizer),
        ):
            for i, (name, variable) in enumerate(optimizer.variables):
                named[f"{owner}/{i:03d}_{name}"] = variable
        return named

    def _loop(self, max_steps: Any) -> tuple[Any, Any, Any]:
        first = self._step.read_value()
        take_step = STEPS[self.config.update.order]

        def body(done: Any, sums: Any, _: Any) -> tuple[Any, Any, Any]:
            if self._scheduled:
                self._set_learning_rates(first + done)
            report = take_step(self._pair, self._feed, first + done)
            if self._averages:
                keep = kept_share(self._pair.config, first + done + 1)
                update_average(self.ema_generator, self.generator, keep)
            return done + 1, sums + report, tf.reduce_all(tf.math.is_finite(report))

        done, sums, finite = tf.while_loop(
            lambda done, _, finite: finite & (done < max_steps),
            body,
            (tf.constant(0, tf.int64), tf.zeros(4), tf.constant(True)),
        )
        self._step.assign(first + done)
        return done, sums, finite

    def _set_learning_rates(self, step: Any) -> None:
        """Set both learning rates for this step, number `step` from 0.

        Keras's own schedules count an optimizer's updates, of which D may take several a step.
        """
        kimg = tf.cast(step + 1, tf.float32) * self.kimg_per_step
        share = learning_rate_share(self.config.schedule, kimg)
        pair = self._pair
        for optimizer, full in (
            (pair.generator_optimizer, pair.config.generator.learning_rate),
            (pair.discriminator_optimizer, pair.config.discriminator.learning_rate),
        ):
            optimizer.learning_rate.assign(full * share)


def _networks(
    config: GANConfig, image_shape: tuple[int, int, int], num_classes: int
) -> tuple[keras.Model, keras.Model]:
    """Return generator and discriminator with the weights that the seed gives them."""
    with _seeded(config.seed, Purpose.GENERATOR_WEIGHTS):
        generator = build_generator(config, image_shape, num_classes)
    with _seeded(config.seed, Purpose.DISCRIMINATOR_WEIGHTS):
        discriminator = build_discriminator(config, image_shape, num_classes)
    return generator, discriminator


def _short_name(variable: Any) -> str:
    """Return `layer_variable`, without the names that count Keras objects per process."""
    counted = re.compile(r"seed_generator(_\d+)?")
    parts = variable.path.split("/")[-2:]
    return "_".join(part for part in parts if not counted.fullmatch(part))


@contextlib.contextmanager
def _seeded(seed: int, purpose: Purpose) -> Iterator[None]:
    """Make Keras draw its initial weights from this seed, and leave Python's stream as it was.

    Keras takes each initializer's seed from `random`; nothing else is drawn in here.
    """
    before = random.getstate()
    random.seed(seed * 16 + purpose)
    try:
        yield
    finally:
        random.setstate(before)
