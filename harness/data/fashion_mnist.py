"""Find, check and split Fashion-MNIST: 70,000 gray images of 28 x 28 in ten classes."""

import dataclasses
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.core.errors import DataError
from harness.core.process import keras_home
from harness.data.download import download_files
from harness.data.image_dataset import ImageDataset, Split
from harness.data.readers.idx import read_idx
from harness.data.source import Source, as_labels
from harness.data.splitting import hold_out, split_dataset

NAME = "fashion_mnist"
CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip

# SHA-256 of the decompressed idx bytes, not of the .gz files: those differ between the upstream
# and the Debian package (24 bytes of file name in the gzip header) and after any recompression.
FILES = {
    "train-images-idx3-ubyte.gz": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte.gz": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}

VALIDATION_PER_CLASS = 1_000
DATA_DIR_VARIABLE = "HARNESS_DATA_DIR"
SYSTEM_DIR = Path("/usr/share/datasets/fashion-mnist")
DEBIAN_PACKAGE = "dataset-fashion-mnist"
# Where Keras itself fetches the files (`keras.datasets.fashion_mnist`).
ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


@dataclasses.dataclass(frozen=True)
class DataLocation:
    """A folder that holds the four files, and what to do when one of them is bad.

    Args:
        folder: Where the files lie.
        remedy: A sentence for error messages.
    """

    folder: Path
    remedy: str


def load_fashion_mnist(data_dir: Path | None = None) -> ImageDataset:
    """Load Fashion-MNIST from the first place that has it, downloading it if none does.

    The order: `data_dir`, else the folder named by HARNESS_DATA_DIR; the system's installed
    package; the Keras cache; a download into the Keras cache. A bad file stops the search: data
    that differ from what was asked for must never be replaced silently.

    Args:
        data_dir: Folder that holds the four files, itself or in `fashion-mnist/`.

    Returns:
        50,000 / 10,000 / 10,000 images, uint8, (n, 28, 28, 1), read-only; labels int32.
        Validation is taken out of the 60,000, 1,000 a class; test is the published test set.

    Raises:
        DataError: A file is damaged or differs from the published one, the named folder lacks
            files, or no way to get the data works.

    References:
        Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747.
    """
    return split_dataset(read_location(find_location(data_dir) or download_location()))


def find_location(data_dir: Path | None = None) -> DataLocation | None:
    """Return the first place on this machine that has the files; None if there is none.

    Args:
        data_dir: As for `load_fashion_mnist`.

    Raises:
        DataError: The folder asked for, or the installed package, is there but incomplete.
    """
    named, source = data_dir, "--data-dir"
    if named is None and os.environ.get(DATA_DIR_VARIABLE):
        named, source = Path(os.environ[DATA_DIR_VARIABLE]), DATA_DIR_VARIABLE
    if named is not None:
        named = named.expanduser()
        remedy = f"Put the published files there, or leave {source} unset."
        folder = next((f for f in (named, named / "fashion-mnist") if _missing(f) == []), None)
        if folder is None:
            raise _incomplete(f"{named} (from {source})", _missing(named), remedy)
        return DataLocation(folder, remedy)
    absent = _missing(SYSTEM_DIR)
    remedy = f"Reinstall it: apt-get install --reinstall {DEBIAN_PACKAGE}."
    if 0 < len(absent) < len(FILES):
        raise _incomplete(f"{SYSTEM_DIR}", absent, remedy)
    if not absent:
        return DataLocation(SYSTEM_DIR, remedy)
    # An incomplete Keras cache is no fault: Keras fetches file by file, and may be interrupted.
    return None if _missing(keras_cache()) else _keras_place()


def download_location() -> DataLocation:
    """Fetch the files that the Keras cache lacks, through Keras, and return the cache.

    Each file is checked before it enters the cache, so that a broken download leaves nothing.

    Raises:
        DataError: Names every way to provide the data, and why the download failed.
    """
    try:
        download_files(
            {name: FILES[name] for name in _missing(keras_cache())},
            ORIGIN,
            target=keras_cache(),
        )
    except DataError as error:
        raise DataError(
            "Fashion-MNIST is not on this machine and could not be downloaded. "
            f"Use one of these ways:\n"
            f"  1. --data-dir FOLDER, with the four files {', '.join(FILES)};\n"
            f"  2. {DATA_DIR_VARIABLE}=FOLDER in the environment, likewise;\n"
            f"  3. `make data`, which tries all the others;\n"
            f"  4. Debian's package: apt-get install {DEBIAN_PACKAGE} (into {SYSTEM_DIR});\n"
            f"  5. the four files in the Keras cache, {keras_cache()};\n"
            f"  6. a network: download failed because {error}"
        ) from error
    return _keras_place()


def read_location(place: DataLocation) -> Source:
    """Read and check the four files of one place; validation images are held out of the 60,000.

    Raises:
        DataError: A file is missing, damaged, or not the published one.
    """
    arrays = {
        name: read_idx(place.folder / name, sha256=digest, remedy=place.remedy)
        for name, digest in FILES.items()
    }
    train_images, train_labels, test_images, test_labels = arrays.values()
    held_out = validation_mask(train_labels)
    return Source(
        _split(train_images[~held_out], train_labels[~held_out]),
        validation=_split(train_images[held_out], train_labels[held_out]),
        test=_split(test_images, test_labels),
        class_names=CLASS_NAMES,
    )


def validation_mask(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Choose the validation images: of each class, the 1,000 whose index hashes lowest.

    Args:
        labels: Classes in file order, (n,).

    Returns:
        True for validation, (n,); the rest is training. The published files give 1,000 a class.
    """
    return hold_out(labels, f"{NAME}/validation", lambda size: VALIDATION_PER_CLASS)


def keras_cache() -> Path:
    """Return the folder where Keras keeps Fashion-MNIST, found without importing Keras."""
    return keras_home() / "datasets" / "fashion-mnist"


def _keras_place() -> DataLocation:
    return DataLocation(keras_cache(), "Delete the file and run `make data`.")


def _missing(folder: Path) -> list[str]:
    # Unlike Path.exists, this answers rather than raises for a folder that may not be entered.
    return [name for name in FILES if not os.access(folder / name, os.F_OK)]


def _incomplete(where: str, absent: list[str], remedy: str) -> DataError:
    return DataError(
        f"{where}: Fashion-MNIST is incomplete here; received no {', '.join(absent)}; "
        f"expected all four of {', '.join(FILES)}. {remedy}"
    )


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    return Split(NAME, images[..., np.newaxis], as_labels(labels))
