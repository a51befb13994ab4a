"""Draw with a generator of anybody's: a Keras, ONNX or LiteRT file, or a SavedModel."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
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
from harness.exporting.templates.generate import BATCH, RUNTIMES
from harness.gan.networks.fast_conv import fast_convolutions
from harness.gan.sampling import latent_noise, load_generator, output_activation

Shape = tuple[int | None, ...]
Inputs = Mapping[str, tuple[Shape, str]]
Run = Callable[[dict[str, NDArray[Any]]], Any]

_PROBED = 300
_LAST = {"tanh": "-1,1", "sigmoid": "0,1"}
_SAYING = "Say which is which: --inputs noise=NAME,label=NAME."


@dataclasses.dataclass(frozen=True)
class InputRoles:
    """What each input of a generator is for.

    Args:
        noise: Name of the noise; None for a generator of labels alone.
        label: Name of the label; None for an unconditional one.
        one_hot: Whether labels are rows of as many values as there are classes.
    """

    noise: str | None
    label: str | None = None
    one_hot: bool = False

    @classmethod
    def read(cls, inputs: Inputs, given: str | None, num_classes: int) -> "InputRoles":
        """Return what the inputs are for, where types and shapes leave no doubt.

        Args:
            inputs: Shape and type of each by name.
            given: What `--inputs` says, `noise=NAME,label=NAME` or one of the two; None for
                nothing.
            num_classes: Of the data set.

        Raises:
            ConfigError: If it is in doubt, or says what cannot be.
        """
        named = _named(given, inputs) if given is not None else {}
        if given is None and "noise" in inputs and set(inputs) <= {"noise", "label"}:
            named = {name: name for name in inputs}
        wholes = {name for name in inputs if _is_index(*inputs[name])}
        rows = {n for n, (shape, _) in inputs.items() if len(shape) == 2 and _sizes(shape)[0] > 1}
        one_hot = {n for n in rows if inputs[n][0][1] == num_classes}
        floats = {n for n, (shape, kind) in inputs.items() if "float" in kind and len(shape) > 1}
        if not named and len(inputs) == 1:
            (only,) = inputs
            if only in wholes:
                named = {"label": only}
            elif only in floats - one_hot:  # as many as there are classes may be either
                named = {"noise": only}
        if not named and len(inputs) == 2:
            labels = wholes or one_hot
            rest = floats - labels
            if len(labels) == len(rest) == 1:
                named = {"noise": next(iter(rest)), "label": next(iter(labels))}
        if not named:
            raise ConfigError(
                f"the inputs are {_listed(inputs)}; expected noise as one float input (n, z), and "
                f"maybe labels as whole numbers (n,) or (n, 1) or as one-hot rows (n, "
                f"{num_classes or 'classes'}). {_SAYING}"
            )
        noise, label = named.get("noise"), named.get("label")
        if noise is not None and (None in inputs[noise][0][1:] or noise not in floats):
            raise ConfigError(
                f"the noise must be floats of a fixed shape; received {_listed(inputs)}. Draw the "
                f"images yourself, and evaluate them as an .npz."
            )
        if label is not None and not num_classes:
            raise ConfigError(
                f"the generator asks for labels, {label}, but the data set has none. Choose a "
                f"labelled data set, or draw the images yourself."
            )
        single = label is not None and math.prod(_sizes(inputs[label][0])) == 1
        if label is not None and not single and label not in one_hot:
            raise ConfigError(
                f"labels must be whole numbers (n,) or (n, 1) or one-hot rows (n, {num_classes}), "
                f"as the data set has {num_classes} classes; received {_listed(inputs)}. {_SAYING}"
            )
        return cls(noise, label, label is not None and not single)


def _is_index(shape: Shape, kind: str) -> bool:
    return "int" in kind and (len(shape) == 1 or shape[1:] == (1,))


def _sizes(shape: Shape) -> list[int]:
    """Return the sizes of one example; one where any will do."""
    return [size or 1 for size in shape[1:]]


def _listed(inputs: Inputs) -> str:
    return ", ".join(f"{name} {kind} {_shown(shape)}" for name, (shape, kind) in inputs.items())


def _shown(shape: Shape) -> str:
    rest = ", ".join("?" if size is None else str(size) for size in shape[1:])
    return f"(n, {rest})" if rest else "(n,)"


def _named(given: str, inputs: Inputs) -> dict[str, str]:
    """Return the input of each role that `--inputs` names."""
    named: dict[str, str] = {}
    for part in given.split(","):
        role, _, name = part.partition("=")
        if role not in ("noise", "label") or name not in inputs or role in named:
            raise ConfigError(
                f"--inputs: expected noise=NAME,label=NAME, or one of them, with names of "
                f"{_listed(inputs)}; received {given!r}."
            )
        named[role] = name
    if set(named.values()) != set(inputs):
        raise ConfigError(
            f"--inputs: expected a role for each of {_listed(inputs)}; received {given!r}."
        )
    return named


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
            shape = _shown(self._inputs[self.roles.noise][0])
            parts.append(f"noise {self.roles.noise} {shape} {self._distribution}")
        if self.roles.label is not None:
            shape = _shown(self._inputs[self.roles.label][0])
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
            size = math.prod(_sizes(shape))
            noise = latent_noise(noise_seed, len(classes), size, self._distribution) * factor
            given[self.roles.noise] = noise.reshape(-1, *_sizes(shape)).astype(kind)
        if self.roles.label is not None:
            shape, kind = self._inputs[self.roles.label]
            one_hot = np.eye(self._num_classes, dtype=kind)[classes]
            values = one_hot if self.roles.one_hot else classes.reshape(-1, *_sizes(shape))
            given[self.roles.label] = values.astype(kind)
        for start in range(0, len(classes), self._batch):
            rows = slice(start, start + self._batch)
            try:
                images = self._run({name: each[rows] for name, each in given.items()})
            except Exception as error:  # a runtime raises whatever it runs into
                raise DataError(
                    f"{self._path}: cannot draw: {type(error).__name__}: {first_line(error)}. "
                    f"Expected a generator of images from {_listed(self._inputs)}."
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
    model = load_generator(path)
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
