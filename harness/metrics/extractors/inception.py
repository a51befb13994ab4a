"""Build the Inception network that published FIDs are computed from, in Keras."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from harness.core.errors import ConfigError

INPUT_SIZE = 299
NUM_OUTPUTS = 1_008
RESIZE = f"bilinear {INPUT_SIZE}x{INPUT_SIZE}, TF1"
BATCH_SIZE = 50
_BATCH_NORM_EPSILON = 1e-3  # the network's own; Keras and PyTorch have other defaults


class TF1Resize(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A layer that resizes bilinearly as TensorFlow 1 did: no antialiasing, corners not centered.

    Output pixel i looks at input position i · (input size / output size), so the picture sits up
    to half a pixel off. Today's resizes centre pixels, and give FIDs that differ by points.
    """

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Return float32 images (n, 299, 299, channels) of images of any size."""
        size = [INPUT_SIZE, INPUT_SIZE]
        return tf.raw_ops.ResizeBilinear(
            images=images, size=size, align_corners=False, half_pixel_centers=False
        )

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[Any, ...]:
        """Return (n, 299, 299, channels)."""
        return (input_shape[0], INPUT_SIZE, INPUT_SIZE, input_shape[-1])


def build_inception(image_shape: tuple[int, int, int]) -> keras.Model:
    """Build the FID Inception network, without weights: they come from `set_inception_weights`.

    It is the network of 2015-12-05, an Inception v3 with peculiarities: averages leave out padded
    zeros, the last block takes a maximum where its siblings average, and there are 1,008 outputs.
    Batch normalization is no layer here: at inference it is a factor and a shift, which belong
    into the convolution before it.

    Args:
        image_shape: (height, width, channels) of the images: any size, 1 or 3 channels. Grey
            images are repeated into three channels.

    Returns:
        A model from float32 images (n, height, width, channels) in [0, 255] to features (n, 2048)
        and logits (n, 1008).

    Raises:
        ConfigError: If the images have another number of channels.

    References:
        Szegedy et al. 2016, arXiv 1512.00567 (the architecture); Heusel et al. 2017, arXiv
        1706.08500 (its use for FID, by the features of the last pooling).
    """
    if image_shape[-1] not in (1, 3):
        raise ConfigError(
            f"extractor: inception takes images of 1 or 3 channels; received {image_shape[-1]}. "
            f"Train an extractor for them: gansweep extractor."
        )
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 128, offset=-1.0)(TF1Resize(name="resize")(images))
    if image_shape[-1] == 1:
        x = layers.Concatenate(name="grey_to_rgb")([x, x, x])
    for block in (_stem, _blocks_35, _blocks_17, _blocks_8):
        x = block(x)
    features = layers.GlobalAveragePooling2D(name="features")(x)
    logits = layers.Dense(NUM_OUTPUTS, kernel_initializer="zeros", name="fc")(features)
    return keras.Model(images, [features, logits], name="inception")


def weight_shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array that the model's weights come from, by its name.

    Names and axis orders are those of the published file: `Conv2d_1a_3x3.conv.weight` is (out, in,
    height, width); each convolution has four arrays of batch normalization, (out,).
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in _weighted(model):
        if layer.name == "fc":
            features, outputs = layer.kernel.shape
            shapes |= {"fc.weight": (outputs, features), "fc.bias": (outputs,)}
            continue
        height, width, inputs, outputs = layer.kernel.shape
        shapes[f"{layer.name}.conv.weight"] = (outputs, inputs, height, width)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{layer.name}.bn.{part}"] = (outputs,)
    return shapes


def set_inception_weights(model: keras.Model, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Give a model of `build_inception` its weights, batch normalization folded in.

    Args:
        model: The model to fill.
        arrays: float32, of the names and shapes that `weight_shapes` gives.
    """
    for layer in _weighted(model):
        if layer.name == "fc":
            layer.set_weights([arrays["fc.weight"].T, arrays["fc.bias"]])
            continue
        norm = {
            part: arrays[f"{layer.name}.bn.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        scale = norm["weight"] / np.sqrt(norm["running_var"] + _BATCH_NORM_EPSILON)
        kernel = arrays[f"{layer.name}.conv.weight"].transpose(2, 3, 1, 0) * scale
        layer.set_weights([kernel, norm["bias"] - norm["running_mean"] * scale])


def hash_weights(arrays: Mapping[str, NDArray[np.float32]]) -> str:
    """Return the SHA-256 of the arrays, whatever file they came from.

    Names, shapes and values count; the kind of file and the order in it do not.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[name], dtype="<f4").data)
    return digest.hexdigest()


def _weighted(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]


def _convolve(
    x: keras.KerasTensor,
    name: str,
    filters: int,
    size: int | tuple[int, int],
    *,
    strides: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    return layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding=padding,
        activation="relu",
        kernel_initializer="zeros",  # drawing unused numbers would take a second
        name=name,
    )(x)


def _shrink(x: keras.KerasTensor, name: str, filters: int) -> keras.KerasTensor:
    return _convolve(x, name, filters, 3, strides=2, padding="valid")


def _stem(x: keras.KerasTensor) -> keras.KerasTensor:
    """From 299 x 299 x 3 to 35 x 35 x 192."""
    x = _shrink(x, "Conv2d_1a_3x3", 32)
    x = _convolve(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = layers.MaxPooling2D(3, 2)(_convolve(x, "Conv2d_2b_3x3", 64, 3))
    x = _convolve(x, "Conv2d_3b_1x1", 80, 1)
    return layers.MaxPooling2D(3, 2)(_convolve(x, "Conv2d_4a_3x3", 192, 3, padding="valid"))


def _blocks_35(x: keras.KerasTensor) -> keras.KerasTensor:
    """Stay at 35 x 35, then shrink to 17 x 17 x 768."""
    for name, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
        five = _convolve(x, f"{name}.branch5x5_1", 48, 1)
        three = _convolve(x, f"{name}.branch3x3dbl_1", 64, 1)
        three = _convolve(three, f"{name}.branch3x3dbl_2", 96, 3)
        x = layers.Concatenate(name=name)(
            [
                _convolve(x, f"{name}.branch1x1", 64, 1),
                _convolve(five, f"{name}.branch5x5_2", 64, 5),
                _convolve(three, f"{name}.branch3x3dbl_3", 96, 3),
                _convolve(_average(x), f"{name}.branch_pool", pooled, 1),
            ]
        )
    three = _convolve(x, "Mixed_6a.branch3x3dbl_1", 64, 1)
    three = _convolve(three, "Mixed_6a.branch3x3dbl_2", 96, 3)
    return layers.Concatenate(name="Mixed_6a")(
        [
            _shrink(x, "Mixed_6a.branch3x3", 384),
            _shrink(three, "Mixed_6a.branch3x3dbl_3", 96),
            layers.MaxPooling2D(3, 2)(x),
        ]
    )


def _blocks_17(x: keras.KerasTensor) -> keras.KerasTensor:
    """Stay at 17 x 17, then shrink to 8 x 8 x 1280."""
    for name, inner in (
        ("Mixed_6b", 128),
        ("Mixed_6c", 160),
        ("Mixed_6d", 160),
        ("Mixed_6e", 192),
    ):
        once = _convolve(x, f"{name}.branch7x7_1", inner, 1)
        once = _convolve(once, f"{name}.branch7x7_2", inner, (1, 7))
        twice = _convolve(x, f"{name}.branch7x7dbl_1", inner, 1)
        for number, size in ((2, (7, 1)), (3, (1, 7)), (4, (7, 1))):
            twice = _convolve(twice, f"{name}.branch7x7dbl_{number}", inner, size)
        x = layers.Concatenate(name=name)(
            [
                _convolve(x, f"{name}.branch1x1", 192, 1),
                _convolve(once, f"{name}.branch7x7_3", 192, (7, 1)),
                _convolve(twice, f"{name}.branch7x7dbl_5", 192, (1, 7)),
                _convolve(_average(x), f"{name}.branch_pool", 192, 1),
            ]
        )
    three = _convolve(x, "Mixed_7a.branch3x3_1", 192, 1)
    seven = _convolve(x, "Mixed_7a.branch7x7x3_1", 192, 1)
    seven = _convolve(seven, "Mixed_7a.branch7x7x3_2", 192, (1, 7))
    seven = _convolve(seven, "Mixed_7a.branch7x7x3_3", 192, (7, 1))
    return layers.Concatenate(name="Mixed_7a")(
        [
            _shrink(three, "Mixed_7a.branch3x3_2", 320),
            _shrink(seven, "Mixed_7a.branch7x7x3_4", 192),
            layers.MaxPooling2D(3, 2)(x),
        ]
    )


def _blocks_8(x: keras.KerasTensor) -> keras.KerasTensor:
    """Stay at 8 x 8, up to 2048 channels."""
    for name, pool in (("Mixed_7b", _average), ("Mixed_7c", _maximum)):
        three = _convolve(x, f"{name}.branch3x3_1", 384, 1)
        double = _convolve(x, f"{name}.branch3x3dbl_1", 448, 1)
        double = _convolve(double, f"{name}.branch3x3dbl_2", 384, 3)
        x = layers.Concatenate(name=name)(
            [
                _convolve(x, f"{name}.branch1x1", 320, 1),
                _convolve(three, f"{name}.branch3x3_2a", 384, (1, 3)),
                _convolve(three, f"{name}.branch3x3_2b", 384, (3, 1)),
                _convolve(double, f"{name}.branch3x3dbl_3a", 384, (1, 3)),
                _convolve(double, f"{name}.branch3x3dbl_3b", 384, (3, 1)),
                _convolve(pool(x), f"{name}.branch_pool", 192, 1),
            ]
        )
    return x


def _average(x: keras.KerasTensor) -> keras.KerasTensor:
    # TensorFlow divides by the number of real pixels under the window; PyTorch, unasked, by 9.
    return layers.AveragePooling2D(3, 1, padding="same")(x)


def _maximum(x: keras.KerasTensor) -> keras.KerasTensor:
    # Likely a slip of 2015, but the published weights were trained with it.
    return layers.MaxPooling2D(3, 1, padding="same")(x)
