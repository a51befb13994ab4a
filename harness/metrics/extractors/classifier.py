"""Build the small networks whose hidden layers serve as FID features, and keep their weights."""

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from harness.core.errors import DataError, StorageError
from harness.core.files import check_regular, storage_error, write_bytes
from harness.data.readers.npz_file import ArrayHeader, read_npz

HIDDEN_UNITS = 96
_WEIGHTS_BYTES = 256 * 2**20
# The dense layer sees a grid of at most this many places a side, whatever the image's size.
GRID = 4


def build_classifier(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build an untrained classifier with two outputs: features and logits.

    The features are taken at three depths: channel means at half size answer to texture, noise
    and blur, those at quarter size to parts, and a dense layer over a coarse grid of places to
    the whole shape. All of them feed the output layer, so none is left to chance. The network is
    kept small because it is run on ten thousand images at each rung of each trial.

    Args:
        image_shape: (height, width, channels) of the images, whose values lie in [0, 255].
        num_classes: Number of labels.

    Returns:
        A model from float32 (n, height, width, channels) to features (n, 240) and logits
        (n, num_classes).
    """
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    x = layers.MaxPooling2D()(layers.ReLU()(_convolve(x, 24)))
    half = layers.ReLU()(_convolve(x, 48))
    quarter = layers.ReLU()(_convolve(layers.MaxPooling2D()(half), 96))
    deep = layers.ReLU()(layers.Add()([quarter, _convolve(quarter, 96)]))
    features = layers.Concatenate(name="features")(
        [
            layers.GlobalAveragePooling2D()(half),
            layers.GlobalAveragePooling2D()(quarter),
            _summarise(deep),
        ]
    )
    logits = layers.Dense(num_classes, name="logits")(layers.Dropout(0.2)(features))
    return keras.Model(images, [features, logits], name="classifier")


def build_stacked(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build a classifier of another architecture: pairs of 3 x 3 convolutions between poolings.

    It pools late, where `build_classifier` does so after its first convolution, activates by ELU,
    and its features are the means of three blocks and their largest values, beside a dense layer.

    Args:
        image_shape: (height, width, channels) of the images, whose values lie in [0, 255].
        num_classes: Number of labels.

    Returns:
        A model from float32 (n, height, width, channels) to features (n, 224) and logits
        (n, num_classes).

    References:
        Simonyan & Zisserman 2015, arXiv 1409.1556, for the stacks.
    """
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 255)(images)
    depths = []
    for filters in (16, 32, 48):
        for _ in range(2):
            x = layers.ELU()(_convolve(x, filters))
        depths.append(x)
        # Images of four pixels a side are one pixel by then.
        x = layers.MaxPooling2D(padding="valid" if min(x.shape[1:3]) > 1 else "same")(x)
    features = layers.Concatenate(name="features")(
        [
            layers.GlobalAveragePooling2D()(depths[1]),
            layers.GlobalAveragePooling2D()(depths[2]),
            layers.GlobalMaxPooling2D()(depths[2]),
            _summarise(x),
        ]
    )
    logits = layers.Dense(num_classes, name="logits")(layers.Dropout(0.2)(features))
    return keras.Model(images, [features, logits], name="stacked")


