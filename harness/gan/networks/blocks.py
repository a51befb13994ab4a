"""Build residual blocks, self-attention and minibatch statistics, from Keras layers and ops."""

from typing import Any

import keras

from harness.gan.config.sections import DiscriminatorConfig, GeneratorConfig
from harness.gan.networks.layers import Label, convolution, finish_hidden


def residual_up(
    x: Any,
    settings: GeneratorConfig,
    *,
    channels: int,
    enlarge: bool,
    name: str,
    label: Label | None = None,
) -> Any:
    """Add two convolutions to their own input, enlarged by 2 where asked.

    Normalization and activation precede each convolution, so the sum itself is left alone. Where
    the channels change, a 1x1 convolution brings the input to them; elsewhere it passes as it is.

    Args:
        x: Symbolic feature maps.
        settings: Of the generator.
        channels: Channels of the result.
        enlarge: Whether height and width double, by repetition.
        name: Name of the sum; the other layers' begin with it.
        label: For conditional batch normalization.

    References:
        He et al. 2016, arXiv 1603.05027; as generator Gulrajani et al. 2017, arXiv 1704.00028, and
        Miyato et al. 2018, arXiv 1802.05957, appendix B.4.
    """
    y = finish_hidden(x, settings, f"{name}_before", label=label)
    if enlarge:
        y = keras.layers.UpSampling2D(2, name=f"{name}_enlarge")(y)
    y = convolution(settings, channels, f"{name}_first")(y)
    y = finish_hidden(y, settings, f"{name}_first", label=label)
    y = convolution(settings, channels, f"{name}_second")(y)
    # A 1x1 convolution commutes with repetition: before it, a quarter of the work.
    shortcut = _match_channels(x, channels, f"{name}_shortcut")
    if enlarge:
        shortcut = keras.layers.UpSampling2D(2, name=f"{name}_shortcut_enlarge")(shortcut)
    return keras.layers.Add(name=name)([shortcut, y])


def residual_down(
    x: Any,
    settings: DiscriminatorConfig,
    *,
    channels: int,
    shrink: bool,
    name: str,
    first: bool = False,
) -> Any:
    """Add two convolutions to their own input, both averaged over 2x2 pixels where they shrink.

    Arguments are as for `residual_up`; sides are even where they shrink. Where x is the image, the
    `first` block does not normalize: the image must meet no activation before a convolution, and
    its brightness must survive.

    References:
        See `residual_up`.
    """
    y = x if first else finish_hidden(x, settings, f"{name}_before")
    y = convolution(settings, channels, f"{name}_first")(y)
    y = finish_hidden(y, settings, f"{name}_first", normalized=not first)
    y = convolution(settings, channels, f"{name}_second")(y)
    shortcut = x
    if shrink:
        y = keras.layers.AveragePooling2D(2, name=f"{name}_shrink")(y)
        shortcut = keras.layers.AveragePooling2D(2, name=f"{name}_shortcut_shrink")(x)
    return keras.layers.Add(name=name)(
        [_match_channels(shortcut, channels, f"{name}_shortcut"), y]
    )


def self_attention(x: Any, name: str) -> Any:
    """Add to each pixel what it finds at the pixels that resemble it; at first nothing.

    The gate is a factor for each channel that begins at 0: a depthwise 1x1 convolution, so that
    it needs no layer of our own and spectral normalization leaves it alone.

    Args:
        x: Symbolic feature maps, (n, height, width, channels).
        name: Name of the sum; the other layers' begin with it.

    References:
        Zhang et al. 2019, arXiv 1805.08318, equations 1 to 3, with an eighth of the channels to
        compare by and half of them to carry; there one gate for all channels.
    """
    height, width, channels = x.shape[1:]

    def pixels(part: str, count: int) -> Any:
        count = max(count, 1)
        maps = keras.layers.Conv2D(count, 1, use_bias=False, name=f"{name}_{part}")(x)
        return keras.layers.Reshape((height * width, count), name=f"{name}_{part}_pixels")(maps)

    query, key = pixels("query", channels // 8), pixels("key", channels // 8)
    value = pixels("value", channels // 2)
    found = keras.layers.Attention(name=f"{name}_found")([query, value, key])
    found = keras.layers.Reshape((height, width, value.shape[-1]), name=f"{name}_maps")(found)
    found = keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_channels")(found)
    found = keras.layers.DepthwiseConv2D(
        1, use_bias=False, depthwise_initializer="zeros", name=f"{name}_gate"
    )(found)
    return keras.layers.Add(name=name)([x, found])


def minibatch_deviation(x: Any, name: str) -> Any:
    """Join x with one more channel: the mean over its features of their deviation in the batch.

    A generator that makes the same image for any noise gives itself away by it. All samples of a
    call form one group, so real and fake images must come in separate calls.

    Args:
        x: Symbolic, (n, ..., channels).
        name: Name of the joined result.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 3, with the whole batch as its group.
    """
    ops = keras.ops
    variance = ops.var(x, axis=0, keepdims=True)
    deviation = ops.mean(ops.sqrt(variance + 1e-8), keepdims=True)  # sqrt has no slope at 0
    channel = ops.zeros_like(ops.mean(x, axis=-1, keepdims=True)) + deviation
    return keras.layers.Concatenate(name=name)([x, channel])


def _match_channels(x: Any, channels: int, name: str) -> Any:
    if x.shape[-1] == channels:
        return x
    return keras.layers.Conv2D(channels, 1, use_bias=False, name=name)(x)
