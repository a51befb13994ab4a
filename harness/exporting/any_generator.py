"""Draw with a generator of anybody's: a Keras, ONNX or LiteRT file, or a SavedModel."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from harness.core.errors import (
    ConfigError,
    DataError,
    HarnessError,
    StorageError,
    first_line,
    require_packages,
)
from harness.core.option_values import Noise
from harness.data.pixel_range import Extent, bounds_of, choose_range, range_of_whole, to_uint8
from harness.exporting.formats import DESCRIPTION, SUFFIXES, runtime_of
from harness.exporting.input_roles import InputRoles, Inputs, listed, shown, sizes_of
from harness.exporting.templates.generate import BATCH, RUNTIMES
from harness.gan.networks.fast_conv import fast_convolutions
from harness.gan.sampling import latent_noise, load_generator, output_activation

Run = Callable[[dict[str, NDArray[Any]]], Any]

_PROBED = 300
_LAST = {"tanh": "-1,1", "sigmoid": "0,1"}


class AnyGenerator:
    """A generator of anybody's, and how it is read.

    Args:
        path: A file or a SavedModel's folder, as `runtime_of` knows them.
        num_classes: Of the data set that its images imitate.
        inputs: What `--inputs` says.
        noise: How noise is distributed: standard normal, or uniform from -1 to 1.
        pixel_range: What `--range` says.

    Raises:
        ConfigError: If its inputs are in doubt.
        DataError: If its output is no images, or their range is in doubt.
        StorageError: If it cannot be loaded.
        MissingExtraError: If what runs it is not installed.
    """

    def __init__(
        self,
        path: Path,
        num_classes: int,
        *,
        inputs: str | None = None,
        noise: Noise = "normal",
        pixel_range: str | None = None,
    ) -> None:
        self._path, self._num_classes, self._distribution = path, num_classes, noise
        self._inputs, self._run, last = _load(path)
        try:
            self.roles = InputRoles.read(self._inputs, inputs, num_classes)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        sizes = [shape[0] for shape, _ in self._inputs.values() if shape[:1] and shape[0]]
        self._batch = sizes[0] if sizes else BATCH
        labels = np.arange(_PROBED, dtype=np.int32) % max(1, num_classes)
        probe = self._draw(0, labels)
        if probe.dtype.kind not in "fiu":
            raise DataError(f"{path}: draws {probe.dtype}; expected images of numbers.")
        bounds = last
        if self.roles.noise is not None:
            bounds = bounds_of(lambda factor: self._draw(0, labels, factor=factor)) or last
        self.image_shape = probe.shape[1:]
        extent = Extent.of(path, probe)
        if probe.dtype.kind in "iu" and pixel_range is None:
            pixel_range = range_of_whole(path, probe, extent)
        self.pixel_range = choose_range(path, extent, asked=pixel_range, bounds=bounds)

    @property
    def conditional(self) -> bool:
        """Return whether it draws the classes that are asked for."""
        return self.roles.label is not None

    def describe(self) -> str:
        """Return in a line how it is read."""
        parts = []
        if self.roles.noise is not None:
            shape = shown(self._inputs[self.roles.noise][0])
            parts.append(f"noise {self.roles.noise} {shape} {self._distribution}")
        if self.roles.label is not None:
            shape = shown(self._inputs[self.roles.label][0])
            form = "one-hot rows" if self.roles.one_hot else "whole numbers"
            parts.append(f"label {self.roles.label} {shape} {form}")
        return f"{', '.join(parts)}; images in [{self.pixel_range.replace(',', ', ')}]"

    def to_dict(self) -> dict[str, Any]:
        """Return the same for a record."""
        return {
            "noise": self._distribution,
            "inputs": dataclasses.asdict(self.roles),
            "range": self.pixel_range,
        }

    def sample(
        self, noise_seed: int, labels: NDArray[np.int32] | None, count: int
    ) -> NDArray[np.uint8]:
        """Return images, uint8 (count, height, width, channels).

        Args:
            noise_seed: Origin of the noise.
            labels: Class of each image, (count,); None where there are none.
            count: How many.
        """
        classes = np.zeros(count, np.int32) if labels is None else labels
        return self._draw(
            noise_seed, classes, finish=lambda each: to_uint8(each, self.pixel_range)
        )

    def _draw(
        self,
        noise_seed: int,
        labels: NDArray[np.int32],
        *,
        factor: float = 1.0,
        finish: Callable[[NDArray[Any]], NDArray[Any]] = lambda images: images,
    ) -> NDArray[Any]:
        total, batches = len(labels), []
        classes = np.pad(labels, (0, -total % self._batch))
        given: dict[str, NDArray[Any]] = {}
        if self.roles.noise is not None:
            shape, kind = self._inputs[self.roles.noise]
            size = math.prod(sizes_of(shape))
            noise = latent_noise(noise_seed, len(classes), size, self._distribution) * factor
            given[self.roles.noise] = noise.reshape(-1, *sizes_of(shape)).astype(kind)
        if self.roles.label is not None:
            shape, kind = self._inputs[self.roles.label]
            one_hot = np.eye(self._num_classes, dtype=kind)[classes]
            values = one_hot if self.roles.one_hot else classes.reshape(-1, *sizes_of(shape))
            given[self.roles.label] = values.astype(kind)
        for start in range(0, len(classes), self._batch):
            rows = slice(start, start + self._batch)
            try:
                images = self._run({name: each[rows] for name, each in given.items()})
            except Exception as error:  # a runtime raises whatever it runs into
                raise DataError(
                    f"{self._path}: cannot draw: {type(error).__name__}: {first_line(error)}. "
                    f"Expected a generator of images from {listed(self._inputs)}."
                ) from error
            batches.append(finish(self._as_images(images)))
        return np.concatenate(batches)[:total]

    def _as_images(self, images: Any) -> NDArray[Any]:
        """Return what was drawn as (n, height, width, channels)."""
        if not isinstance(images, np.ndarray):
            raise DataError(
                f"{self._path}: draws {len(images)} arrays; expected one, of images. Save a model "
                f"with that output alone."
            )
        if images.ndim == 3:
            return images[..., np.newaxis]
        if images.ndim == 4 and images.shape[3] in (1, 3):
            return images
        if images.ndim == 4 and images.shape[1] in (1, 3):  # as PyTorch has them
            return images.transpose(0, 2, 3, 1)
        raise DataError(
            f"{self._path}: draws arrays of shape {images.shape}; expected images, (n, height, "
            f"width, 1 or 3). Draw the images yourself, and evaluate them as an .npz."
        )


def _load(path: Path) -> tuple[Inputs, Run, str | None]:
    """Return a network's inputs, what runs it, and the range that its own words give."""
    runtime = runtime_of(path)
    if runtime is None:
        raise DataError(f"{path}: expected a network as {', '.join(SUFFIXES)} or a SavedModel.")
    _, package, load = RUNTIMES[runtime]
    require_packages(f"{path}: drawing with it", [package], f"Install it: pip install {package}.")
    try:
        if runtime == "keras":
            return _load_keras(path)
        inputs, run = load(path)
    except HarnessError:
        raise
    except Exception as error:  # a runtime raises whatever it runs into
        raise StorageError(
            f"{path}: cannot be loaded by {package}: {type(error).__name__}: {first_line(error)}"
        ) from error
    return inputs, run, _described(path)


