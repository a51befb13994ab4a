"""Load a data set by name."""

from collections.abc import Callable
from pathlib import Path

from harness.data.fashion_mnist import load_fashion_mnist
from harness.data.images import ImageDataset
from harness.errors import ConfigError, near_miss

# The extension point: a function from the folder asked for (None: search) to a data set.
DATASETS: dict[str, Callable[[Path | None], ImageDataset]] = {
    "fashion_mnist": load_fashion_mnist,
}


def load_dataset(name: str, data_dir: Path | None = None) -> ImageDataset:
    """Load one of DATASETS.

    Args:
        name: Key of DATASETS, e.g. `fashion_mnist`.
        data_dir: Folder that holds its files; None searches where the data set usually lies.

    Returns:
        The data set, checked.

    Raises:
        ConfigError: There is no data set of that name.
        DataError: Its files are missing or damaged.
    """
    # A scheme for the user's own images (`folder:PATH`) is a split of the name at its first colon
    # here, and an entry that takes the path.
    if name not in DATASETS:
        raise ConfigError(
            f"dataset: received {name!r}; expected one of {', '.join(sorted(DATASETS))}."
            f"{near_miss(name, DATASETS)}"
        )
    return DATASETS[name](data_dir)
