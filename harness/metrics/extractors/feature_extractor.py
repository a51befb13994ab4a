"""Turn images into the features that scores are computed from."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from harness.core.errors import ConfigError, ScoreError, near_miss
from harness.core.files import read_json
from harness.data.fitting import MAX_SIZE
from harness.metrics.extractor_folder import RECORD_FILE
from harness.metrics.extractors import inception
from harness.metrics.extractors.classifier import (
    ARCHITECTURES,
    read_weights,
    without_normalization,
)
from harness.metrics.extractors.inception_weights import load_inception_weights

ImageShape = tuple[int, int, int]
BATCH_SIZE = 500
WEIGHTS_FILE = "weights.npz"
PANEL = "panel"
"""The name of the shipped panel; see `load_panel`."""

EMBEDDED_FOLDER = Path(__file__).parent / "weights"
MOST_CLASSES = 100_000


class Extractor:
    """A classifier whose hidden layer gives features, and whose output predictions.

    Every call uses one compiled function of one batch size, the last batch padded, so that an
    image's features do not depend on how many others came with it.

    Args:
        name: What stands in the name of every score, e.g. `fashion_cnn`.
        sha256: Hash of the weights; with the name it says exactly which features these are.
        model: From float32 images in [0, 255] to two outputs, features and logits.
        batch_size: Images a call; large images and deep networks take much memory each.
        resize: How the model brings images to its own input size; part of every protocol.
        num_classes: How many classes of the data set the logits stand for: 0 for a network
            trained on other classes, None for as many as there are logits.
    """

    def __init__(
        self,
        name: str,
        sha256: str,
        model: keras.Model,
        *,
        batch_size: int = BATCH_SIZE,
        resize: str = "none",
        num_classes: int | None = None,
    ) -> None:
        self.name = name
        self.sha256 = sha256
        self.resize = resize
        self._model = without_normalization(model)
        self.batch_size = batch_size
        height, width, channels = model.input_shape[1:]
        self.image_shape: ImageShape = (height, width, channels)
        self.dimensions = int(model.output_shape[0][-1])
        num_logits = int(model.output_shape[1][-1])
        self.num_classes = num_logits if num_classes is None else num_classes
        self._run = tf.function(
            self.forward,
            input_signature=[tf.TensorSpec((batch_size, *self.image_shape), tf.uint8)],
        )

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features of each image, float32, (n, d).

        Args:
            images: uint8, (n, height, width, channels), as the files of the data set hold them.

        Raises:
            ScoreError: If they are not uint8, or of another shape than the extractor's. Scaled
                floats would give a number too, and a wrong one.
        """
        return self._apply(images)[0]

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the network's logits, float32, (n, k); takes what features takes."""
        return self._apply(images)[1]

    def features_and_predictions(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32] | None]:
        """Return features (n, d) and likely labels (n,) from one pass; takes what features takes.

        The labels are None for a network that was trained on other classes.
        """
        features, logits = self._apply(images)
        return features, self.labels_of(logits)

    def labels_of(self, logits: NDArray[np.float32]) -> NDArray[np.int32] | None:
        """Return the most likely label of each row, int32 (n,); None where classes are others."""
        return np.asarray(logits.argmax(axis=1), np.int32) if self.num_classes else None

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the most likely label of each image, int32, (n,); takes what features takes.

        Raises:
            ScoreError: If the network was trained on other classes than the data set's.
        """
        if not self.num_classes:
            raise ScoreError(
                f"{self.name}: its classes are not those of the data set, so it cannot tell "
                f"labels. Use an extractor trained on the labels: gansweep extractor."
            )
        return np.asarray(self.logits(images).argmax(axis=1), dtype=np.int32)

    def forward(self, images: tf.Tensor) -> Any:
        """Return features and logits of a uint8 batch, as tensors."""
        return self._model(tf.cast(images, tf.float32), training=False)

    def _apply(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        self.check(images)
        return in_batches(self._run, images, self.batch_size)

    def check(self, images: NDArray[np.uint8]) -> None:
        """Refuse images of another type or shape; see `features`."""
        if images.dtype != np.uint8:
            raise ScoreError(
                f"{self.name}: images must be uint8 from 0 to 255; received {images.dtype}. "
                f"Undo the scaling, round, clip and cast before scoring."
            )
        if images.ndim != 4 or images.shape[1:] != self.image_shape or not len(images):
            raise ScoreError(
                f"{self.name}: images must have the shape (n, {self.image_shape[0]}, "
                f"{self.image_shape[1]}, {self.image_shape[2]}), n at least 1; received "
                f"{images.shape}. Use an extractor trained on images of that shape: "
                f"gansweep extractor."
            )


def in_batches(run: Any, images: NDArray[np.uint8], size: int) -> tuple[NDArray[np.float32], ...]:
    """Return the outputs of a compiled function of one batch size; the last batch is padded.

    Args:
        run: From a uint8 batch to a flat list of tensors, one row an image.
        images: uint8, (n, height, width, channels).
        size: Images a call.
    """
    results = []
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        padding = [(0, size - len(batch))] + [(0, 0)] * 3
        outputs = run(tf.constant(np.pad(batch, padding)))
        results.append([output.numpy()[: len(batch)] for output in outputs])
    return tuple(np.concatenate(parts) for parts in zip(*results, strict=True))


# Architecture, logits, whether these are the classes of Fashion-MNIST, and hash of the weights.
SHIPPED = {
    "fashion_cnn": (
        "classifier",
        10,
        True,
        "d1211d0805869ae87b49e0e3ea4163a26542833cdd7217a4eb06fdf6bcd77910",
    ),
    "fashion_stacked": (
        "stacked",
        10,
        True,
        "12d1c80f23bdb67b0963f8fde58ec5b234072cf4afc82b2ba4fe6e69d16d6b59",
    ),
    "fashion_turns": (
        "stacked",
        4,
        False,
        "6f373f3b3a7088cd5e44bab860f6fb5d4202ab729e19a4a17bb705caceb52f91",
    ),
    "fashion_pixels": (
        "pixels",
        64,
        False,
        "730ad7698595f90490b26afe40803252b55c9a3f8fc7033102e62e94335bcd4c",
    ),
}


def _load_shipped(name: str, _: ImageShape | None, weights: Path | None) -> Extractor:
    _refuse_weights(name, weights)
    architecture, logits, labels, sha256 = SHIPPED[name]
    model = ARCHITECTURES[architecture]((28, 28, 1), logits)
    read_weights(model, EMBEDDED_FOLDER / name / WEIGHTS_FILE, sha256)
    return Extractor(name, sha256, model, num_classes=None if labels else 0)


def _load_inception(image_shape: ImageShape | None, weights: Path | None) -> Extractor:
    if image_shape is None:
        raise ConfigError(
            "extractor: inception resizes images of any shape and has to know which; received "
            "none. Pass image_shape, (height, width, channels)."
        )
    model = inception.build_inception(image_shape)
    arrays = load_inception_weights(weights, inception.weight_shapes(model))
    inception.set_inception_weights(model, arrays)
    return Extractor(
        "inception",
        inception.hash_weights(arrays),
        model,
        batch_size=inception.BATCH_SIZE,
        resize=inception.RESIZE,
        num_classes=0,
    )


# The extension point: a function that loads an extractor, by the name that scores will carry. It
# is given the shape of the images and the path of the weights, and may need neither.
EXTRACTORS: dict[str, Callable[[ImageShape | None, Path | None], Extractor]] = {
    **{name: functools.partial(_load_shipped, name) for name in SHIPPED},
    "inception": _load_inception,
}


def load_extractor(
    name_or_folder: str | Path,
    *,
    image_shape: ImageShape | None = None,
    weights: Path | None = None,
) -> Extractor:
    """Load an extractor by its name, or from a folder written by `gansweep extractor`.

    Args:
        name_or_folder: Key of EXTRACTORS, or the folder's path.
        image_shape: (height, width, channels) of the images to come, for an extractor that
            resizes; the others know the shape they were trained on.
        weights: File of the weights, for an extractor that does not bring its own.

    Raises:
        ConfigError: If it is neither, or is given weights that it has no use for.
        StorageError: If the weights are missing, damaged or not those the record names.
        MissingExtraError: If reading them needs a package that is not installed.
    """
    name = str(name_or_folder)
    if name in EXTRACTORS:
        return EXTRACTORS[name](image_shape, weights)
    folder, names = Path(name_or_folder), (PANEL, *EXTRACTORS)
    if not (folder / RECORD_FILE).is_file():
        raise ConfigError(
            f"extractor: received {name!r}; expected {', '.join(names)}, or a folder written "
            f"by gansweep extractor.{near_miss(name, names)}"
        )
    _refuse_weights(name, weights)
    return _load_folder(folder)


def _load_folder(folder: Path) -> Extractor:
    record = read_json(folder / RECORD_FILE)
    try:
        height, width, channels = record["image_shape"]
        sha256, identifier = str(record["sha256"]), str(record["id"])
        classes = record["num_classes"]
        # What another's record claims must not become a network that fills the memory.
        most = ((height, MAX_SIZE), (width, MAX_SIZE), (channels, 3), (classes, MOST_CLASSES))
        for received, limit in most:
            if type(received) is not int or not 1 <= received <= limit:
                raise ValueError(f"expected whole numbers from 1 to {limit}; received {received}")
        build = ARCHITECTURES[record.get("architecture", "classifier")]
        model = build((height, width, channels), classes)
        labels = record.get("task", "labels") == "labels"
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{folder / RECORD_FILE}: expected id, sha256, image_shape and num_classes; "
            f"{type(error).__name__}: {error}. Train the extractor again."
        ) from error
    read_weights(model, folder / WEIGHTS_FILE, sha256)
    return Extractor(identifier, sha256, model, num_classes=None if labels else 0)


def _refuse_weights(name: str, weights: Path | None) -> None:
    if weights is not None:
        raise ConfigError(
            f"weights: received {weights}, but the extractor {name} brings its own. Leave the "
            f"option out."
        )
