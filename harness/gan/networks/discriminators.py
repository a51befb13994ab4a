"""Build discriminators: an image, and a label where conditional, to one logit."""

import functools
from collections.abc import Callable
from typing import Any

import keras

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig
from harness.gan.config.sections import DiscriminatorConfig
from harness.gan.networks.blocks import minibatch_deviation, residual_down, self_attention
from harness.gan.networks.layers import (
    Build,
    ImageShape,
    build_named,
    finish_hidden,
    hidden_widths,
)
from harness.gan.networks.spectral import spectrally_normalized


def build_discriminator(
    config: GANConfig, image_shape: ImageShape, num_classes: int
) -> keras.Model:
    """Build the discriminator that the configuration names.

    Its inputs are a dictionary: `image`, float32 (n, height, width, channels) in the generator's
    output range, and where the GAN is conditional `label`, int32 (n,), unless an auxiliary
    classifier tells it. Only built-in layers and ops are used, but for spectral normalization.
    The output is a logit: the losses apply the sigmoid, which is exact where a separate sigmoid
    would saturate.

    Args:
        config: The configuration.
        image_shape: (height, width, channels); sides multiples of 4, channels 1 or 3.
        num_classes: Number of classes; 0 for an unlabelled data set.

    Returns:
        A model to logits (n, 1); positive means real. With an auxiliary classifier the logits of
        the classes follow, (n, 1 + num_classes).

    Raises:
        ConfigError: If the name is unknown or the images do not fit.
    """
    model = build_named("discriminator", DISCRIMINATORS, config, image_shape, num_classes)
    if not config.discriminator.spectral_normalization:
        return model
    embeddings = config.discriminator.conditioning != "embedding_map"
    return spectrally_normalized(model, embeddings=embeddings)


