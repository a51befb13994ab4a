"""Pair the two networks with what updates them."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.networks.fast_conv import fast_convolutions
from harness.gan.networks.spectral import iterate_power
from harness.gan.updates.losses import Loss
from harness.gan.updates.optimizers import Optimizer, clip_gradients


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """Generator and discriminator with their optimizers (built) and their loss.

    Args:
        config: The configuration.
        loss: What the two minimize.
        generator: From `build_generator`.
        discriminator: From `build_discriminator`.
        generator_optimizer: Built for the generator's trainable variables.
        discriminator_optimizer: Built for the discriminator's trainable variables.
    """

    config: GANConfig
    loss: Loss
    generator: keras.Model
    discriminator: keras.Model
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer

    @functools.cached_property
    def fast_generator(self) -> keras.Model:
        """Return the generator's twin for training passes; the variables are the same."""
        return fast_convolutions(self.generator)

    @functools.cached_property
    def fast_discriminator(self) -> keras.Model:
        """Return the discriminator's twin for training passes; the variables are the same."""
        return fast_convolutions(self.discriminator)

    def generate(self, noise: Any, labels: Any, *, training: bool) -> Any:
        """Return images for noise (n, latent_dim) and labels (n,) or None."""
        inputs = {"noise": noise} if labels is None else {"noise": noise, "label": labels}
        return self.fast_generator(inputs, training=training)

    def judge(self, images: Any, labels: Any, *, training: bool) -> Any:
        """Return logits (n, 1) for images and labels (n,) or None."""
        return self._outputs(images, labels, training=training)[:, :1]

    def judge_classes(self, images: Any, labels: Any, *, training: bool) -> tuple[Any, Any]:
        """Return what `judge` does, and the weighted loss of an auxiliary classifier or 0."""
        outputs = self._outputs(images, labels, training=training)
        return outputs[:, :1], self._class_loss(outputs, labels)

    def update_generator(self, gradients: Sequence[Any]) -> None:
        """Apply the gradients of G's trainable variables, clipped as the configuration says."""
        gradients = clip_gradients(gradients, self.config.optimizer.clip_norm)
        self.generator_optimizer.apply(gradients)

    def update_discriminator(self, gradients: Sequence[Any]) -> None:
        """Apply the gradients of D's trainable variables, clipped as the configuration says.

        Spectral normalization follows at once, so that whatever uses D next, another update, G's
        or a file, has kernels that are divided by what is now their largest singular value.
        """
        gradients = clip_gradients(gradients, self.config.optimizer.clip_norm)
        self.discriminator_optimizer.apply(gradients)
        iterate_power(self.discriminator)

    def judge_both(self, real: Any, fake: Any, labels: Any) -> tuple[Any, Any, tuple[Any, Any]]:
        """Return the training-mode logits of real and fake images, both with these labels.

        One joint batch shares its statistics under batch normalization, two calls do not. The
        auxiliary classifier's losses on real and on fake follow. The first is D's, the second G's:
        D is not to find classes in fakes that do not show them yet.
        """
        if self.config.update.discriminator_batches != "joint":
            real_logits, real_loss = self.judge_classes(real, labels, training=True)
            fake_logits, fake_loss = self.judge_classes(fake, labels, training=True)
            return real_logits, fake_logits, (real_loss, fake_loss)
        twice = None if labels is None else tf.concat([labels, labels], axis=0)
        outputs = self._outputs(tf.concat([real, fake], axis=0), twice, training=True)
        real_outputs, fake_outputs = tf.split(outputs, 2)
        class_losses = (
            self._class_loss(real_outputs, labels),
            self._class_loss(fake_outputs, labels),
        )
        return real_outputs[:, :1], fake_outputs[:, :1], class_losses

    @property
    def _classifies(self) -> bool:
        """Return whether D predicts the classes instead of being given them."""
        config = self.config
        return config.conditional and config.discriminator.conditioning == "auxiliary"

    def _outputs(self, images: Any, labels: Any, *, training: bool) -> Any:
        given = labels is not None and not self._classifies
        inputs = {"image": images, "label": labels} if given else {"image": images}
        return self.fast_discriminator(inputs, training=training)

    def _class_loss(self, outputs: Any, labels: Any) -> Any:
        """Return the weighted mean of -log softmax at the label; outputs are (n, 1 + classes).

        References:
            Odena et al. 2017, arXiv 1610.09585, equation 3.
        """
        if not self._classifies:
            return 0.0
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs[:, 1:])
        return self.config.loss.auxiliary_weight * tf.reduce_mean(losses)
