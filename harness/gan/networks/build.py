"""Check whether a configuration's networks can be built, before anything is written."""

import keras
import tensorflow as tf

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.networks.discriminators import build_discriminator
from harness.gan.networks.generators import build_generator
from harness.gan.networks.layers import ImageShape


def build_networks(
    config: GANConfig, image_shape: ImageShape, num_classes: int
) -> tuple[keras.Model, keras.Model]:
    """Return generator and discriminator, or say why there can be none.

    Args:
        config: The configuration.
        image_shape: (height, width, channels).
        num_classes: Number of classes; 0 for an unlabelled data set.

    Raises:
        ConfigError: If the images do not fit the networks, or the networks do not fit memory.
    """
    try:
        return (
            build_generator(config, image_shape, num_classes),
            build_discriminator(config, image_shape, num_classes),
        )
    except tf.errors.ResourceExhaustedError as error:
        raise ConfigError(
            "The networks do not fit into this machine's memory. Use a smaller width, depth or "
            "kernel_size of generator and discriminator."
        ) from error
