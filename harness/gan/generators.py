"""Build generators: noise, and a label where conditional, to an image."""

import math
from collections.abc import Callable
from typing import Any

import keras

from harness.errors import ConfigError, near_miss
from harness.gan.config import GANConfig, GeneratorConfig
from harness.gan.layers import (
    ImageShape,
    check_request,
    finish_hidden,
    hidden_widths,
    label_input,
)


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
    check_request(config, image_shape, num_classes)
    name = config.generator.name
    if name not in GENERATORS:
        raise ConfigError(
            f"generator.name must be one of {', '.join(GENERATORS)}; received {name!r}."
            f"{near_miss(name, GENERATORS)}"
        )
    return GENERATORS[name](config, image_shape, num_classes)


def build_mlp(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build dense layers whose widths double, and a dense output in the image's shape."""
    settings = config.generator
    inputs, x = _latent(config, num_classes)
    for i, units in enumerate(hidden_widths(settings, settings.depth), start=1):
        x = keras.layers.Dense(units, use_bias=settings.use_bias, name=f"hidden_{i}")(x)
        x = finish_hidden(x, settings, f"hidden_{i}")
    x = keras.layers.Dense(
        math.prod(image_shape), activation=settings.output, use_bias=settings.use_bias, name="out"
    )(x)
    image = keras.layers.Reshape(image_shape, name="image")(x)
    return keras.Model(inputs, image, name="generator")


def build_upsample(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build convolutions between enlargements by repetition, which leave no checkerboard.

    The last two of the `depth` convolutions see their input enlarged by 2; `refine_layers` more
    follow at full size.
    """
    settings = config.generator
    widths = _spatial_widths(settings)
    if len(widths) < 3:
        raise ConfigError(
            f"generator.depth must be at least 2 for upsample, which enlarges twice (or "
            f"generator.widths hold at least 3 widths); received widths {list(widths)}."
        )
    inputs, x = _project(config, image_shape, num_classes, channels=widths[0])
    for i, channels in enumerate(widths[1:], start=1):
        if i >= len(widths) - 2:
            x = keras.layers.UpSampling2D(2, name=f"enlarge_{i}")(x)
        x = _convolve(x, settings, (channels, settings.kernel_size), f"hidden_{i}")
    for i in range(1, settings.refine_layers + 1):
        x = _convolve(x, settings, (widths[-1], settings.refine_kernel_size), f"refine_{i}")
    image = keras.layers.Conv2D(
        image_shape[2],
        settings.refine_kernel_size,
        padding="same",
        activation=settings.output,
        use_bias=settings.use_bias,
        name="image",
    )(x)
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
    inputs, x = _project(config, image_shape, num_classes, channels=widths[0])
    for i, channels in enumerate(widths[1:], start=1):
        x = keras.layers.Conv2DTranspose(
            channels,
            settings.kernel_size,
            strides=2 if i == len(widths) - 1 else 1,
            padding="same",
            use_bias=settings.use_bias,
            name=f"hidden_{i}",
        )(x)
        x = finish_hidden(x, settings, f"hidden_{i}")
    image = keras.layers.Conv2DTranspose(
        image_shape[2],
        settings.kernel_size,
        strides=2,
        padding="same",
        activation=settings.output,
        use_bias=settings.use_bias,
        name="image",
    )(x)
    return keras.Model(inputs, image, name="generator")


GENERATORS: dict[str, Callable[[GANConfig, ImageShape, int], keras.Model]] = {
    "mlp": build_mlp,
    "upsample": build_upsample,
    "dcgan": build_dcgan,
}


def _latent(config: GANConfig, num_classes: int) -> tuple[dict[str, Any], Any]:
    """Return the inputs, and the noise joined with the label's embedding where conditional."""
    noise = keras.Input(shape=(config.generator.latent_dim,), name="noise")
    if not config.conditional:
        return {"noise": noise}, noise
    label = label_input()
    embedding = keras.layers.Embedding(
        num_classes, config.generator.embedding_dim, name="label_embedding"
    )(label)
    joined = keras.layers.Concatenate(name="latent")([noise, embedding])
    return {"noise": noise, "label": label}, joined


def _spatial_widths(settings: GeneratorConfig) -> tuple[int, ...]:
    """Return the channels of the projection and of each hidden layer after it, widest first."""
    return settings.widths or hidden_widths(settings, settings.depth + 1)[::-1]


def _project(
    config: GANConfig, image_shape: ImageShape, num_classes: int, *, channels: int
) -> tuple[dict[str, Any], Any]:
    """Return the inputs, mapped to `channels` feature maps of a quarter of the image's sides."""
    settings = config.generator
    inputs, x = _latent(config, num_classes)
    height, width = image_shape[0] // 4, image_shape[1] // 4
    x = keras.layers.Dense(
        height * width * channels, use_bias=settings.use_bias, name="projection"
    )(x)
    x = finish_hidden(x, settings, "projection")
    return inputs, keras.layers.Reshape((height, width, channels), name="feature_maps")(x)


def _convolve(x: Any, settings: GeneratorConfig, size: tuple[int, int], name: str) -> Any:
    """Apply a hidden convolution of (channels, kernel size) that keeps height and width."""
    channels, kernel_size = size
    x = keras.layers.Conv2D(
        channels, kernel_size, padding="same", use_bias=settings.use_bias, name=name
    )(x)
    return finish_hidden(x, settings, name)