def build_pixels(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Build a linear network from pixels to components; its second output repeats the first.

    Args:
        image_shape: (height, width, channels); sides beyond 32 are averaged down.
        num_classes: Number of components, at most as many as there are pixels then.
    """
    images = keras.Input(image_shape, name="images")
    pool = (-(-image_shape[0] // 32), -(-image_shape[1] // 32))
    x = layers.AveragePooling2D(pool)(layers.Rescaling(1 / 255)(images))
    pixels = layers.Flatten(name="pixels")(x)
    count = min(num_classes, pixels.shape[-1])
    features = layers.Dense(count, use_bias=False, name="features")(pixels)
    return keras.Model(images, [features, features], name="pixels")


def _convolve(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.95)(x)


def _summarise(x: keras.KerasTensor) -> keras.KerasTensor:
    pool = (-(-x.shape[1] // GRID), -(-x.shape[2] // GRID))
    x = layers.Flatten()(layers.AveragePooling2D(pool, padding="same")(x))
    x = layers.Dense(HIDDEN_UNITS, use_bias=False)(layers.Dropout(0.3)(x))
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))


class _Unchanged(layers.Layer):  # type: ignore[misc]
    """A layer in place of a normalization; it takes the mask that one takes."""

    def call(self, inputs: keras.KerasTensor, mask: Any = None) -> keras.KerasTensor:
        """Return the inputs."""
        return inputs


def without_normalization(model: keras.Model) -> keras.Model:
    """Return the same function as in inference, with batch normalization folded into its kernels.

    It leaves out a pass over every map; what that saves has not been measured.

    Args:
        model: Functional; each normalization follows a layer with a kernel.
    """
    norms = {
        id(layer.input): layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
    }
    followed = {
        layer.name: norms[id(layer.output)]
        for layer in model.layers
        if layer.weights and id(layer.output) in norms
    }

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, layers.BatchNormalization):
            return _Unchanged(name=layer.name)
        bias = {"use_bias": True} if layer.name in followed else {}
        return type(layer).from_config(layer.get_config() | bias)

    folded = keras.models.clone_model(model, clone_function=replace)
    for layer in model.layers:
        if layer.name in followed:
            norm = followed[layer.name]
            gamma, beta, mean, variance = (x.astype(np.float64) for x in norm.get_weights())
            scale = gamma / np.sqrt(variance + norm.epsilon)
            kernel, *bias = layer.get_weights()
            shift = beta + (sum(bias) - mean) * scale
            folded.get_layer(layer.name).set_weights([kernel * scale, shift])
        elif layer.weights and not isinstance(layer, layers.BatchNormalization):
            folded.get_layer(layer.name).set_weights(layer.get_weights())
    return folded


ARCHITECTURES: dict[str, Callable[[tuple[int, int, int], int], keras.Model]] = {
    "classifier": build_classifier,
    "stacked": build_stacked,
    "pixels": build_pixels,
}
"""Builds a network with two outputs, features and logits, by its architecture's name."""


def write_weights(model: keras.Model, path: Path) -> str:
    """Write all weights of a model, moving statistics included, in the order the model has them.

    Args:
        model: Any built model.
        path: File to write, whole or not at all.

    Returns:
        The SHA-256 of the file; equal weights give equal files.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **{f"weight_{i:03d}": value for i, value in enumerate(model.get_weights())})
    write_bytes(path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def read_weights(model: keras.Model, path: Path, sha256: str) -> None:
    """Read weights into a model of the same architecture.

    Args:
        model: The model to fill.
        path: A file of `write_weights`.
        sha256: What its content must hash to. It is checked first: other weights would give
            other scores under the same name.

    Raises:
        StorageError: If the file cannot be read, has another hash or does not fit the model.
    """
    try:
        check_regular(path, path.stat(), _WEIGHTS_BYTES)
        with path.open("rb") as file:
            received = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise storage_error(path, error) from error
    if received != sha256:
        raise StorageError(
            f"{path}: the weights have SHA-256 {received}; expected {sha256}. The file was "
            f"changed or cut short: reinstall the package, or train the extractor again."
        )
    expected = [tuple(weight.shape) for weight in model.weights]

    def check(headers: Mapping[str, ArrayHeader]) -> None:
        held = [headers[name] for name in sorted(headers)]
        if [header.shape for header in held] != expected or any(
            header.dtype != np.float32 for header in held
        ):
            raise StorageError(
                f"{path}: the weights are those of another architecture: {len(held)} arrays, the "
                f"model has {len(expected)} of other shapes. Train the extractor again."
            )

    try:
        arrays = read_npz(path, check)
    except DataError as error:
        raise StorageError(str(error)) from error
    model.set_weights([arrays[name] for name in sorted(arrays)])
