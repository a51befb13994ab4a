"""Hold the two networks with what updates them, and the discriminator's view of a batch."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from harness.gan.config import GANConfig
from harness.gan.fast_passes import fast_twin
from harness.gan.losses import Loss
from harness.gan.optimisers import clip_gradients
from harness.gan.spectral import iterate_power


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """Hold generator and discriminator, their optimizers (built) and their loss.

    Args:
        config: The configuration.
        loss: What the two minimise.
        generator: From `build_generator`.
        discriminator: From `build_discriminator`.
        generator_optimizer: Built for the generator's trainable variables.
        discriminator_optimizer: Built for the discriminator's trainable variables.
    """

    config: GANConfig
    loss: Loss
    generator: keras.Model
    discriminator: keras.Model
    generator_optimizer: keras.optimizers.Optimizer
    discriminator_optimizer: keras.optimizers.Optimizer

    @functools.cached_property
    def fast_generator(self) -> keras.Model:
        """Return the generator's twin for training passes; the variables are the same."""
        return fast_twin(self.generator)

    @functools.cached_property
    def fast_discriminator(self) -> keras.Model:
        """Return the discriminator's twin for training passes; the variables are the same."""
        return fast_twin(self.discriminator)

    def iterate_power(self) -> None:
        """Bring spectral normalisation up to D's weights, once before each update of D."""
        iterate_power(self.discriminator)

    def generate(self, noise: Any, labels: Any, *, training: bool) -> Any:
        """Return images for noise (n, latent_dim) and labels (n,) or None."""
        inputs = {"noise": noise} if labels is None else {"noise": noise, "label": labels}
        return self.fast_generator(inputs, training=training)

    def judge(self, images: Any, labels: Any, *, training: bool) -> Any:
        """Return logits (n, 1) for images and labels (n,) or None."""
        inputs = {"image": images} if labels is None else {"image": images, "label": labels}
        return self.fast_discriminator(inputs, training=training)

    def update_generator(self, gradients: Sequence[Any]) -> None:
        """Apply the gradients of G's trainable variables, clipped as the configuration says."""
        gradients = clip_gradients(gradients, self.config.optimizer.clip_norm)
        self.generator_optimizer.apply(gradients, self.generator.trainable_variables)

    def update_discriminator(self, gradients: Sequence[Any]) -> None:
        """Apply the gradients of D's trainable variables, clipped as the configuration says."""
        gradients = clip_gradients(gradients, self.config.optimizer.clip_norm)
        self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)

    def judge_both(self, real: Any, fake: Any, labels: Any) -> tuple[Any, Any]:
        """Return the training-mode logits of real and fake images, both with these labels.

        One joint batch shares its statistics under batch normalisation, two calls do not.
        """
        if self.config.update.discriminator_batches != "joint":
            real_logits = self.judge(real, labels, training=True)
            return real_logits, self.judge(fake, labels, training=True)
        labels = None if labels is None else tf.concat([labels, labels], axis=0)
        logits = self.judge(tf.concat([real, fake], axis=0), labels, training=True)
        count = self.config.batch_size
        return logits[:count], logits[count:]
