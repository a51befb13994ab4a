"""Load a data set by name, or the user's own images by scheme and path."""

import functools
from collections.abc import Callable
from pathlib import Path

from harness.core.errors import ConfigError, near_miss
from harness.data.fashion_mnist import download_location, find_location, read_location
from harness.data.fitting import ImageForm, fit_images
from harness.data.image_dataset import ImageDataset, Split
from harness.data.memory import within_memory
from harness.data.readers.csv_table import load_csv
from harness.data.readers.idx import load_idx
from harness.data.readers.image_folder import load_folder
from harness.data.readers.keras_sets import load_keras_set
from harness.data.readers.npz import load_npz
from harness.data.request import DatasetRequest
from harness.data.source import Source, keep_classes
from harness.data.splitting import split_dataset

# The extension points: a function from the folder asked for (None: search) to images, and one from
# the path after `SCHEME:` to images of the user's own. Only a folder of files must know the form
# asked for while it reads.
DATASETS: dict[str, Callable[[Path | None], Source]] = {
    "fashion_mnist": lambda place: read_location(find_location(place) or download_location()),
    "mnist": lambda _: load_keras_set("mnist"),
    "cifar10": lambda _: load_keras_set("cifar10"),
}
SCHEMES: dict[str, Callable[[Path, ImageForm], Source]] = {
    "folder": load_folder,
    "npz": lambda path, _: load_npz(path),
    "idx": lambda path, _: load_idx(path),
    "csv": lambda path, _: load_csv(path),
}


def load_dataset(name: str, data_dir: Path | None = None) -> ImageDataset:
    """Load one of DATASETS, or the user's own images by one of SCHEMES.

    Args:
        name: Key of DATASETS, e.g. `fashion_mnist`; or a scheme and a path, e.g.
            `folder:data/flowers`, where a relative path begins at the current folder. Options may
            follow a `?`, as `DatasetRequest` reads them: `folder:data/flowers?size=32`.
        data_dir: Folder that holds the files of one of DATASETS; None searches where the data
            set usually lies.

    Returns:
        The data set, checked.

    Raises:
        ConfigError: There is no data set of that name, or an option makes no sense.
        DataError: Its files are missing or damaged.
    """
    request = DatasetRequest.parse(name)
    with within_memory(request.source):
        source = _load_source(request, data_dir)
        if request.classes:
            source = keep_classes(source, request.classes)
        source = source.mapped(functools.partial(_fit, request=request))
        return split_dataset(source, request.split)


def _load_source(request: DatasetRequest, data_dir: Path | None) -> Source:
    scheme, _, path = request.source.partition(":")
    if scheme in SCHEMES and path:
        return SCHEMES[scheme](Path(path), request.form)
    if request.source in DATASETS:
        return DATASETS[request.source](data_dir)
    known = [*sorted(DATASETS), *(f"{scheme}:PATH" for scheme in SCHEMES)]
    raise ConfigError(
        f"dataset: received {request.source!r}; expected one of {', '.join(known)}."
        f"{near_miss(request.source, DATASETS)}"
    )


def _fit(split: Split, request: DatasetRequest) -> Split:
    images = fit_images(split.images, request.form)
    return Split(request.name or split.name, images, split.labels)
