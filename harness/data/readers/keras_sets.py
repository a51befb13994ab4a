"""Load MNIST and CIFAR-10 through Keras, which downloads them into its cache once."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DataError
from harness.core.process import keras_home
from harness.data.download import probe, quiet_keras
from harness.data.image_dataset import Split
from harness.data.source import DEFAULT_SHARES, Source, as_labels

_CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class KerasSet:
    """One of `keras.datasets`.

    Args:
        name: Its name there and here.
        file: Where Keras keeps it, below `datasets/` in its folder.
        sha256: Hash of that file.
        origin: Where Keras fetches it from.
        class_names: One name a label.
        shares: How the published training images are divided into training and validation.
    """

    name: str
    file: str
    sha256: str
    origin: str
    class_names: tuple[str, ...]
    shares: tuple[int, ...] = DEFAULT_SHARES

    @property
    def path(self) -> Path:
        """Return where Keras keeps it on this machine."""
        return keras_home() / "datasets" / self.file


KERAS_SETS = {
    each.name: each
    for each in (
        KerasSet(
            "mnist",
            file="mnist.npz",
            sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            origin="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
            class_names=tuple("0123456789"),
        ),
        KerasSet(
            "cifar10",
            file="cifar-10-batches-py-target_archive",
            sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            origin="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            class_names=_CIFAR10,
            shares=(4, 1),  # 40,000 and 10,000: as many as a score compares
        ),
    )
}


def load_keras_set(name: str) -> Source:
    """Load MNIST (28 x 28, gray) or CIFAR-10 (32 x 32, RGB) from Keras' cache, or download it.

    Args:
        name: Key of KERAS_SETS.

    Returns:
        The published training images to draw training and validation from, and the test images.

    Raises:
        DataError: If the cached file is not the published one, or it is not there and cannot be
            downloaded.

    References:
        LeCun et al. 1998, "Gradient-based learning applied to document recognition"; Krizhevsky
        2009, "Learning multiple layers of features from tiny images".
    """
    wanted = KERAS_SETS[name]
    _check_cache(wanted)
    try:
        with quiet_keras() as keras:
            pairs = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises bare Exception, and whatever a broken file runs into
        raise DataError(
            f"{name}: Keras could not load it: {error}. Put {wanted.origin} into {wanted.path}."
        ) from error
    pool, test = (_split(name, *pair) for pair in pairs)
    return Source(
        pool,
        test=test,
        class_names=wanted.class_names,
        shares=wanted.shares,
    )


def _check_cache(wanted: KerasSet) -> None:
    """Refuse a changed file, which Keras would replace, and a download without a network."""
    path = wanted.path
    if not path.exists():
        fault = probe(wanted.origin)
        if fault is not None:
            raise DataError(
                f"{wanted.name} is not in Keras' cache and could not be downloaded: "
                f"{wanted.origin} did not answer: {fault} Put that file into {path}."
            )
        return
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    if digest != wanted.sha256:
        raise DataError(
            f"{path}: SHA-256 is {digest}; expected {wanted.sha256}, as of the "
            f"published file. Delete it, and Keras will download it again."
        )


def _split(name: str, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    return Split(name, images if images.ndim == 4 else images[..., np.newaxis], as_labels(labels))