def _load_keras(path: Path) -> tuple[Inputs, Run, str | None]:
    try:
        model = load_generator(path)
    except StorageError as error:
        raise StorageError(
            f"{error}. One with classes of somebody's own is read as a SavedModel: save it by "
            f"model.export(FOLDER)."
        ) from error
    if not getattr(model, "inputs", None):
        raise DataError(
            f"{path}: is a model without named inputs, a class of somebody's own; expected a "
            f"functional or sequential one. Save it by model.export(FOLDER), as a SavedModel."
        )
    inputs = {each.name: (tuple(each.shape), str(each.dtype)) for each in model.inputs}
    # Our own, whose layers are known, as fast as they are sampled while they train.
    fast = fast_convolutions(model) if set(inputs) <= {"noise", "label"} else model
    forward = tf.function(lambda given: fast(given, training=False), autograph=False)
    # In the form that its maker gave: a tensor, a list, or by names.
    form = model.inputs[0] if len(inputs) == 1 else model.input

    def run(given: dict[str, NDArray[Any]]) -> Any:
        drawn = forward(keras.tree.map_structure(lambda each: tf.constant(given[each.name]), form))
        return np.asarray(drawn) if tf.is_tensor(drawn) else drawn

    return inputs, run, _LAST.get(output_activation(model) or "")


def _described(path: Path) -> str | None:
    """Return the range that the description of a bundle gives, where the network lies in one."""
    try:
        about = json.loads((path.parent / DESCRIPTION).read_text("utf-8"))
        return _LAST.get(about["output"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