def build_mlp(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build dense layers on the flattened image."""
    inputs, x = _image(config, image_shape, num_classes)
    x = keras.layers.Flatten(name="flat")(x)
    x = _hidden(x, config.discriminator, keras.layers.Dense)
    return _judge(x, config, inputs, num_classes)


def build_conv(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build convolutions whose channels double."""
    settings = config.discriminator
    _check_size(settings, image_shape)
    inputs, x = _image(config, image_shape, num_classes)
    options = {
        "kernel_size": settings.kernel_size,
        "strides": settings.stride,
        "padding": settings.padding,
    }
    x = _hidden(x, settings, functools.partial(keras.layers.Conv2D, **options))
    is_max = settings.pooling == "max"
    flat = keras.layers.GlobalMaxPooling2D if is_max else keras.layers.Flatten
    return _judge(flat(name="flat")(x), config, inputs, num_classes)


def build_resnet(config: GANConfig, image_shape: ImageShape, num_classes: int) -> keras.Model:
    """Build residual blocks, of which the first two halve the size.

    References:
        Miyato et al. 2018, arXiv 1802.05957, appendix B.4; attention by Zhang et al. 2019, arXiv
        1805.08318.
    """
    settings = config.discriminator
    widths = hidden_widths(settings, settings.depth)
    inputs, x = _image(config, image_shape, num_classes)
    for i, channels in enumerate(widths, start=1):
        if settings.minibatch_deviation and i == len(widths):
            x = minibatch_deviation(x, "minibatch_deviation")
        x = residual_down(
            x, settings, channels=channels, shrink=i <= 2, name=f"block_{i}", first=i == 1
        )
        if (settings.attention, i) in (("half", 1), ("quarter", 2)):
            x = self_attention(x, f"attention_{settings.attention}")
    x = finish_hidden(x, settings, "features", of_sum=True)
    # The paper sums over the places, whose logits start at 20; means of them learn too slowly.
    x = keras.layers.Flatten(name="flat")(x)
    return _judge(x, config, inputs, num_classes)


DISCRIMINATORS: dict[str, Build] = {
    "mlp": build_mlp,
    "conv": build_conv,
    "resnet": build_resnet,
}


def _image(
    config: GANConfig, image_shape: ImageShape, num_classes: int
) -> tuple[dict[str, Any], Any]:
    """Return the inputs, and the image joined with the label's map where there is one."""
    image = keras.Input(shape=image_shape, name="image")
    if not config.conditional or config.discriminator.conditioning == "auxiliary":
        return {"image": image}, image
    label = keras.Input(shape=(), dtype="int32", name="label")
    inputs = {"image": image, "label": label}
    if config.discriminator.conditioning == "projection":
        return inputs, image
    height, width, _ = image_shape
    if config.discriminator.conditioning == "one_hot_map":
        encoded = keras.ops.one_hot(label, num_classes)
        pixel = keras.layers.Reshape((1, 1, num_classes), name="label_pixel")(encoded)
        maps = keras.layers.UpSampling2D((height, width), name="label_maps")(pixel)
    else:
        embedding = keras.layers.Embedding(num_classes, height * width, name="label_embedding")
        maps = keras.layers.Reshape((height, width, 1), name="label_map")(embedding(label))
    return inputs, keras.layers.Concatenate(name="image_and_label")([image, maps])


def _hidden(x: Any, settings: DiscriminatorConfig, make: Callable[..., Any]) -> Any:
    """Apply the hidden layers that `make` returns by width; the first is not normalized."""
    widths = hidden_widths(settings, settings.depth)
    for i, width in enumerate(widths, start=1):
        if settings.minibatch_deviation and i == len(widths):
            x = minibatch_deviation(x, "minibatch_deviation")
        x = make(width, name=f"hidden_{i}")(x)
        dropout = settings.dropouts[i - 1] if settings.dropouts else settings.dropout
        x = finish_hidden(x, settings, f"hidden_{i}", normalized=i > 1, dropout=dropout)
    return x


def _judge(features: Any, config: GANConfig, inputs: dict[str, Any], num_classes: int) -> Any:
    """Return the model that ends flat features with the output layer.

    References:
        Miyato & Koyama 2018, arXiv 1802.05637, equation 4, for the projection; our features are
        flat rather than summed over the image, so a class may prefer a place.
    """
    settings = config.discriminator
    if settings.head_dropout:
        features = keras.layers.Dropout(settings.head_dropout, name="head_dropout")(features)
    logit = keras.layers.Dense(1, name="logit")(features)
    if config.conditional and settings.conditioning == "auxiliary":
        # Two kernels: in one, spectral normalization would bind the logit's size to the classes'.
        classes = keras.layers.Dense(num_classes, name="classes")(features)
        both = keras.layers.Concatenate(name="logit_and_classes")([logit, classes])
        return keras.Model(inputs, both, name="discriminator")
    if config.conditional and settings.conditioning == "projection":
        embedding = keras.layers.Embedding(
            num_classes, features.shape[-1], name="label_embedding"
        )(inputs["label"])
        match = keras.layers.Dot(axes=1, name="label_match")([embedding, features])
        logit = keras.layers.Add(name="conditional_logit")([logit, match])
    return keras.Model(inputs, logit, name="discriminator")


def _check_size(settings: DiscriminatorConfig, image_shape: ImageShape) -> None:
    """Refuse valid convolutions that use up the image before the last layer."""
    if settings.padding == "same":
        return
    side, depth = min(image_shape[:2]), len(hidden_widths(settings, settings.depth))
    for i in range(1, depth + 1):
        if side < settings.kernel_size:
            raise ConfigError(
                f"discriminator.padding valid leaves {side} pixels for hidden layer {i} of "
                f"{depth}, whose kernels have {settings.kernel_size}; images are "
                f"{image_shape[0]}x{image_shape[1]}. Use padding: same, a smaller kernel_size or "
                "depth."
            )
        side = (side - settings.kernel_size) // settings.stride + 1
