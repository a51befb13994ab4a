"""Build generators: noise, and a label where conditional, to an image."""

import math
from typing import Any

import keras

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.config.sections import GeneratorConfig
from harness.gan.networks.blocks import residual_up, self_attention
from harness.gan.networks.layers import (
    Build,
    ImageShape,
    Label,
    build_named,
    convolution,
    finish_hidden,
    hidden_widths,
)

_TRANSPOSED = keras.layers.Conv2DTranspose


def build_generator(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build the generator that the configuration names.

    Its inputs are a dictionary: `noise`, float32 (n, latent_dim), and where the GAN is conditional
    `label`, int32 (n,). Only built-in layers are used, so a saved file loads with Keras alone.

    Args:
        config: The configuration.
        image_shape: (height, width, channels); sides multiples of 4, channels 1 or 3.
        num_classes: Number of classes; 0 for an unlabelled data set.

    Returns:
        A model to images (n, height, width, channels) in [-1, 1] (tanh) or [0, 1] (sigmoid).

    Raises:
        ConfigError: If the name is unknown or the images do not fit.
    """
    return build_named("generator", GENERATORS, config, image_shape, num_classes)


def build_mlp(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build dense layers whose widths double, and a dense output in the image's shape."""
    settings = config.generator
    inputs, x, label = _latent(config, num_classes)
    for i, units in enumerate(hidden_widths(settings, settings.depth), start=1):
        x = keras.layers.Dense(units, use_bias=settings.use_bias, name=f"hidden_{i}")(x)
        x = finish_hidden(x, settings, f"hidden_{i}", label=label)
    x = keras.layers.Dense(
        math.prod(image_shape), activation=settings.output, use_bias=settings.use_bias, name="out"
    )(x)
    image = keras.layers.Reshape(image_shape, name="image")(x)
    return keras.Model(inputs, image, name="generator")


def build_upsample(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build convolutions between enlargements, by default by repetition: no checkerboard.

    The last two of the `depth` convolutions see their input enlarged by 2, or are transposed ones
    that enlarge it themselves; `refine_layers` more follow at full size.
    """
    settings = config.generator
    widths = _spatial_widths(settings)
    _check_two_enlargements(settings, widths)
    inputs, x, label = _project(config, image_shape, num_classes, channels=widths[0])
    for i, channels in enumerate(widths[1:], start=1):
        if i >= len(widths) - 2 and settings.enlargement == "transposed":
            x = convolution(settings, channels, f"hidden_{i}", kind=_TRANSPOSED, strides=2)(x)
        else:
            if i >= len(widths) - 2:
                x = keras.layers.UpSampling2D(2, name=f"enlarge_{i}")(x)
            x = convolution(settings, channels, f"hidden_{i}")(x)
        x = finish_hidden(x, settings, f"hidden_{i}", label=label)
    refined = {"kernel_size": settings.refine_kernel_size}
    for i in range(1, settings.refine_layers + 1):
        x = convolution(settings, widths[-1], f"refine_{i}", **refined)(x)
        x = finish_hidden(x, settings, f"refine_{i}", label=label)
    last = {"activation": settings.output, **refined}
    image = convolution(settings, image_shape[2], "image", **last)(x)
    return keras.Model(inputs, image, name="generator")


def build_dcgan(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build transposed convolutions; the last hidden one and the output double the size.

    References:
        Radford et al. 2015, arXiv 1511.06434, with the layer order of the TensorFlow tutorial.
    """
    settings = config.generator
    widths = _spatial_widths(settings)
    if len(widths) < 2:
        raise ConfigError(
            f"generator.widths must hold at least 2 widths for dcgan, the projection's first; "
            f"received {list(widths)}."
        )
    inputs, x, label = _project(config, image_shape, num_classes, channels=widths[0])
    for i, channels in enumerate(widths[1:], start=1):
        strides = 2 if i == len(widths) - 1 else 1
        x = convolution(settings, channels, f"hidden_{i}", kind=_TRANSPOSED, strides=strides)(x)
        x = finish_hidden(x, settings, f"hidden_{i}", label=label)
    last = {"activation": settings.output, "kind": _TRANSPOSED, "strides": 2}
    image = convolution(settings, image_shape[2], "image", **last)(x)
    return keras.Model(inputs, image, name="generator")


def build_resnet(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build residual blocks, of which the last two enlarge.

    References:
        Miyato et al. 2018, arXiv 1802.05957, appendix B.4; attention by Zhang et al. 2019, arXiv
        1805.08318.
    """
    settings = config.generator
    widths = _spatial_widths(settings)
    _check_two_enlargements(settings, widths)
    inputs, x, label = _project(config, image_shape, num_classes, channels=widths[0])
    for i, channels in enumerate(widths[1:], start=1):
        left = len(widths) - i  # blocks from here on, this one included
        if (settings.attention, left) in (("quarter", 2), ("half", 1)):
            x = self_attention(x, f"attention_{settings.attention}")
        x = residual_up(
            x, settings, channels=channels, enlarge=left <= 2, name=f"block_{i}", label=label
        )
    x = finish_hidden(x, settings, "features", label=label, of_sum=True)
    image = convolution(settings, image_shape[2], "image", activation=settings.output)(x)
    return keras.Model(inputs, image, name="generator")


GENERATORS: dict[str, Build] = {
    "mlp": build_mlp,
    "upsample": build_upsample,
    "dcgan": build_dcgan,
    "resnet": build_resnet,
}


def _latent(config: GANConfig, num_classes: int) -> tuple[dict[str, Any], Any, Label | None]:
    """Return the inputs, what the first layer sees, and the label that normalization needs.

    The first layer sees the noise, joined with the label's embedding where it is concatenated.
    """
    settings = config.generator
    noise = keras.Input(shape=(settings.latent_dim,), name="noise")
    if not config.conditional:
        return {"noise": noise}, noise, None
    label = keras.Input(shape=(), dtype="int32", name="label")
    inputs = {"noise": noise, "label": label}
    if settings.conditioning == "conditional_batch":
        return inputs, noise, Label(label, num_classes)
    if settings.conditioning == "one_hot":
        encoded = keras.ops.one_hot(label, num_classes)
    else:
        encoded = keras.layers.Embedding(
            num_classes, settings.embedding_dim, name="label_embedding"
        )(label)
    return inputs, keras.layers.Concatenate(name="latent")([noise, encoded]), None


def _spatial_widths(settings: GeneratorConfig) -> tuple[int, ...]:
    """Return the channels of the projection and of each hidden layer after it, widest first."""
    return settings.widths or hidden_widths(settings, settings.depth + 1)[::-1]


def _check_two_enlargements(settings: GeneratorConfig, widths: tuple[int, ...]) -> None:
    if len(widths) < 3:
        raise ConfigError(
            f"generator.depth must be at least 2 for {settings.name}, which enlarges twice (or "
            f"generator.widths hold at least 3 widths); received widths {list(widths)}."
        )


def _project(
    config: GANConfig, image_shape: ImageShape, num_classes: int, *, channels: int
) -> tuple[dict[str, Any], Any, Label | None]:
    """Return what `_latent` does, with feature maps of a quarter of the image's sides."""
    settings = config.generator
    inputs, x, label = _latent(config, num_classes)
    shape = (image_shape[0] // 4, image_shape[1] // 4, channels)
    x = keras.layers.Dense(math.prod(shape), use_bias=settings.use_bias, name="projection")(x)
    # Batch normalization of the vector knows the places apart, as in the TensorFlow tutorial.
    on_vector = settings.normalization in ("none", "batch") and label is None
    finishes = settings.name != "resnet"  # whose blocks begin with normalization and activation
    if finishes and on_vector:
        x = finish_hidden(x, settings, "projection")
    x = keras.layers.Reshape(shape, name="feature_maps")(x)
    if finishes and not on_vector:
        x = finish_hidden(x, settings, "projection", label=label)
    return inputs, x, label
