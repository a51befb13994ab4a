"""Normalize hidden layers, with statistics of the batch, the image or the pixel."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

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
    scale = _per_class(x, label, "ones", f"{name}_gamma")
    shift = _per_class(x, label, "zeros", f"{name}_beta")
    x = keras.layers.Multiply(name=f"{name}_scaled")([x, scale])
    return keras.layers.Add(name=f"{name}_shifted")([x, shift])


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


def _per_class(x: Any, label: Label, start: str, name: str) -> Any:
    """Return one learned number per class and channel of x, which broadcasts over its places."""
    channels, places = x.shape[-1], len(x.shape) - 2
    values = keras.layers.Embedding(
        label.num_classes, channels, embeddings_initializer=start, name=name
    )(label.ids)
    if not places:
        return values
    return keras.layers.Reshape((*[1] * places, channels), name=f"{name}_map")(values)
