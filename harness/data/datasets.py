"""Load a data set by name."""

from collections.abc import Callable
from pathlib import Path

from harness.data.fashion_mnist import load_fashion_mnist
from harness.data.images import ImageDataset
from harness.data.npz import load_npz
from harness.errors import ConfigError, near_miss

# The extension points: a function from the folder asked for (None: search) to a data set, and one
# from the path after `SCHEME:` to a data set of the user's own.
DATASETS: dict[str, Callable[[Path | None], ImageDataset]] = {
    "fashion_mnist": load_fashion_mnist,
}
SCHEMES: dict[str, Callable[[Path], ImageDataset]] = {
    "npz": load_npz,
}


def load_dataset(name: str, data_dir: Path | None = None) -> ImageDataset:
    """Load one of DATASETS, or the user's own images by one of SCHEMES.

    Args:
        name: Key of DATASETS, e.g. `fashion_mnist`; or a scheme and a path, e.g.
            `npz:data/flowers.npz`, where a relative path begins at the current folder.
        data_dir: Folder that holds the files of one of DATASETS; None searches where the data
            set usually lies.

    Returns:
        The data set, checked.

    Raises:
        ConfigError: There is no data set of that name.
        DataError: Its files are missing or damaged.
    """
    scheme, _, path = name.partition(":")
    if scheme in SCHEMES and path:
        return SCHEMES[scheme](Path(path))
    if name not in DATASETS:
        known = [*sorted(DATASETS), *(f"{scheme}:PATH" for scheme in SCHEMES)]
        raise ConfigError(
            f"dataset: received {name!r}; expected one of {', '.join(known)}."
            f"{near_miss(name, DATASETS)}"
        )
    return DATASETS[name](data_dir)
