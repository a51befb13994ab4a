"""Draw pictures with an exported generator in this process, for notebooks and scripts."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.core.errors import ConfigError, StorageError
from harness.core.files import inside, read_json
from harness.exporting.formats import DESCRIPTION, FORMATS
from harness.exporting.interpolation import walk
from harness.exporting.scoring import Original
from harness.exporting.templates.generate import class_number
from harness.gan.sampling import latent_noise, load_generator
from harness.training.grid import COLUMNS, draw_grid

_FILE = FORMATS["keras"].file
_SIDE = 64
"""Pixels of a side that small images are enlarged to, at most."""


class ExportedGenerator:
    """The generator of a bundle, which draws what it is asked for as pictures.

    Args:
        folder: What `export_bundle` wrote, with its Keras file.

    Attributes:
        class_names: What it can be asked for, by number; none where it has no classes.
        latent_dim: Length of its noise vector.

    Raises:
        ConfigError: If the folder is no such bundle.
        StorageError: If one of its files cannot be read or leads elsewhere.
    """

    def __init__(self, folder: Path) -> None:
        network, description = inside(folder, _FILE), inside(folder, DESCRIPTION)
        if network is None or description is None:
            raise ConfigError(
                f"{folder}: expected the folder of an exported bundle; received one without "
                f"{DESCRIPTION if network else _FILE}. Make one by export_bundle, whose formats "
                f"have keras among them."
            )
        about = read_json(description)
        names = about.get("class_names") if isinstance(about, dict) else None
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise StorageError(f"{description}: expected class_names. Restore it from a copy.")
        self.class_names = tuple(names)
        self._original = Original(load_generator(network))
        self.latent_dim = self._original.latent_dim

    def draw(
        self, label: str | int | None = None, *, count: int = COLUMNS, seed: int = 0
    ) -> Image.Image:
        """Return images of one class in rows of ten, or of each class in rows of its own.

        Args:
            label: Name or number of a class; None for all, or where there are none.
            count: How many images, of each class.
            seed: Origin of the noise.

        Raises:
            ConfigError: If there is no such class, or nothing to draw.
        """
        if count < 1 or seed < 0:
            raise ConfigError(
                f"count must be at least 1 and seed at least 0; received count {count} and seed "
                f"{seed}."
            )
        classes = self._classes(label)
        rows = -(-count // COLUMNS)
        # Rows are filled up where each begins a class.
        size = rows * COLUMNS if len(classes) > 1 else count
        labels = np.repeat(classes, size)
        noise = latent_noise(seed, len(labels), self.latent_dim)
        return self._picture(noise, labels, rows)

    def interpolate(
        self, label: str | int | None = None, *, seeds: tuple[int, int] = (0, 1)
    ) -> Image.Image:
        """Return ten images a row on the way from one noise vector to another, along an arc.

        Args:
            label: Name or number of a class; None for a row for each, all on the same way.
            seeds: Where the way begins and ends.

        Raises:
            ConfigError: If there is no such class.
        """
        if min(seeds) < 0:
            raise ConfigError(f"seeds must be at least 0; received {seeds}.")
        classes = self._classes(label)
        ends = np.concatenate([latent_noise(seed, 1, self.latent_dim) for seed in seeds])
        route = walk(ends, COLUMNS - 1)[:COLUMNS]  # it is closed: what follows leads back
        noise = np.tile(route, (len(classes), 1))
        return self._picture(noise, np.repeat(classes, COLUMNS), 1)

    def _classes(self, label: str | int | None) -> NDArray[np.int32]:
        if label is None:
            return np.arange(max(1, len(self.class_names)), dtype=np.int32)
        number = class_number(str(label), list(self.class_names))
        if number is None:
            known = ", ".join(f"{k} {name}" for k, name in enumerate(self.class_names))
            raise ConfigError(
                f"label: received {label!r}; expected "
                f"{f'one of {known}' if known else 'None, for the generator has no classes'}."
            )
        return np.array([number], np.int32)

    def _picture(
        self, noise: NDArray[np.float32], labels: NDArray[np.int32], rows: int
    ) -> Image.Image:
        """Return a grid of images; where it shows several classes, with their names.

        Args:
            noise: (n, latent_dim).
            labels: (n,), class after class.
            rows: How many rows a class takes; its name stands at the first.
        """
        names: list[str] = []
        if len(set(labels.tolist())) > 1:
            for name in self.class_names:
                names += [name, *[""] * (rows - 1)]
        pixels = self._original.pixels(noise, labels)
        return draw_grid(pixels, row_names=tuple(names) or None, scale=_scale(pixels))


def _scale(pixels: NDArray[np.uint8]) -> int:
    """Return how much to enlarge images so that one can be looked at."""
    return max(1, _SIDE // int(max(pixels.shape[1:3])))
