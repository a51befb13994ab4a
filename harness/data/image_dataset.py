"""`ImageDataset`: the one form in which images reach training and metrics."""

import dataclasses
import functools
import hashlib

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DataError


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """The images of one split, and their labels where they have any.

    Args:
        name: Data set and split, e.g. `fashion_mnist/validation`.
        images: uint8, (n, height, width, channels), channels 1 or 3.
        labels: int32, (n,), from 0; None for an unlabelled data set.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        shape = self.images.shape
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or shape[3] not in (1, 3):
            raise DataError(
                f"{self.name}: images must be uint8 of shape (n, height, width, 1 or 3); "
                f"received {self.images.dtype} of shape {shape}."
            )
        if self.labels is not None and self.labels.shape != (len(self.images),):
            raise DataError(
                f"{self.name}: one label an image is expected; received {len(self.images)} "
                f"images and labels of shape {self.labels.shape}."
            )

    def __len__(self) -> int:
        return len(self.images)

    @functools.cached_property
    def sha256(self) -> str:
        """Return the hash of images and labels, their shapes included."""
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(self.labels.astype("<i4").data)
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True, eq=False)
class ImageDataset:
    """The three splits of a data set.

    Training sees `train`, the search scores against `validation`; only confirmation, export and
    evaluation touch `test`.

    Args:
        name: Short name, used in protocols and folders.
        train: What the GANs learn from.
        validation: What the search scores against.
        test: What the search never sees.
        class_names: One name a label, in order; None for an unlabelled data set.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...] | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (height, width, channels)."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    @property
    def num_classes(self) -> int:
        """Return the number of classes; 0 for an unlabelled data set."""
        return len(self.class_names) if self.class_names else 0


def check_sides(dataset: ImageDataset, origin: str = "") -> ImageDataset:
    """Return a data set to train networks on, which halve and double images twice.

    Args:
        dataset: The data set.
        origin: Where it comes from, for the message; its name by default.

    Raises:
        DataError: If a side of the images is not a multiple of 4.
    """
    height, width, _ = dataset.image_shape
    if height % 4 or width % 4:
        size = max(4, min(height, width) // 4 * 4)
        raise DataError(
            f"{origin or dataset.name}: images are {height} x {width} pixels; the networks need "
            f"sides that are multiples of 4. Have them resized: --image-size {size}."
        )
    return dataset
