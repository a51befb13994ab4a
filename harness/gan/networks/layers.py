"""Build the small pieces that generators and discriminators share, from Keras layers alone."""

from typing import Any

import keras

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.config.sections import DiscriminatorConfig, GeneratorConfig
from harness.gan.networks.normalization import Label, normalize

ImageShape = tuple[int, int, int]


def check_request(config: GANConfig, image_shape: ImageShape, num_classes: int) -> None:
    """Check that networks for such images and labels can be built.

    Args:
        config: The configuration.
        image_shape: (height, width, channels).
        num_classes: Number of classes; 0 for an unlabelled data set.

    Raises:
        ConfigError: If a side is not a multiple of 4, the channels are not 1 or 3, or a
            conditional GAN is asked for without labels.
    """
    height, width, channels = image_shape
    if height < 4 or width < 4 or height % 4 or width % 4 or channels not in (1, 3):
        raise ConfigError(
            f"Images must have sides that are multiples of 4, and 1 or 3 channels; received "
            f"{height}x{width}x{channels}. Resize the images: --image-size 28."
        )
    if config.conditional and num_classes < 1:
        raise ConfigError(
            "conditional is true, but the data set has no labels (0 classes). "
            "Set conditional: false or choose a labelled data set."
        )


def hidden_widths(config: GeneratorConfig | DiscriminatorConfig, count: int) -> tuple[int, ...]:
    """Return `widths` where given, else `count` widths that double from `width`, narrow first."""
    return config.widths or tuple(config.width * 2**i for i in range(count))


def finish_hidden(
    x: Any,
    config: GeneratorConfig | DiscriminatorConfig,
    name: str,
    *,
    normalized: bool = True,
    dropout: float | None = None,
    label: Label | None = None,
) -> Any:
    """Apply normalization, activation and dropout, in this order, as the configuration says.

    Args:
        x: Output of a linear layer, symbolic.
        config: Of the network it belongs to.
        name: Name of that layer; those added here begin with it.
        normalized: Whether this layer is normalized at all.
        dropout: Share to drop, where it differs from the configuration's.
        label: For conditional batch normalization.
    """
    if normalized:
        x = normalize(x, config.normalization, f"{name}_normalization", label=label)
    if config.activation == "leaky_relu":
        layer = keras.layers.LeakyReLU(config.leaky_slope, name=f"{name}_activation")
    else:
        layer = keras.layers.ReLU(name=f"{name}_activation")
    x = layer(x)
    share = config.dropout if dropout is None else dropout
    if share:
        x = keras.layers.Dropout(share, name=f"{name}_dropout")(x)
    return x


def label_input() -> Any:
    """Return the symbolic input for labels: int32, one a sample."""
    return keras.Input(shape=(), dtype="int32", name="label")
