"""Feed a training: real batches, noise and targets as functions of the seed and a counter."""

from enum import IntEnum
from typing import Any

import tensorflow as tf

from harness.gan.config.config import GANConfig
from harness.gan.updates.augment import DRAWS, augment, noise_deviation, transforms


class Purpose(IntEnum):
    """The random streams of one training. Renumbering changes every result."""

    ORDER = 0
    DISCRIMINATOR_NOISE = 1
    GENERATOR_NOISE = 2
    REAL_TARGETS = 3
    FAKE_TARGETS = 4
    GENERATOR_WEIGHTS = 5
    DISCRIMINATOR_WEIGHTS = 6
    INTERPOLATION = 7
    AUGMENTATION = 8
    INSTANCE_NOISE = 9


class DiscriminatorPass(IntEnum):
    """The passes of images through D in a step, which draw different numbers."""

    REAL = 0
    FAKE = 1
    FAKE_IN_GENERATOR_STEP = 2
    REAL_IN_GENERATOR_STEP = 3


class BatchSource:
    """The source of everything random in a step: functions of (seed, purpose, counter).

    Real images come in an order shuffled anew each epoch, so that each epoch shows every image
    once; a batch may straddle two epochs.

    Args:
        config: The configuration.
        images: uint8 tensor (n, height, width, channels).
        labels: int32 tensor (n,), or None for an unconditional GAN.
    """

    def __init__(self, config: GANConfig, images: Any, labels: Any) -> None:
        self.config = config
        self.images = images
        self.labels = labels if config.conditional else None

    def indices(self, update: Any) -> Any:
        """Return which images the discriminator's update number `update` (int64) sees."""
        batch, total = self.config.batch_size, self.images.shape[0]
        position = update * batch + tf.range(batch, dtype=tf.int64)
        epoch = position // total
        same = tf.stack(
            [tf.cast(self.config.seed, tf.int64), tf.constant(Purpose.ORDER, tf.int64)]
        )
        seeds = tf.concat([epoch[:, None], tf.tile(same[None], [batch, 1])], axis=1)
        # tf.random.experimental.index_shuffle mispads a seed per row; the op itself takes one.
        return tf.raw_ops.RandomIndexShuffle(
            index=position % total,
            seed=seeds,
            max_index=tf.constant(total - 1, tf.int64),
            rounds=4,
        )

    def real(self, update: Any) -> tuple[Any, Any]:
        """Return images in the generator's output range, and their labels or None."""
        chosen = self.indices(update)
        images = tf.cast(tf.gather(self.images, chosen), tf.float32)
        if self.config.generator.output == "tanh":
            images = images * (2 / 255) - 1.0
        else:
            images = images * (1 / 255)
        return images, None if self.labels is None else tf.gather(self.labels, chosen)

    def noise(self, purpose: Purpose, counter: Any) -> Any:
        """Return standard normal noise, (batch_size, latent_dim)."""
        shape = (self.config.batch_size, self.config.generator.latent_dim)
        return tf.random.stateless_normal(shape, self._seed(purpose, counter))

    def targets(self, update: Any) -> tuple[Any, Any]:
        """Return the probabilities D aims at for real and fake, (batch_size, 1) or numbers."""
        loss = self.config.loss
        real = 1.0 - loss.label_smoothing
        if not tf.is_tensor(loss.label_noise) and not loss.label_noise:
            return real, 0.0
        shape, width = (self.config.batch_size, 1), loss.label_noise
        down = tf.random.stateless_uniform(
            shape, self._seed(Purpose.REAL_TARGETS, update), maxval=width
        )
        up = tf.random.stateless_uniform(
            shape, self._seed(Purpose.FAKE_TARGETS, update), maxval=width
        )
        return real - down, up

    def shares(self, update: Any) -> Any:
        """Return uniform numbers in [0, 1), (batch_size, 1, 1, 1), one for each pair of images."""
        shape = (self.config.batch_size, 1, 1, 1)
        return tf.random.stateless_uniform(shape, self._seed(Purpose.INTERPOLATION, update))

    def shown(self, images: Any, showing: DiscriminatorPass, counter: Any) -> Any:
        """Return images as the discriminator sees them: augmented and noisy, where asked for.

        Args:
            images: float32 (n, height, width, channels), in the generator's output range.
            showing: Which showing this is.
            counter: Number of D's update, or of the step in the generator's, int64.
        """
        settings = self.config.augment
        black = -1.0 if self.config.generator.output == "tanh" else 0.0
        number = counter * len(DiscriminatorPass) + showing
        if transforms(settings):
            draws = tf.random.stateless_uniform(
                (images.shape[0], DRAWS), self._seed(Purpose.AUGMENTATION, number)
            )
            images = augment(images, settings, draws, black=black)
        if settings.noise:
            deviation = noise_deviation(settings, self._kimg(showing, counter)) * (1.0 - black)
            noise = tf.random.stateless_normal(
                images.shape, self._seed(Purpose.INSTANCE_NOISE, number)
            )
            images = images + deviation * noise
        return images

    def _kimg(self, showing: DiscriminatorPass, counter: Any) -> Any:
        """Return how many thousand real images D has seen before this showing."""
        of_update = self.config.batch_size / 1000
        in_update = showing in (DiscriminatorPass.REAL, DiscriminatorPass.FAKE)
        share = of_update if in_update else self.config.kimg_per_step
        return tf.cast(counter, tf.float32) * share

    def _seed(self, purpose: Purpose, counter: Any) -> Any:
        # Both halves are int64: 16 purposes beside a 31-bit seed fit into the first.
        return tf.stack([tf.cast(self.config.seed, tf.int64) * 16 + int(purpose), counter])
