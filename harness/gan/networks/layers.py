"""Build the small pieces that generators and discriminators share, from Keras layers alone."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import keras

from harness.core.errors import ConfigError, near_miss
from harness.gan.config.config import GANConfig
from harness.gan.config.sections import DiscriminatorConfig, GeneratorConfig

_MOST_GROUPS = 8


class Label(NamedTuple):
    """The label that conditional batch normalization looks up.

    Args:
        ids: Symbolic int32, one a sample.
        num_classes: Number of classes.
    """

    ids: Any
    num_classes: int


def normalize(x: Any, kind: str, name: str, *, label: Label | None = None) -> Any:
    """Normalize feature maps or vectors; `none` returns them as they are.

    Args:
        x: Symbolic, (n, ..., channels).
        kind: `none` or a key of `NORMALIZATIONS`.
        name: Name of the layer.
        label: Where given, `batch` learns scale and shift for each class.
    """
    if kind == "none":
        return x
    if kind == "batch" and label is not None:
        return conditional_batch(x, label, name)
    return NORMALIZATIONS[kind](x.shape[-1], name)(x)


def conditional_batch(x: Any, label: Label, name: str) -> Any:
    """Normalize by the batch, then scale and shift each channel as the label says.

    The scales begin at 1 and the shifts at 0: every class starts from the same network.

    Args:
        x: Symbolic, (n, ..., channels).
        label: Of each sample.
        name: Name of the normalization; those of the other layers begin with it.

    References:
        Dumoulin et al. 2017, arXiv 1610.07629, and de Vries et al. 2017, arXiv 1707.00683; in GANs
        Miyato & Koyama 2018, arXiv 1802.05637.
    """
    x = keras.layers.BatchNormalization(center=False, scale=False, name=name)(x)
    channels, places = x.shape[-1], len(x.shape) - 2
    for start, combine, part, combined in (
        ("ones", keras.layers.Multiply, f"{name}_gamma", f"{name}_scaled"),
        ("zeros", keras.layers.Add, f"{name}_beta", f"{name}_shifted"),
    ):
        values = keras.layers.Embedding(
            label.num_classes, channels, embeddings_initializer=start, name=part
        )(label.ids)
        if places:  # the same at each of them
            values = keras.layers.Reshape((*[1] * places, channels), name=f"{part}_map")(values)
        x = combine(name=combined)([x, values])
    return x


def layer_normalization(_: int, name: str) -> Any:
    """Return a layer that normalizes each sample over all its places and channels.

    As WGAN-GP has it (Ba et al. 2016, arXiv 1607.06450; Gulrajani et al. 2017, arXiv 1704.00028):
    Keras's LayerNormalization of feature maps would normalize each pixel for itself.
    """
    return keras.layers.GroupNormalization(1, name=name)


def group_normalization(channels: int, name: str) -> Any:
    """Return a layer that normalizes each sample over groups of channels, 8 where they divide.

    References:
        Wu & He 2018, arXiv 1803.08494.
    """
    return keras.layers.GroupNormalization(math.gcd(channels, _MOST_GROUPS), name=name)


def pixel_normalization(_: int, name: str) -> Any:
    """Return a layer that divides each pixel's channels by their root mean square.

    The layer of Keras has a scale; not trained, it stays at 1.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 4.2; before the activation here, after it
        there.
    """
    return keras.layers.RMSNormalization(epsilon=1e-8, trainable=False, name=name)


NORMALIZATIONS: dict[str, Callable[[int, str], Any]] = {
    "batch": lambda _, name: keras.layers.BatchNormalization(name=name),
    "layer": layer_normalization,
    "group": group_normalization,
    "pixel": pixel_normalization,
}


ImageShape = tuple[int, int, int]
Build = Callable[[GANConfig, ImageShape, int], keras.Model]


def build_named(
    role: Literal["generator", "discriminator"],
    builders: Mapping[str, Build],
    config: GANConfig,
    *shape: Any,
) -> keras.Model:
    """Build the network that the configuration names, by a table of builders.

    Raises:
        ConfigError: If the name is unknown or the images do not fit; see `check_request`.
    """
    check_request(config, *shape)
    name = getattr(config, role).name
    if name not in builders:
        raise ConfigError(
            f"{role}.name must be one of {', '.join(builders)}; received {name!r}."
            f"{near_miss(name, builders)}"
        )
    return builders[name](config, *shape)


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


def convolution(
    config: GeneratorConfig | DiscriminatorConfig,
    channels: int,
    name: str,
    *,
    kind: Any = keras.layers.Conv2D,
    **options: Any,
) -> Any:
    """Return a padded convolution with the network's kernel size and bias, but for options."""
    use_bias = config.use_bias if isinstance(config, GeneratorConfig) else True
    given = {"kernel_size": config.kernel_size, "use_bias": use_bias, **options}
    return kind(channels, padding="same", name=name, **given)


def leaky_relu_of_sum(x: Any, slope: float) -> Any:
    """Return x where it is positive, else slope times x; for an x that is a sum.

    Where TensorFlow works with oneDNN, it makes one kernel of a convolution, a sum and a LeakyReLU
    behind it, and that has a slope of 0.2 whatever the layer's is (seen in 2.21). Two rectifiers
    are equal to the last bit, and are left alone.

    Args:
        x: Symbolic.
        slope: At least 0.
    """
    return keras.ops.relu(x) - slope * keras.ops.relu(-x)


def finish_hidden(
    x: Any,
    config: GeneratorConfig | DiscriminatorConfig,
    name: str,
    *,
    normalized: bool = True,
    dropout: float | None = None,
    label: Label | None = None,
    of_sum: bool = False,
) -> Any:
    """Apply normalization, activation and dropout, in this order, as the configuration says.

    Args:
        x: Output of a linear layer or of a sum, symbolic.
        config: Of the network it belongs to.
        name: Name of that layer; those added here begin with it.
        normalized: Whether this layer is normalized at all.
        dropout: Share to drop, where it differs from the configuration's.
        label: For conditional batch normalization.
        of_sum: Whether x is a sum, behind which LeakyReLU needs care.
    """
    if normalized:
        x = normalize(x, config.normalization, f"{name}_normalization", label=label)
    if config.activation == "leaky_relu":
        if of_sum:
            x = leaky_relu_of_sum(x, config.leaky_slope)
        else:
            x = keras.layers.LeakyReLU(config.leaky_slope, name=f"{name}_activation")(x)
    else:
        x = keras.layers.ReLU(name=f"{name}_activation")(x)
    share = config.dropout if dropout is None else dropout
    if share:
        x = keras.layers.Dropout(share, name=f"{name}_dropout")(x)
    return x
