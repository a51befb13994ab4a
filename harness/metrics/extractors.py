"""Turn images into the features that scores are computed from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from harness.errors import ConfigError, ScoreError, near_miss
from harness.files import read_json
from harness.metrics.classifier import build_classifier
from harness.metrics.weight_files import read_weights

BATCH_SIZE = 500
WEIGHTS_FILE = "weights.npz"
RECORD_FILE = "extractor.json"
EMBEDDED_FOLDER = Path(__file__).parent / "weights"
FASHION_CNN_SHA256 = "d1211d0805869ae87b49e0e3ea4163a26542833cdd7217a4eb06fdf6bcd77910"


class Extractor:
    """Run a classifier over images and hand out its hidden layer, or its verdict.

    Every call uses one compiled function of one batch size, the last batch padded, so that an
    image's features do not depend on how many others came with it.

    Args:
        name: What stands in the name of every score, e.g. `fashion_cnn`.
        sha256: Hash of the weights; with the name it says exactly which features these are.
        model: From float32 images in [0, 255] to two outputs, features and logits.
    """

    def __init__(self, name: str, sha256: str, model: keras.Model) -> None:
        self.name = name
        self.sha256 = sha256
        self._model = model
        height, width, channels = model.input_shape[1:]
        self.image_shape: tuple[int, int, int] = (height, width, channels)
        self.num_classes = int(model.output_shape[1][-1])
        self._run = tf.function(
            self._forward,
            input_signature=[tf.TensorSpec((BATCH_SIZE, *self.image_shape), tf.uint8)],
        )

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features of each image, float32, (n, d).

        Args:
            images: uint8, (n, height, width, channels), as the files of the data set hold them.

        Raises:
            ScoreError: If they are not uint8, or of another shape than the extractor's. Scaled
                floats would give a number too, and a wrong one.
        """
        return self._apply(images, output=0)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the classifier's logits, float32, (n, num_classes); takes what features takes."""
        return self._apply(images, output=1)

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the most likely label of each image, int32, (n,); takes what features takes."""
        return np.asarray(self.logits(images).argmax(axis=1), dtype=np.int32)

    def _forward(self, images: tf.Tensor) -> Any:
        return self._model(tf.cast(images, tf.float32), training=False)

    def _apply(self, images: NDArray[np.uint8], output: int) -> NDArray[np.float32]:
        self._check(images)
        results = []
        for start in range(0, len(images), BATCH_SIZE):
            batch = images[start : start + BATCH_SIZE]
            padding = [(0, BATCH_SIZE - len(batch))] + [(0, 0)] * 3
            values = self._run(tf.constant(np.pad(batch, padding)))[output].numpy()
            results.append(values[: len(batch)])
        return np.concatenate(results)

    def _check(self, images: NDArray[np.uint8]) -> None:
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
                f"python -m harness.extractor."
            )


def _load_fashion_cnn() -> Extractor:
    folder = EMBEDDED_FOLDER / "fashion_cnn"
    model = build_classifier((28, 28, 1), 10)
    read_weights(model, folder / WEIGHTS_FILE, FASHION_CNN_SHA256)
    return Extractor("fashion_cnn", FASHION_CNN_SHA256, model)


# The extension point: a function that loads an extractor, by the name that scores will carry.
EXTRACTORS: dict[str, Callable[[], Extractor]] = {"fashion_cnn": _load_fashion_cnn}


def load_extractor(name_or_folder: str | Path) -> Extractor:
    """Load an extractor by its name, or from a folder written by `python -m harness.extractor`.

    Args:
        name_or_folder: Key of EXTRACTORS, or the folder's path.

    Raises:
        ConfigError: If it is neither.
        StorageError: If the weights are missing, damaged or not those the record names.
    """
    name = str(name_or_folder)
    if name in EXTRACTORS:
        return EXTRACTORS[name]()
    folder = Path(name_or_folder)
    if not (folder / RECORD_FILE).is_file():
        raise ConfigError(
            f"extractor: received {name!r}; expected {', '.join(EXTRACTORS)}, or a folder written "
            f"by python -m harness.extractor.{near_miss(name, EXTRACTORS)}"
        )
    record = read_json(folder / RECORD_FILE)
    try:
        height, width, channels = record["image_shape"]
        sha256, identifier = str(record["sha256"]), str(record["id"])
        model = build_classifier((height, width, channels), int(record["num_classes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{folder / RECORD_FILE}: expected id, sha256, image_shape and num_classes; "
            f"{type(error).__name__}: {error}. Train the extractor again."
        ) from error
    read_weights(model, folder / WEIGHTS_FILE, sha256)
    return Extractor(identifier, sha256, model)
